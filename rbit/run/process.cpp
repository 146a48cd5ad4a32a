#include "rbit/run/process.h"

// First: in Boost 1.81 the other headers of Process v2 only compile after it.
#include <boost/process/v2/error.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/process/v2/detail/process_handle_fd.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "rbit/base/clock.h"
#include "rbit/base/notice.h"

namespace rbit {

namespace {

// By pidfd whatever v2 would choose: its signal variant wants SIGCHLD for itself.
using Handle = boost::process::v2::detail::basic_process_handle_fd<asio::any_io_executor>;

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
    ::posix_spawnattr_setsigdefault(&attributes, &all);  // K4
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(
        &attributes,
        static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&files, 0, 1);
    ::posix_spawn_file_actions_adddup2(&files, 0, 2);
    ::posix_spawn_file_actions_adddup2(&files, channel, 3);
    ::posix_spawn_file_actions_addclosefrom_np(&files, 4);  // P3
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
  std::optional<Handle> handle;             // never moved while it waits (P6)
  std::optional<asio::steady_timer> timer;  // where a pidfd is refused

  void watch() {
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd >= 0) {
      handle.emplace(loop, pid, pidfd);
      handle->async_wait([self = shared_from_this()](boost::system::error_code error, int code) {
        if (error == asio::error::operation_aborted) return;
        self->finish(error ? 0 : code);
      });
    } else {  // sandboxes (K6)
      timer.emplace(loop);
      poll();
    }
  }
  void poll() {
    int code = 0;
    if (::waitpid(pid, &code, WNOHANG) != 0) return finish(code);
    timer->expires_after(std::chrono::milliseconds(20));
    timer->async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->poll();
    });
  }
  void finish(int code) {
    known_children().erase(pid);
    status = code;
    handle.reset();
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
  if (error != 0)
    return Error{argv.front(), std::string("cannot be started: ") + std::strerror(error),
                 error == ENOENT ? "install rbit as a whole" : ""};
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
  if (!has_ended()) ::kill(pid(), SIGKILL);  // not reaped, so the number is still its own (K6)
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

namespace {

std::vector<pid_t> orphans() {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    std::ifstream children(thread.path() / "children");
    for (pid_t pid = 0; children >> pid;)
      if (!known_children().contains(pid)) found.push_back(pid);
  }
  return found;
}

}  // namespace

Task<int> kill_orphans() {
  const SystemClock clock;
  const SteadyTime end = clock.steady() + std::chrono::seconds(10);
  std::set<pid_t> killed;
  SystemClock pause;
  for (;;) {
    for (const pid_t pid : orphans()) {
      ::kill(pid, SIGKILL);
      killed.insert(pid);
      ::waitpid(pid, nullptr, WNOHANG);
    }
    if (orphans().empty() || clock.steady() >= end) co_return static_cast<int>(killed.size());
    co_await pause.sleep_for(milliseconds(2));
  }
}

}  // namespace rbit
