#include "rbit/run/leader/duty.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rbit::leader {

using wire::Answer;
using wire::Cause;
using wire::Kind;
using wire::Step;

Duty::Duty(int socket, int signals, pid_t parent, const char* cgroups)
    : socket_(socket), signals_(signals), parent_(parent), cgroups_(cgroups) {}

void Duty::serve() {
  for (;;) {
    if (orphaned_ && job_ == 0) {
      if (cgroup_.is_open()) cgroup_.remove();
      _exit(0);
    }
    pollfd watched[2] = {{signals_, POLLIN, 0}, {orphaned_ ? -1 : socket_, POLLIN, 0}};
    int wait = -1;
    if (deadline_ >= 0) {
      const std::int64_t left = deadline_ - now_ms();
      wait = left <= 0 ? 0 : left > 3'600'000 ? 3'600'000 : static_cast<int>(left) + 1;
    }
    if (poll(watched, 2, wait) < 0 && errno != EINTR) in_doubt();
    if (watched[0].revents) on_signals();
    if (deadline_ >= 0 && now_ms() >= deadline_) on_deadline();
    if (watched[1].revents && !orphaned_) {
      Packet packet;
      const Received received = receive(socket_, packet);
      if (received == Received::packet) on_packet(packet);
      packet.close_fds();
      if (received == Received::closed) on_parent_gone();
    }
  }
}

void Duty::on_packet(Packet& packet) {
  wire::Command command{};
  if (!packet.read(command)) in_doubt();
  switch (command) {
    case wire::Command::start:
      return start(packet);
    case wire::Command::attach:
      return attach(packet);
    case wire::Command::note:
      return note();
    case wire::Command::release:
      return release();
    case wire::Command::stop:
      return stop(packet);
  }
  in_doubt();
}

void Duty::stop(const Packet& packet) {
  wire::Stop stop;
  if (!packet.read(stop)) in_doubt();
  if (job_ != 0 && job_has_ended()) finish();  // its own end came before our signal
  if (job_ != 0) begin_ladder(stop.cause, stop.signal, stop.grace_ms);
}

void Duty::start(Packet& packet) {
  if (job_ != 0) in_doubt();
  const Failure failure = try_to_start(packet);
  if (failure.step == Step::none) {  // `finish` looks at what the job wrote to
    output_ = packet.fds[1];
    events_ = packet.fds[2];
    packet.fds[1] = packet.fds[2] = -1;
    return;
  }
  job_ = 0;
  Answer end{};
  end.kind = Kind::not_started;
  end.step = failure.step;
  end.error = failure.error;
  end.record_error = write_end(end);
  record_.close();
  answer(end);
}

Failure Duty::try_to_start(Packet& packet) {
  static Order order;
  if (!parse_order(packet, order)) return {Step::protocol, EPROTO};
  record_error_ = 0;
  if (packet.incomplete) return {Step::descriptors, EMFILE};
  is_host_ = order.head.is_host;
  stop_signal_ = order.head.stop_signal;
  grace_ms_ = order.head.grace_ms;
  cause_ = Cause::none;
  deadline_ = first_kill_ = -1;
  said_unkillable_ = false;
  usage_ = {};
  snprintf(id_, sizeof id_, "%s", order.id);
  if (!is_host_) {
    record_error_ = record_.begin(packet.fds[3], order.head.serial, identity_, id_);
    packet.fds[3] = -1;
  }
  if (record_error_ != 0) return {Step::record, record_error_};
  if (*cgroups_ != 0 && !cgroup_.is_open()) {
    char name[96];
    snprintf(name, sizeof name, "rbit-%d-%s", parent_, id_);
    cgroup_.open(cgroups_, name);
  }
  cgroup_.limit_memory(order.head.max_memory);
  // The user's limit counts whatever else runs as him: only where there is no better one.
  if (cgroup_.limit_processes(order.head.max_processes)) order.head.max_processes = 0;
  count_from_here();
  Failure failure;
  job_ = start_child(order, packet.fds, cgroup_, failure);
  if (!cgroup_.is_open()) cgroups_ = "";  // it did not work; it will not the next time either
  return failure;
}

