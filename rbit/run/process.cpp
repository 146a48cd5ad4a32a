#include "rbit/run/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <span>

// Boost.Process 1.81 needs these and does not name them.
#include <boost/asio/detail/throw_error.hpp>
#include <boost/optional.hpp>
#include <boost/type_traits/decay.hpp>
#include <boost/type_traits/is_convertible.hpp>
#define BOOST_PROCESS_USE_STD_FS
#include <boost/process/v2/process.hpp>

#include "rbit/base/fd.h"
#include "rbit/base/notice.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

namespace v2 = boost::process::v2;

/// This launcher of Boost.Process stands on posix_spawn. Boost's own ones fork, which takes long
/// where much memory is in use, and run our exit handlers in a child that cannot start its program.
class SpawnLauncher : private v2::posix::default_launcher {
 public:
  explicit SpawnLauncher(int channel) {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&files_);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);  // ignored signals would stay ignored
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(
        &attributes_,
        static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
    ::posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&files_, 0, 1);
    ::posix_spawn_file_actions_adddup2(&files_, 0, 2);
    ::posix_spawn_file_actions_adddup2(&files_, channel, 3);
    ::posix_spawn_file_actions_addclosefrom_np(&files_, 4);
  }
  ~SpawnLauncher() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&files_);
  }
  SpawnLauncher(const SpawnLauncher&) = delete;
  SpawnLauncher& operator=(const SpawnLauncher&) = delete;

  /// Starts `program`, once. Where it fails the process is not open and `failed` says why. Whoever
  /// keeps the process detaches its handle: its destructor would kill.
  v2::process operator()(const asio::any_io_executor& loop, boost::system::error_code& failed,
                         const std::filesystem::path& program,
                         std::span<const std::string> arguments) {
    const auto fail = [&](int error) {
      failed.assign(error, boost::system::system_category());
      return v2::process(loop);
    };
    // Boost's handle must have a descriptor: this one, which nothing ever writes to, where a
    // sandbox refuses a pidfd or there is no room for it. So nothing can go wrong once the child
    // runs.
    Fd handle(::eventfd(0, EFD_CLOEXEC));
    if (!handle) return fail(errno);
    char* no_environment[] = {nullptr};
    const auto argv = const_cast<char* const*>(build_argv_(program, arguments));
    if (const int error =
            ::posix_spawn(&pid, program.c_str(), &files_, &attributes_, argv, no_environment))
      return fail(error);
    if (Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); pidfd)
      handle = std::move(pidfd);
    v2::process child(loop, pid, handle.get());
    handle.release();  // not before: where the loop takes no more, that throws
    return child;
  }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t files_;
};

/// The children of this operating system process that somebody here stands for.
std::set<pid_t>& known_children() {
  static std::set<pid_t> pids;
  return pids;
}

}  // namespace

struct Process::State : std::enable_shared_from_this<Process::State> {
  explicit State(v2::process_handle child)
      : handle(std::move(child)), loop(handle.get_executor()), ended(loop) {}

  v2::process_handle handle;
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
  if (failed)
    return Error::while_doing(
        "cannot be started", argv.front(), failed.value(),
        failed == boost::system::errc::no_such_file_or_directory ? "install rbit as a whole" : "");
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

bool reap_strangers() {
  siginfo_t ended{};
  while (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
    if (known_children().contains(ended.si_pid)) return false;  // its Process is about to do it
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
    ended = {};
  }
  return true;
}

Task<void> keep_reaping(Clock& clock) {
  asio::signal_set somebody_ended(co_await asio::this_coro::executor, SIGCHLD);
  for (;;) {
    boost::system::error_code ignored;
    if (reap_strangers())
      co_await somebody_ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    else
      co_await clock.sleep_for(milliseconds(20));
  }
}

namespace {

constexpr auto patience = std::chrono::seconds(10);
constexpr milliseconds shortest_pause{2}, longest_pause{200};  // a look at all of /proc each time

/// Empty if it is gone; it may end while it is read.
std::string contents_of(pid_t pid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char piece[4096];
  for (ssize_t count; (count = ::read(file.get(), piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(count));
  return text;
}

/// 0 if it is gone, or dead and not reaped.
pid_t session_of(pid_t pid) {
  const auto fields = stat_of(pid);
  long long session = 0;  // state, parent, group, session
  if (fields.size() < 4 || fields[0] == "Z" || fields[0] == "X" ||
      !text::parse_number(fields[3], 0, INT32_MAX, session))
    return 0;
  return static_cast<pid_t>(session);
}

bool has_mark(pid_t pid, const std::string& mark) {
  for (const std::string& variable : text::split(contents_of(pid, "environ"), '\0'))
    if (variable == mark) return true;
  return false;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    long long pid = 0;
    if (text::parse_number(entry.path().filename().string(), 2, INT32_MAX, pid) &&
        pid != ::getpid())
      found.push_back(static_cast<pid_t>(pid));
  }
  return found;
}

/// The sessions of those that bear the mark. Nobody can join a session from outside.
std::set<pid_t> marked_sessions(const std::string& mark) {
  std::set<pid_t> sessions;
  for (const pid_t pid : all_processes())
    if (has_mark(pid, mark))
      if (const pid_t session = session_of(pid); session != 0) sessions.insert(session);
  sessions.erase(::getsid(0));
  return sessions;
}

/// SIGKILL to those that live; they are added to `killed`. Returns false if there were none.
bool kill_marked(const std::string& mark, std::set<pid_t>& killed) {
  bool any = false;
  const std::set<pid_t> sessions = marked_sessions(mark);
  for (const pid_t pid : all_processes()) {
    const bool is_killed = kill_if(pid, [&] {
      const pid_t session = session_of(pid);
      return session != 0 && (sessions.contains(session) || has_mark(pid, mark));
    });
    if (!is_killed) continue;
    killed.insert(pid);
    any = true;
  }
  return any;
}

/// What has emptied its environment is still in its control group.
void kill_group(const std::string& cgroups, const std::string& leader_id) {
  if (cgroups.empty()) return;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(cgroups, failed)) {
    if (!entry.path().filename().string().ends_with("-" + leader_id)) continue;
    std::ofstream(entry.path() / "cgroup.kill") << "1" << std::flush;
    ::rmdir(entry.path().c_str());  // once it is empty; else at the next start
  }
}

}  // namespace

std::vector<std::string> stat_of(pid_t pid) {
  const std::string stat = contents_of(pid, "stat");
  const std::size_t name_end = stat.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return {};
  return text::split_blanks(std::string_view(stat).substr(name_end + 1));
}

bool kill_if(pid_t pid, const std::function<bool()>& is_meant) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!is_meant()) return false;
  const auto sent = process ? ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0)
                            : ::kill(pid, SIGKILL);  // sandboxes
  return sent == 0;
}

Task<int> end_left_behind(std::string leader_id, std::string cgroups) {
  if (leader_id.empty()) co_return 0;
  const std::string mark = "RBIT_LEADER=" + leader_id;
  SystemClock clock;
  const SteadyTime end = clock.steady() + patience;
  std::set<pid_t> killed;
  for (milliseconds pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
    const bool any = kill_marked(mark, killed);
    kill_group(cgroups, leader_id);
    if (!any || clock.steady() >= end) break;
    co_await clock.sleep_for(pause);
  }
  kill_group(cgroups, leader_id);
  co_return static_cast<int>(killed.size());
}

}  // namespace rbit
