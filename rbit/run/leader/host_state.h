#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <cstdint>

namespace rbit::leader {

/// How a host stands between two jobs, seen from outside: inside runs the code of its jobs, whose
/// word is worth nothing. It is noted once, and after each job it has to be the same. What /proc
/// does not show us (a host of another user, in a container that lets nobody look) is not compared.
/// A few reads of files that stay open: this is paid for each job. What its job used is read from
/// the same files.
class HostState {
 public:
  /// Remembers how `pid` stands once it waits for a job, or after 250 ms.
  void note(pid_t pid);
  /// What is otherwise since then, bits of wire::Left. The host is given 250 ms to come to rest: a
  /// thread that was joined a moment ago is still there for another one. 0 if nothing was noted,
  /// and for a host that has ended.
  std::uint32_t changes();
  /// The host is gone.
  void forget();

  /// Whether there may be processes of the job's below the host or, their parent being dead, below
  /// us. No is said only where that is seen: the host has one thread, neither of us has a child.
  bool may_have_descendants();
  /// Processor time of the children that it reaped, as of the last look: in ticks of 10 ms, there
  /// is no finer clock for that.
  std::int64_t children_cpu_micros() const { return now_.children_cpu_micros; }
  /// What it had in memory at the most, at the last look, since `forget_peak`, if that was granted,
  /// else since its start.
  std::int64_t peak_memory_kib() const { return now_.peak_memory_kib; }
  void forget_peak();

 private:
  static constexpr int most_threads = 512;
  enum File { status, stat, limits, timers, oom_score, files };  // of /proc/PID, which stay open

  /// Sums, for equality alone. 0: it could not be read.
  struct View {
    // Of /proc/PID/status.
    std::uint64_t umask = 0, signals = 0, rights = 0, processors = 0, locked_memory = 0;
    std::uint64_t limits = 0, timers = 0, scheduling = 0, oom_score = 0;
    std::uint64_t place = 0;        // current directory and root
    std::uint64_t namespaces = 0;   // its own, and those of the children it would make
    std::uint64_t descriptors = 0;  // their numbers and what each of them is open to
    int descriptor_count = 0;
    std::int64_t children_cpu_micros = 0, peak_memory_kib = 0;
    bool has_ended = true, is_asleep = false;
    int thread_count = 0;
    pid_t thread[most_threads];
  };

  void look(View& view);
  void look_at_status(View& view);
  void look_at_scheduling(View& view);
  void look_at_descriptors(View& view);
  void look_at_threads(View& view);
  std::uint64_t sum_of(File file);
  std::uint32_t compare(const View& now) const;
  bool has_new_thread(const View& now) const;

  pid_t pid_ = 0;
  int process_ = -1;  // /proc/PID
  int file_[files] = {-1, -1, -1, -1, -1};
  int namespaces_ = -1;
  int peak_ = -1;                          // clear_refs
  int children_ = -1, own_children_ = -1;  // of its first thread, of us
  DIR* descriptors_ = nullptr;
  DIR* threads_ = nullptr;
  View before_, now_;
};

}  // namespace rbit::leader