void Duty::attach(Packet& packet) {
  wire::Attach attach;
  if (!packet.read(attach) || (packet.fd_count != 1 && !packet.incomplete)) in_doubt();
  if (job_ == 0) return;  // it ended, and rbit is being told
  stop_signal_ = attach.stop_signal;
  grace_ms_ = attach.grace_ms;
  cause_ = Cause::none;
  host_state_.forget_peak();
  count_from_here();
  // The host's verdict is its own part; without a begin of ours a crash of rbit would only be
  // noticed later, so the job goes on.
  record_error_ =
      packet.incomplete ? EMFILE : record_.begin(packet.fds[0], attach.serial, identity_, id_);
  packet.fds[0] = -1;
}

void Duty::note() {
  if (job_ != 0 && job_has_ended()) finish();
  if (job_ == 0) return;  // rbit learns of the end instead
  host_state_.note(job_);
  Answer done{};
  done.kind = Kind::noted;
  answer(done);
}

void Duty::release() {
  if (job_ != 0 && job_has_ended()) finish();
  if (job_ == 0) return;  // rbit learns of the end instead
  Answer done{};
  done.kind = Kind::released;
  bool has_dead_child = false;
  if (host_state_.may_have_descendants())
    done.outlived = sweep_all_but(job_, usage_, has_dead_child);
  done.left = host_state_.changes() | (has_dead_child ? wire::left_child : 0u);
  if (job_has_ended()) {  // after its last result
    finish();
    return;
  }
  const std::int64_t peak = host_state_.peak_memory_kib();
  count(done, cpu_micros_of(job_) + host_state_.children_cpu_micros() - host_cpu_,
        peak > usage_.peak_memory_kib ? peak : usage_.peak_memory_kib);
  cause_ = Cause::none;
  deadline_ = first_kill_ = -1;
  done.record_error = record_.finish(wire::record_released_line);
  record_.close();
  answer(done);
}

void Duty::on_signals() {
  signalfd_siginfo infos[8];
  bool is_told = false;
  for (std::size_t count = sizeof infos; count == sizeof infos;) {
    const ssize_t got = read(signals_, infos, sizeof infos);
    count = got < 0 ? 0 : static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count / sizeof *infos; ++i)
      is_told = is_told || infos[i].ssi_signo == SIGTERM;
  }
  if (is_told && !orphaned_ && getppid() != parent_) on_parent_gone();  // else it is not for us
  reap();
}

void Duty::on_parent_gone() {
  if (orphaned_) return;
  orphaned_ = true;
  if (job_ == 0) return;
  if (job_has_ended()) {
    finish();
    return;
  }
  if (is_host_ && record_.has_host_result()) {  // that job was over; only the host is left
    record_.finish(wire::record_released_line);
    record_.close();
  }
  begin_ladder(Cause::interrupt, stop_signal_, grace_ms_);
}

bool Duty::job_has_ended() const {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(job_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == job_;
}

/// The job's own zombie stays until `finish`, so that its group's number stays taken.
void Duty::reap() {
  for (;;) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (info.si_pid == job_) {
      finish();
      return;
    }
    rusage used;
    if (wait4(info.si_pid, nullptr, WNOHANG, &used) > 0) usage_.add(used);
  }
}

void Duty::finish() {
  kill(-job_, SIGKILL);
  // At one stroke, whatever is forking; who it was that fell, the sweep tells.
  if (cgroup_.is_populated()) cgroup_.kill();
  int status = 0;
  rusage used{};
  while (wait4(job_, &status, 0, &used) < 0 && errno == EINTR) {
  }
  usage_.add(used);

  Answer end{};
  end.kind = Kind::ended;
  end.outlived = sweep_all(
      signals_, usage_,
      [](void* self, int left) { static_cast<Duty*>(self)->say_unkillable(left); }, this);
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (cause_ == Cause::none && !well && died_with_rbit()) cause_ = Cause::interrupt;
  close(output_);  // before rbit hears of the end and drains them
  close(events_);
  output_ = events_ = -1;
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  end.cause = cause_;
  count(end, -host_cpu_, usage_.peak_memory_kib);
  if (cgroup_.is_spent() && !cgroup_.remove()) cgroups_ = "";  // the next job gets a new one
  end.record_error = write_end(end);                           // V, before anybody is told
  record_.close();
  host_state_.forget();
  job_ = 0;
  deadline_ = -1;
  answer(end);
}

