#include "rbit/run/process.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <set>

#include "rbit/base/notice.h"
#include "rbit/run/spawn_launcher.h"

namespace rbit {

namespace {

/// The children of this operating system process that somebody here stands for.
std::set<pid_t>& known_children() {
  static std::set<pid_t> pids;
  return pids;
}

}  // namespace

struct Process::State : std::enable_shared_from_this<Process::State> {
  explicit State(boost::process::v2::process_handle child)
      : handle(std::move(child)), loop(handle.get_executor()), ended(loop) {}

  boost::process::v2::process_handle handle;
  asio::any_io_executor loop;
  Notice ended;
  std::optional<int> status;
  std::optional<asio::posix::stream_descriptor> pidfd;
  std::optional<asio::steady_timer> timer;  // where a pidfd is refused

  void watch() {
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, handle.id(), 0));
    if (fd >= 0) {
      pidfd.emplace(loop, fd);
      wait_for_end();
    } else {  // some sandboxes refuse it
      timer.emplace(loop);
      poll();
    }
  }
  /// Boost's handle has a wait of its own, but it takes the word of the reactor that the child has
  /// ended and then waits for that, loop and all. The word may be that of a descriptor which is
  /// closed by now, so the handle is asked whether the child runs.
  void wait_for_end() {
    pidfd->async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](boost::system::error_code error) {
                        if (error == asio::error::operation_aborted) return;
                        if (!self->reap()) self->wait_for_end();
                      });
  }
  bool reap() {
    int code = 0;
    boost::system::error_code nobody;  // somebody else reaped it
    if (handle.running(code, nobody)) return false;
    known_children().erase(handle.id());
    status = nobody ? 0 : code;
    pidfd.reset();
    ended.notify();
    return true;
  }
  void poll() {
    if (reap()) return;
    timer->expires_after(std::chrono::milliseconds(20));
    timer->async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->poll();
    });
  }
};

Result<Process> Process::start(const asio::any_io_executor& loop,
                               const std::vector<std::string>& argv, Fd channel) {
  boost::system::error_code failed;
  auto child = SpawnLauncher(channel.get())(loop, failed, argv.front(), std::span(argv).subspan(1));
  if (failed) {
    Error why{
        argv.front(), "cannot be started: " + failed.message(),
        failed == boost::system::errc::no_such_file_or_directory ? "install rbit as a whole" : ""};
    why.number = failed.value();
    return why;
  }
  known_children().insert(child.id());
  auto state = std::make_shared<State>(child.detach());
  state->watch();
  return Process(std::move(state));
}

pid_t Process::pid() const {
  return state_->handle.id();
}

bool Process::has_ended() const {
  return state_->status.has_value();
}

bool Process::is_stopped() const {
  siginfo_t info{};
  return !has_ended() &&
         ::waitid(P_PID, static_cast<id_t>(pid()), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid();
}

void Process::kill() {
  int unknown_yet = 0;
  boost::system::error_code ignored;
  if (!has_ended())
    state_->handle.terminate(unknown_yet, ignored);  // not reaped, so the number is still its own
}

int Process::native_status() const {
  return *state_->status;
}

Task<void> Process::wait() {
  const auto state = state_;
  while (!state->status) co_await state->ended.wait();
}

Task<bool> Process::wait_for(std::chrono::steady_clock::duration limit) {
  const auto state = state_;
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!state->status) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) co_return false;
    co_await state->ended.wait_for(end - now);
  }
  co_return true;
}

void reap_strangers() {
  siginfo_t ended{};
  while (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
    if (known_children().contains(ended.si_pid)) return;  // its Process is about to do it
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
    ended = {};
  }
}

Task<void> keep_reaping(Clock& clock) {
  for (;;) {
    reap_strangers();
    co_await clock.sleep_for(milliseconds(1'000));
  }
}

}  // namespace rbit
