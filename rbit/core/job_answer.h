#pragma once

#include <string>

namespace rbit {

/// What the end of a job answers to who waits for it.
struct JobAnswer {
  std::string status;   // "Done", "Failed", "Cancelled"
  std::string message;  // of that status
  std::string result;   // JSON; empty: none
};

}  // namespace rbit
