#pragma once

#include <string>

#include "rbit/base/result.h"

namespace rbit {

/// Who hears what `rbit check` finds, as it is found.
class Findings {
 public:
  virtual ~Findings() = default;

  virtual void ok(const std::string& what) = 0;
  /// Nothing is lost by it, but it may not be what is meant.
  virtual void warn(const Error& error) = 0;
  virtual void fail(const Error& error) = 0;
};

}  // namespace rbit
