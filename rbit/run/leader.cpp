#include "rbit/run/leader.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "rbit/base/descriptor_limit.h"
#include "rbit/base/names.h"
#include "rbit/base/notice.h"
#include "rbit/base/random.h"
#include "rbit/log/log.h"
#include "rbit/run/process.h"
#include "rbit/run/record_slots.h"

namespace rbit {

namespace {

constexpr auto pause_between_looks = std::chrono::seconds(2);

std::string_view name_of(wire::Step step) {
  using enum wire::Step;
  static constexpr Named<wire::Step> names[] = {{record, "record"},
                                                {process, "new process"},
                                                {session, "new session"},
                                                {descriptors, "descriptors"},
                                                {directory, "working directory"},
                                                {limits, "limits"},
                                                {priority, "nice"},
                                                {user, "user"},
                                                {parent, "parent-death signal"},
                                                {exec, "exec"}};
  const bool is_ours = step != none && step != protocol;
  return is_ours ? name_in(names, step) : "rbit-leader is not of this rbit";
}

std::string new_id() {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random_number()));
  return text;
}

template <class T>
void append(std::string& packet, const T& value) {
  packet.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_string(std::string& packet, const std::string& text) {
  packet.append(text.c_str(), text.size() + 1);
}

std::string encode(const JobOrder& order, const std::string& id, std::uint64_t serial) {
  wire::Start head{};
  head.command = wire::Command::start;
  head.version = wire::version;
  head.stop_signal = order.stop_signal;
  head.nice = order.nice;
  head.grace_ms = order.grace.count();
  head.max_memory = static_cast<std::uint64_t>(order.max_memory);
  head.descriptors = descriptors_at_start();
  head.serial = serial;
  head.max_processes = static_cast<std::uint32_t>(order.max_processes);
  head.arguments = static_cast<std::uint32_t>(order.argv.size());
  head.variables = static_cast<std::uint32_t>(order.environment.size() + 1);
  head.is_host = order.is_host;
  head.extra_as = static_cast<std::uint8_t>(order.extra_as);
  if (order.account) {
    head.change_user = 1;
    head.uid = order.account->uid;
    head.gid = order.account->gid;
    head.groups = static_cast<std::uint32_t>(order.account->groups.size());
  }
  std::string packet;
  packet.reserve(8192);
  append(packet, head);
  if (order.account)
    for (const gid_t group : order.account->groups) append(packet, group);
  append_string(packet, id);
  append_string(packet, order.directory);
  for (const std::string& argument : order.argv) append_string(packet, argument);
  for (const std::string& variable : order.environment) append_string(packet, variable);
  append_string(packet, "RBIT_LEADER=" + id);
  return packet;
}

}  // namespace

JobEnd end_of(const wire::Answer& answer) {
  const bool is_started = answer.kind != wire::Kind::not_started;
  const bool is_signalled = answer.signal != 0;
  JobEnd end;
  end.kind = !is_started    ? JobEnd::Kind::not_started
             : is_signalled ? JobEnd::Kind::signalled
                            : JobEnd::Kind::exited;
  end.code = !is_started ? answer.error : is_signalled ? answer.signal : answer.exit_code;
  end.step = answer.step;
  end.cause = answer.cause;
  end.outlived = answer.outlived;
  end.cpu_micros = answer.cpu_micros;
  end.peak_memory_kib = answer.peak_memory_kib;
  end.oom_kills = answer.oom_kills;
  end.left = answer.left;
  return end;
}

std::string to_string(const JobEnd& end) {
  switch (end.kind) {
    case JobEnd::Kind::exited:
      return "exit " + std::to_string(end.code);
    case JobEnd::Kind::signalled: {
      const char* name = ::sigabbrev_np(end.code);
      return "signal " + (name ? std::string(name) : std::to_string(end.code));
    }
    case JobEnd::Kind::not_started:
      return std::string(name_of(end.step)) + ": " + std::strerror(end.code);
    case JobEnd::Kind::leader_lost:
      return "its leader died";
  }
  return "";
}

struct Leader::State : std::enable_shared_from_this<Leader::State> {
  State(const asio::any_io_executor& executor, Process child, int fd)
      : loop(executor),
        process(std::move(child)),
        socket(executor, fd),
        changed(executor),
        look(executor) {}

