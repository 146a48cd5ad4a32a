#include "rbit/run/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "rbit/base/notice.h"

namespace rbit {

namespace {

/// The children of this operating system process that somebody here stands for.
std::set<pid_t>& known_children() {
  static std::set<pid_t> pids;
  return pids;
}

struct SpawnSettings {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t files;

  explicit SpawnSettings(int channel) {
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&files);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);  // ignored ones pass
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(
        &attributes,
        static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&files, 0, 1);
    ::posix_spawn_file_actions_adddup2(&files, 0, 2);
    ::posix_spawn_file_actions_adddup2(&files, channel, 3);
    ::posix_spawn_file_actions_addclosefrom_np(&files, 4);
  }
  ~SpawnSettings() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

}  // namespace

struct Process::State : std::enable_shared_from_this<Process::State> {
  State(const asio::any_io_executor& executor, pid_t child)
      : loop(executor), pid(child), ended(executor) {}

  asio::any_io_executor loop;
  pid_t pid;
  Notice ended;
  std::optional<int> status;
  std::optional<asio::posix::stream_descriptor> pidfd;
  std::optional<asio::steady_timer> timer;  // where a pidfd is refused

  void watch() {
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd >= 0) {
      pidfd.emplace(loop, fd);
      wait_for_end();
    } else {  // some sandboxes refuse it
      timer.emplace(loop);
      poll();
    }
  }
  /// Not with Boost.Process: it takes the word of the reactor that the child has ended and then
  /// waits for that, loop and all. The word may be that of a descriptor which is closed by now.
  void wait_for_end() {
    pidfd->async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](boost::system::error_code error) {
                        if (error == asio::error::operation_aborted) return;
                        if (!self->reap()) self->wait_for_end();
                      });
  }
  bool reap() {
    int code = 0;
    const pid_t found = ::waitpid(pid, &code, WNOHANG);
    if (found == 0) return false;
    finish(found < 0 ? 0 : code);
    return true;
  }
  void poll() {
    if (reap()) return;
    timer->expires_after(std::chrono::milliseconds(20));
    timer->async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->poll();
    });
  }
  void finish(int code) {
    known_children().erase(pid);
    status = code;
    pidfd.reset();
    ended.notify();
  }
};

Result<Process> Process::start(const asio::any_io_executor& loop,
                               const std::vector<std::string>& argv, Fd channel) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  char* no_environment[] = {nullptr};
  const SpawnSettings settings(channel.get());
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, argv.front().c_str(), &settings.files, &settings.attributes,
                                  pointers.data(), no_environment);
  if (error != 0) {
    Error why{argv.front(), std::string("cannot be started: ") + std::strerror(error),
              error == ENOENT ? "install rbit as a whole" : ""};
    why.number = error;
    return why;
  }
  known_children().insert(pid);
  auto state = std::make_shared<State>(loop, pid);
  state->watch();
  return Process(std::move(state));
}

pid_t Process::pid() const {
  return state_->pid;
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
  if (!has_ended()) ::kill(pid(), SIGKILL);  // not reaped, so the number is still its own
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