/// Whether the job's pipes are broken because rbit has died. The kernel breaks them first and tells
/// us last, and a job that writes ends badly in between (SIGPIPE, EPIPE): that is no verdict.
bool Duty::died_with_rbit() const {
  pollfd pipes[2] = {{output_, POLLOUT, 0}, {events_, POLLOUT, 0}};
  if (poll(pipes, 2, 0) <= 0 || ((pipes[0].revents | pipes[1].revents) & POLLERR) == 0)
    return false;
  constexpr int rest_of_its_death_ms = 1'000;  // rbit may have closed one for another reason
  pollfd end{socket_, 0, 0};
  return orphaned_ || (poll(&end, 1, rest_of_its_death_ms) > 0 && (end.revents & POLLHUP) != 0);
}

/// A job begins: what was used before is not its own.
void Duty::count_from_here() {
  usage_ = {};
  host_cpu_ = job_ != 0 ? cpu_micros_of(job_) + host_state_.children_cpu_micros() : 0;
  cgroup_cpu_ = cgroup_.cpu_micros();
  oom_kills_ = cgroup_.counts_memory() ? cgroup_.oom_kills() : recent_machine_oom_kills();
}

/// Not older than a second: good enough to begin from.
std::int64_t Duty::recent_machine_oom_kills() {
  constexpr std::int64_t good_for_ms = 1'000;
  const std::int64_t now = now_ms();
  if (machine_looked_ < 0 || now - machine_looked_ >= good_for_ms) {
    machine_oom_kills_ = machine_oom_kills();
    machine_looked_ = now;
  }
  return machine_oom_kills_;
}

/// What the job used: `cpu_micros` beside what was reaped. The cgroup knows more, of those too that
/// nobody reaped.
void Duty::count(Answer& answer, std::int64_t cpu_micros, std::int64_t peak_memory_kib) {
  answer.cpu_micros = usage_.cpu_micros + cpu_micros;
  const std::int64_t by_cgroup = cgroup_.cpu_micros() - cgroup_cpu_;
  if (cgroup_.is_open() && by_cgroup > answer.cpu_micros) answer.cpu_micros = by_cgroup;
  if (answer.cpu_micros < 0) answer.cpu_micros = 0;
  answer.peak_memory_kib = peak_memory_kib;
  if (cgroup_.counts_memory())
    answer.oom_kills = static_cast<std::int32_t>(cgroup_.oom_kills() - oom_kills_);
  else if (answer.signal == SIGKILL && cause_ == Cause::none) {  // not by us: by whom, then?
    machine_looked_ = -1;  // what is counted here is not the next job's
    answer.oom_kills = static_cast<std::int32_t>(recent_machine_oom_kills() - oom_kills_);
  }
}

void Duty::begin_ladder(Cause cause, int signal, std::int64_t grace_ms) {
  if (cause_ == Cause::none) cause_ = cause;
  if (signal == SIGKILL) {
    kill_all();
    return;
  }
  kill(-job_, signal);
  kill(-job_, SIGCONT);
  const std::int64_t due = now_ms() + (grace_ms < 0 ? 0 : grace_ms);
  if (deadline_ < 0 || due < deadline_) deadline_ = due;
}

void Duty::on_deadline() {
  kill_all();
  if (said_unkillable_ || now_ms() - first_kill_ < 10'000) return;
  said_unkillable_ = true;
  say_unkillable(kill_descendants(0));
}

void Duty::say_unkillable(int left) {
  Answer stuck{};
  stuck.kind = Kind::unkillable;
  stuck.outlived = left;
  answer(stuck);
}

void Duty::kill_all() {
  kill(-job_, SIGKILL);
  cgroup_.kill();
  kill_descendants(0);
  const std::int64_t now = now_ms();
  if (first_kill_ < 0) first_kill_ = now;
  deadline_ = now + 1000;  // once more, for what was forked meanwhile
}

int Duty::write_end(const Answer& end) {
  if (!record_.is_open()) return record_error_;
  char line[256];
  if (end.kind == Kind::not_started)
    snprintf(line, sizeof line, wire::record_failed_format, static_cast<int>(end.step), end.error);
  else
    snprintf(line, sizeof line, wire::record_end_format, end.exit_code, end.signal,
             static_cast<int>(end.cause), end.outlived, static_cast<long long>(end.cpu_micros),
             static_cast<long long>(end.peak_memory_kib), end.oom_kills);
  const int error = record_.finish(line);
  return error != 0 ? error : record_error_;
}

void Duty::answer(const Answer& answer) {
  if (orphaned_) return;
  while (send(socket_, &answer, sizeof answer, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    orphaned_ = true;  // rbit is gone; what we know is in the record
    return;
  }
}

}  // namespace rbit::leader
