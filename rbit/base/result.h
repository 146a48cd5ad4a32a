#pragma once

#include <boost/system/result.hpp>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/exit_code.h"

namespace rbit {

/// What went wrong: the thing it happened to, the reason, and the cure where there is one.
struct Error {
  std::string thing;
  std::string reason;
  std::string cure;
  int number = 0;  // errno, where a system call's failure is all there is to it
  /// Of a message: what exactly is wrong with it, where `reason` names the sort of mistake only.
  std::string detail;

  Error() = default;
  Error(std::string its_thing, std::string its_reason, std::string its_cure = "")
      : thing(std::move(its_thing)), reason(std::move(its_reason)), cure(std::move(its_cure)) {}

  /// What a system call failed with.
  static Error of_system(std::string thing, int number, std::string cure = "") {
    Error error(std::move(thing), std::strerror(number), std::move(cure));
    error.number = number;
    return error;
  }

  /// The same with what was being done: "cannot be made: No such file or directory".
  static Error while_doing(const std::string& doing, std::string thing, int number,
                           std::string cure = "") {
    Error error = of_system(std::move(thing), number, std::move(cure));
    error.reason = doing + ": " + error.reason;
    return error;
  }

  /// "thing: reason", on one line; empty parts are left out.
  std::string what() const {
    return thing.empty() ? reason : reason.empty() ? thing : thing + ": " + reason;
  }
  /// "thing: reason (cure)"
  std::string text() const { return cure.empty() ? what() : what() + " (" + cure + ")"; }
};

/// The value or the Error. Functions return it once the program runs; nothing escapes into the
/// loop.
template <class T = void>
using Result = boost::system::result<T, Error>;

/// Thrown at start-up only, where nothing can go on; `main` prints the lines and ends with the
/// code.
class Fatal : public std::runtime_error {
 public:
  Fatal(ExitCode code, std::vector<std::string> lines)
      : std::runtime_error(lines.empty() ? "fatal" : lines.front()),
        code_(code),
        lines_(std::move(lines)) {}
  Fatal(ExitCode code, const Error& error) : Fatal(code, std::vector{error.text()}) {}

  ExitCode code() const { return code_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  ExitCode code_;
  std::vector<std::string> lines_;
};

/// What `Result::value()` calls when there is none (Boost.System finds it by its argument).
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw Fatal(ExitCode::internal, error);
}

}  // namespace rbit
