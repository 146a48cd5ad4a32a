#pragma once

#include <cstdint>

namespace rbit::leader {

/// The control group (v2) of one leader's jobs, a directory below the one that was delegated to
/// rbit. Made for the leader's first job and kept for its life: a new one each time would cost more
/// than the job. Where there is none, all of this does nothing; it is never required.
class CgroupDir {
 public:
  /// Makes BASE/NAME. Returns false if it cannot be made or is none, and jobs go without.
  bool open(const char* base, const char* name);
  bool is_open() const { return dir_ >= 0; }
  bool counts_memory() const { return dir_ >= 0 && counts_memory_; }
  /// To start a process in it.
  int fd() const { return dir_; }
  /// Leaves it alone from now on: the kernel lets nobody start in it.
  void give_up();

  /// What all processes of the job may use together, in bytes; 0: no limit.
  void limit_memory(std::uint64_t bytes);
  /// How many processes and threads there may be in it; 0: no limit. Returns false if it cannot do
  /// that.
  bool limit_processes(std::uint32_t count);
  /// SIGKILL to all that is in it (Linux 5.14). Afterwards it is spent: some kernels (6.18) kill at
  /// once whatever is started in it from another group.
  void kill();
  bool is_spent() const { return spent_; }
  /// There are living processes in it.
  bool is_populated() const { return number(events, "populated ") > 0; }
  /// Removes it. Returns false if something is still in it; the next start of rbit tries again.
  bool remove();

  /// Since it was made, so the difference is what counts; 0 where the kernel does not say.
  std::int64_t cpu_micros() const { return number(cpu, "usage_usec "); }
  std::int64_t oom_kills() const { return number(memory, "oom_kill "); }

 private:
  enum File { events, cpu, memory, files };  // which stay open
  std::int64_t number(File file, const char* label) const;

  char path_[512] = "";
  int dir_ = -1;
  int file_[files] = {-1, -1, -1};
  bool counts_memory_ = false;
  bool spent_ = false;
  std::uint64_t limit_ = 0;
  std::uint32_t process_limit_ = 0;
};

/// Processes of this machine that the kernel killed for want of memory, since it was booted; 0
/// where it does not say. The kernel takes long to say it.
std::int64_t machine_oom_kills();

}  // namespace rbit::leader
