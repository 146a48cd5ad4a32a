#pragma once

#include <sys/types.h>

#include <cstdint>

#include "rbit/run/leader/cgroup_dir.h"
#include "rbit/run/leader/child.h"
#include "rbit/run/leader/host_state.h"
#include "rbit/run/leader/packet.h"
#include "rbit/run/leader/record_file.h"
#include "rbit/run/leader/sweep.h"

namespace rbit::leader {

/// What the leader does for rbit: one job or host at a time. It starts it, passes stops on, kills
/// and reaps all that is left of it, writes the record and only then answers.
class Duty {
 public:
  /// `socket` leads to rbit, `parent` is its pid; `signals` is a signalfd with SIGCHLD and SIGTERM,
  /// the latter as our parent-death signal. Below `cgroups` control groups can be made; "": no.
  Duty(int socket, int signals, pid_t parent, const char* cgroups);
  [[noreturn]] void serve();

 private:
  void on_packet(Packet& packet);
  void start(Packet& packet);
  Failure try_to_start(Packet& packet);
  void attach(Packet& packet);
  void stop(const Packet& packet);
  void note();
  void release();
  void on_signals();
  void on_parent_gone();
  void reap();
  void finish();
  void begin_ladder(wire::Cause cause, int signal, std::int64_t grace_ms);
  void on_deadline();
  void say_unkillable(int left);
  void kill_all();
  bool job_has_ended() const;
  bool died_with_rbit() const;
  void count_from_here();
  void count(wire::Answer& answer, std::int64_t cpu_micros, std::int64_t peak_memory_kib);
  std::int64_t recent_machine_oom_kills();
  int write_end(const wire::Answer& end);
  void answer(const wire::Answer& answer);

  int socket_;
  int signals_;
  pid_t parent_;
  const char* cgroups_;
  CgroupDir cgroup_;  // from the first job on
  bool orphaned_ = false;
  Identity identity_ = Identity::read();
  RecordFile record_;

  pid_t job_ = 0;                  // 0: idle
  int output_ = -1, events_ = -1;  // of the job that runs: what it was given as 1 and 3
  bool is_host_ = false;
  char id_[64] = "";
  int stop_signal_ = 15;
  std::int64_t grace_ms_ = 0;
  wire::Cause cause_ = wire::Cause::none;
  std::int64_t deadline_ = -1;    // when SIGKILL is due (again); -1: no ladder
  std::int64_t first_kill_ = -1;  // when it was sent first
  bool said_unkillable_ = false;
  int record_error_ = 0;
  HostState host_state_;                                      // of a host, as it was noted
  Usage usage_;                                               // of what was reaped
  std::int64_t host_cpu_ = 0;                                 // of a host when its job began
  std::int64_t cgroup_cpu_ = 0;                               // the cgroup's counters then
  std::int64_t oom_kills_ = 0;                                // and the cgroup's or the machine's
  std::int64_t machine_oom_kills_ = 0, machine_looked_ = -1;  // the machine's; when, in ms
};

}  // namespace rbit::leader
