#pragma once

#include <unistd.h>

#include <cstddef>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbit/base/result.h"
#include "runners/plugin/host/job_data.h"

namespace rbit::plugin_host {

/// Bytes of a line that rbit reads.
inline constexpr std::size_t kMaxLine = 64 * 1024;

/// Text for people, cut so that it fits a line however it is written there.
std::string cut(std::string_view text);

/// Writes the events of rbit-runner(7), one JSON object a line. Any thread; a line is never mixed
/// with another, and what rbit waits for begins with a newline: half a line that a plugin wrote
/// itself cannot swallow it. Text that is not UTF-8 is mended and long text cut, so that a line
/// stays below the 64 KiB that rbit reads.
class EventChannel {
 public:
  /// Does not own `fd`. `is_read_by_people` (--once): without those newlines.
  explicit EventChannel(int fd, bool is_read_by_people = false)
      : fd_(fd), host_(::getpid()), before_(is_read_by_people ? "" : "\n") {}

  /// Each event from now on carries this, unless it is empty.
  void set_token(std::string token) { token_ = std::move(token); }
  void ready();
  void refused(std::string_view why, std::string_view cure);
  void status(std::string_view status, std::string_view message);
  void artifact(std::string_view path, std::string_view kind);
  void log(std::string_view text, std::string_view level);
  /// An event that is not cut: an Error, with `cure`, if it is longer than a line may be. REQUIRES:
  /// its texts are UTF-8.
  Result<void> send(nlohmann::ordered_json event, const std::string& cure);
  /// What the runner keeps for all jobs is made; rbit has a look at it and answers with a line.
  void opened();
  /// The job is not begun: `file` is another one than was loaded.
  void stale(std::string_view file);
  /// The verdict. The line is first kept in `record` (if there is one), without a sync: it has to
  /// outlive rbit, not the machine. `left_open`: descriptors the job opened and did not close.
  /// `left`: what else it left, "changed its environment". `value`: the job's result, as JSON, or
  /// empty.
  void result(std::string_view verdict, std::string_view message, int left_open,
              const std::vector<std::string>& left, const KeptRecord& record,
              const std::string& value = {});

 private:
  template <class Event>
  std::string to_line(Event event) const;
  bool write_line(const std::string& line);

  int fd_;
  pid_t host_;          // what a child of a runner's writes is left out
  std::string before_;  // what rbit waits for
  std::string token_;   // of the job; set while no other thread writes
  std::mutex mutex_;
};

}  // namespace rbit::plugin_host
