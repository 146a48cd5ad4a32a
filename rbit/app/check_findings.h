#pragma once

#include <string>

#include "rbit/config/settings.h"
#include "rbit/core/findings.h"

namespace rbit {

/// What `rbit check` has found, told as it is found: one line each, for people or as JSON.
class CheckFindings : public Findings {
 public:
  /// `strict`: what may not be what is meant is a failure, where the file itself says it.
  CheckFindings(bool json, bool strict) : json_(json), strict_(strict) {}

  void ok(const std::string& what) override { tell(Level::ok, what, "", nullptr); }
  void warn(const Error& error) override { tell(Level::warn, error.what(), error.cure, nullptr); }
  void fail(const Error& error) override { tell(Level::fail, error.what(), error.cure, nullptr); }
  /// One of the file's own.
  void add(const config::Finding& finding);

  bool failed() const { return failed_; }

 private:
  enum class Level { ok, warn, fail };
  void tell(Level level, const std::string& what, const std::string& cure,
            const config::Place* place);

  bool json_, strict_, failed_ = false;
};

}  // namespace rbit
