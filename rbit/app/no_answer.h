#pragma once

#include <chrono>
#include <string>

#include "rbit/base/result.h"

namespace rbit {

/// `submit --reply` has waited as long as it was told to.
inline Fatal no_answer(const std::string& id, std::chrono::milliseconds patience) {
  return Fatal(ExitCode::temporary,
               Error{"message " + id,
                     "there is no answer after " + std::to_string(patience.count() / 1000) + " s",
                     "it is in its queue or runs: ask rbit explain for it"});
}

}  // namespace rbit
