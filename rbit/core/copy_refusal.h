#pragma once

namespace rbit {

/// Why a copy that a settlement wanted was not taken, while the broker is there.
enum class CopyRefusal {
  none,     // it was taken, or the broker is not there
  for_now,  // the broker is blocked: it takes nothing from anybody, perhaps for hours
  lasting,  // the queue it goes to does not take it
};

}  // namespace rbit
