#pragma once

#include <cstdint>
#include <string>

#include "rbit/base/fd.h"

namespace rbit {

/// Prints what a job's log gains, while the job writes it, to standard output or standard error: as
/// it is into a file or a pipe, escaped line by line on a terminal. A log that is not there yet is
/// waited for. Of one that grows beyond its limit the middle is taken out meanwhile: what was not
/// printed before is left out, and a line says so.
class OutputTail {
 public:
  /// `since`, microseconds since 1970: an older log is one of an earlier job of that name, which is
  /// about to go.
  explicit OutputTail(std::string path, std::int64_t since = 0, bool to_error = false);

  /// Prints what has come since.
  void print_new();
  /// The same at the end of the log, with a last line that has no end.
  void finish();
  /// Whether there was anything.
  bool has_printed() const { return has_printed_; }

 private:
  bool open();
  void find_place(std::int64_t size);
  void put(std::string_view bytes);

  std::string path_;
  std::int64_t since_;
  bool to_error_, escapes_;
  Fd file_;
  std::int64_t place_ = 0;  // so many bytes of the file were printed
  std::string last_;        // the last ones of them, by which the place is found again
  std::string line_;        // on a terminal: the beginning of one that has no end yet
  bool has_printed_ = false;
};

}  // namespace rbit
