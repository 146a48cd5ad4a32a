#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/base/secrets.h"
#include "rbit/core/job.h"
#include "rbit/run/spare_logs.h"

namespace rbit {

/// The output of one attempt, stdout and stderr together, as it came:
/// <log-dir>/<queue>/<key>-<attempt>.log. Of more than `limit` bytes it keeps the first
/// and the last half with one line "N bytes left out" between; of a line its first 16 KiB. Where
/// there is no output, there is no file.
///
/// Nothing here fails a job or waits for anything but the page cache: what cannot be written is
/// dropped and marked. On the loop's thread. Output is gathered and written in large pieces.
class JobLog {
 public:
  /// `logs`: or just the log directory. `name`: another one than that of the job's attempt; empty:
  /// that.
  JobLog(SpareLogs logs, const Job& job, std::int64_t limit, std::string name = {});
  /// Its name below the log directory: <queue>/<key>-<attempt>.log, each as `file_name_of` writes
  /// it
  static std::string name_of(const Job& job);
  JobLog(const JobLog&) = delete;
  JobLog& operator=(const JobLog&) = delete;
  ~JobLog();  // closes

  /// Sees to it that there is a file for what may come, and none with this one's name of an attempt
  /// that did not count. An Error: for want of something that this machine has too little of; it
  /// may be called again.
  Result<void> begin();
  /// Output of the job.
  void write(std::string_view bytes);
  /// A line of rbit's own, "rbit: 3 processes outlived the job"; made one line, on a line of its
  /// own.
  void note(std::string_view text);
  /// Writes what is gathered, for those who follow the file. Call it once a second or so while the
  /// job runs; nothing gathered costs nothing.
  void flush();
  /// Writes the rest and gives the file its final form. If there is one,
  /// `<log-dir>/<package>_<version>-<arch>-<timestamp>` links to it.
  void close();
  /// Whether nothing came, neither of the job nor of ours: there is no file then.
  bool is_empty() const { return buffer_.empty() && size_ == 0 && lost_ == 0; }

  const std::string& path() const { return path_; }
  /// Bytes that came, whether kept or not.
  std::int64_t bytes() const { return bytes_; }
  /// The last `count` lines of the job's that are not blank, oldest first, each through
  /// text::one_line, without secrets. A line that was drawn over with CR counts as it looked in the
  /// end.
  std::vector<std::string> last_lines(std::size_t count) const;
  /// Why output was dropped, the first time it was.
  const std::optional<Error>& trouble() const { return trouble_; }

 private:
  void append(std::string_view bytes);
  void write_part(std::string_view line);
  void cut_line();
  bool open();
  bool name_spare();
  void make_file();
  void link_old_name() const;
  void put(std::string_view bytes);
  void compact();

  SpareLogs logs_;
  std::string file_name_, path_, old_name_;
  std::int64_t half_;
  SpareLogs::Spare spare_;  // from `begin` until it is needed
  Fd fd_;
  bool begun_ = false, opened_ = false, closed_ = false;
  std::string buffer_;

  std::int64_t bytes_ = 0;
  std::size_t line_length_ = 0;    // of the line that is being written
  std::int64_t line_dropped_ = 0;  // what was cut off it
  bool at_line_start_ = true;      // of the text that was gathered

  std::int64_t size_ = 0;        // of the file
  std::int64_t tail_begin_ = 0;  // where the last part begins in it; 0: nothing is left out yet
  std::int64_t left_out_ = 0;    // from the middle
  std::int64_t lost_ = 0;        // could not be written and is not marked in the file yet
  std::string recent_;           // the end of the job's own text, for `last_lines`
  secrets::Missing recent_missing_ = secrets::Missing::nothing;
  std::optional<Error> trouble_;
};

}  // namespace rbit