  asio::any_io_executor loop;
  Process process;
  asio::posix::stream_descriptor socket;
  Notice changed;
  asio::steady_timer look;  // while it has a job: see `look_after`
  std::string id = new_id();
  bool busy = false;  // with a job or a host
  bool is_host = false;
  bool has_job = false;   // not only a host that waits for one
  bool must_end = false;  // was asked to
  bool looks = false;     // `look` runs
  bool lost = false;
  bool closing = false;
  std::optional<JobEnd> end;
  std::string what;  // it does, for log lines
  JobFacts facts;
  std::string cgroups;                   // where it could make a control group; or empty
  std::optional<wire::Answer> answered;  // to what `ask` asked

  /// Waits until the leader has answered. What waits holds no reference to this State: a Leader
  /// that its owner drops is gone at once.
  void watch() {
    socket.async_wait(asio::posix::stream_descriptor::wait_read,
                      [weak = weak_from_this()](boost::system::error_code error) {
                        const auto self = weak.lock();
                        if (!self || error) return;
                        if (self->take_answers()) self->watch();
                      });
  }
  /// A job of our own user can stop its leader, which then hears of no end and of no ladder. What
  /// cannot go on is ended; its death costs the job, as ever. A host that has no job needs no look.
  void look_after() {
    if (std::exchange(looks, true)) return;
    look_later();
  }
  void look_later() {
    look.expires_after(pause_between_looks);
    look.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
      const auto self = weak.lock();
      if (!self || cancelled) return;
      const bool is_over = !self->busy || self->end || self->lost;
      if (is_over || (self->is_host && !self->has_job && !self->must_end)) {
        self->looks = false;
      } else if (self->process.is_stopped()) {
        log::warning(self->what + ": its leader was stopped by a signal, which is its end",
                     self->facts);
        self->process.kill();
      } else {
        self->look_later();
      }
    });
  }
  bool take_answers() {
    for (;;) {
      wire::Answer answer;
      const ssize_t count = ::recv(socket.native_handle(), &answer, sizeof answer, MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return true;
      if (count != static_cast<ssize_t>(sizeof answer)) {
        spawn(loop, on_its_death(shared_from_this()), "lost leader");
        return false;
      }
      on_answer(answer);
    }
  }
  void on_answer(const wire::Answer& answer) {
    if (answer.record_error != 0)
      log::warning(what + ": its record was not written: " + std::strerror(answer.record_error),
                   facts);
    switch (answer.kind) {
      case wire::Kind::ended:
      case wire::Kind::not_started:
        end = end_of(answer);
        if (answer.step == wire::Step::protocol) lost = true;  // another rbit's: not once more
        break;
      case wire::Kind::released:
      case wire::Kind::noted:
        answered = answer;
        break;
      case wire::Kind::unkillable:
        log::error(
            what + ": " + std::to_string(answer.outlived) +
                " processes cannot be killed (stuck in the kernel, or somebody else's); its slot "
                "stays taken until they end",
            facts);
        break;
    }
    changed.notify();
  }
  /// The leader died. Its job goes with it (parent-death signal); what that job had started is
  /// ours now, beside others that may have come to us and have nothing to do with it.
  static Task<void> on_its_death(std::shared_ptr<State> self) {
    self->lost = true;
    co_await self->process.wait();
    if (self->busy && !self->end) {
      const int left = co_await end_left_behind(self->id, self->cgroups);
      reap_strangers();
      const std::string killed = std::to_string(left) + " processes were killed";
      if (self->has_job)
        log::warning(self->what + ": its leader died and cost the job; " + killed, self->facts);
      else
        log::info("the leader of a host without a job died; " + killed);
      JobEnd end;
      end.kind = JobEnd::Kind::leader_lost;
      const int status = self->process.native_status();
      if (WIFEXITED(status) && WEXITSTATUS(status) == wire::could_not_begin) {
        end.kind = JobEnd::Kind::not_started;
        end.step = wire::Step::process;
        end.code = EAGAIN;
      }
      self->end = end;
    }
    self->changed.notify();
  }

  /// Sends a command and waits until the leader has answered it. An Error: it, or its host, ended
  /// meanwhile.
  static Task<Result<wire::Answer>> ask(std::shared_ptr<State> self, wire::Command command) {
    self->answered.reset();
    const auto sent = self->send(&command, sizeof command);
    if (!sent) co_return sent.error();
    while (!self->answered && !self->end && !self->lost) co_await self->changed.wait();
    if (!self->answered) co_return Error{"host", "it ended"};
    co_return *self->answered;
  }

  Result<void> send(const void* bytes, std::size_t count, std::span<const int> fds = {}) {
    iovec data{const_cast<void*>(bytes), count};
    alignas(cmsghdr) char control[CMSG_SPACE(wire::max_fds * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size_bytes());
      cmsghdr* part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(fds.size_bytes());
      std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
    }
    ssize_t sent = 0;
    do {
      sent = ::sendmsg(socket.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return Error::of_system("rbit-leader", errno);
    return {};
  }
};

Result<std::unique_ptr<Leader>> Leader::start(const asio::any_io_executor& loop,
                                              const std::string& program,
                                              const std::string& cgroups) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return Error::of_system("rbit-leader: socketpair", errno);
  Fd ours(ends[0]), theirs(ends[1]);
  auto process =
      Process::start(loop, {program, std::to_string(::getpid()), cgroups}, std::move(theirs));
  if (!process) return process.error();
  auto state = std::make_shared<State>(loop, std::move(*process), ours.release());
  state->cgroups = cgroups;
  state->watch();
  return std::unique_ptr<Leader>(new Leader(std::move(state)));
}

Leader::Leader(std::shared_ptr<State> state) : state_(std::move(state)) {}

Leader::~Leader() {
  boost::system::error_code ignored;
  state_->socket.close(ignored);
  if (!state_->busy || state_->end) return;
  state_->end.emplace().kind = JobEnd::Kind::leader_lost;  // nobody will be told more than that
  state_->changed.notify();
}

Result<void> Leader::run(JobOrder order) {
  LentRecord record;
  if (!order.is_host) {
    const auto lent = lend_record(order.record);
    if (!lent) return lent.error();
    record = *lent;
  }
  const std::string packet = encode(order, state_->id, record.serial);
  if (packet.size() > wire::max_packet)
    return Error{order.argv.front(),
                 "command line and environment are " + std::to_string(packet.size()) + " bytes",
                 "at most " + std::to_string(wire::max_packet) + " fit"};
  int fds[wire::max_fds] = {order.stdin_fd.get(), order.output_fd.get(), order.events_fd.get()};
  std::size_t fd_count = 3;
  if (!order.is_host) fds[fd_count++] = record.file;
  if (order.extra_as != 0) fds[fd_count++] = order.extra_fd.get();
  state_->end.reset();
  state_->answered.reset();
  auto sent = state_->send(packet.data(), packet.size(), std::span(fds).first(fd_count));
  if (sent) {
    state_->busy = true;
    state_->is_host = order.is_host;
    state_->has_job = !order.is_host;
    state_->must_end = false;
    state_->what = std::move(order.what);
    state_->facts = std::move(order.facts);
    state_->look_after();
  } else {
    state_->lost = true;
  }
  return sent;
}

Task<JobEnd> Leader::ended() {
  const auto state = state_;
  while (!state->end) co_await state->changed.wait();
  state->busy = false;
  state->look.cancel();
  state->looks = false;
  co_return *state->end;
}

bool Leader::has_ended() const {
  return state_->lost || state_->end.has_value();
}

void Leader::stop(StopCause cause, int signal, std::chrono::milliseconds grace) {
  if (!state_->busy || state_->end) return;
  state_->must_end = true;
  state_->look_after();
  const wire::Stop stop{wire::Command::stop, cause, signal, 0, grace.count()};
  // A leader that cannot take it is dead, which `ended` tells, or at the end already.
  if (auto sent = state_->send(&stop, sizeof stop); !sent)
    log::debug(state_->what + ": a stop did not reach its leader: " + sent.error().text(),
               state_->facts);
}

Result<void> Leader::attach(const Job& job, const std::string& record, int stop_signal,
                            std::chrono::milliseconds grace) {
  state_->has_job = true;
  state_->what = "job " + job.key;
  state_->facts = facts_of(job);
  state_->look_after();
  const auto lent = lend_record(record);
  if (!lent) return lent.error();
  const wire::Attach attach{wire::Command::attach, stop_signal, grace.count(), lent->serial};
  return state_->send(&attach, sizeof attach, std::span(&lent->file, 1));
}

Task<Result<void>> Leader::note() {
  const auto noted = co_await State::ask(state_, wire::Command::note);
  if (!noted) co_return noted.error();
  co_return Result<void>();
}

Task<Result<JobEnd>> Leader::release() {
  const auto state = state_;
  const auto released = co_await State::ask(state, wire::Command::release);
  if (!released) co_return released.error();
  state->has_job = false;
  JobEnd end = end_of(*released);
  end.is_host_alive = true;
  co_return end;
}

bool Leader::is_idle() const {
  return !state_->busy && !state_->lost && !state_->process.has_ended();
}

pid_t Leader::pid() const {
  return state_->process.pid();
}

Task<void> Leader::close() {
  const auto state = state_;
  boost::system::error_code ignored;
  state->socket.close(ignored);
  co_await state->process.wait_for(std::chrono::seconds(2));
}

}  // namespace rbit
