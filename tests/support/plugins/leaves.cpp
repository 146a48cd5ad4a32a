// A runner that leaves its host otherwise than it found it, in the way that the package is named.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <rbit/plugin.hpp>

#include <clocale>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>

namespace {

void leave_thread() {
  std::thread([] {
    for (;;) ::pause();
  }).detach();
}
void leave_zombie() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
}
void leave_child() {
  if (::fork() == 0)
    for (;;) ::pause();
}
/// The child first, which is waited for.
void come_back_twice() {
  const pid_t child = ::fork();
  if (child == 0) return;
  int status = 1;
  if (::waitpid(child, &status, 0) != child || status != 0) throw rbit::Failed("its child failed");
  std::cout << "the parent" << std::endl;
}
void leave_timer() {
  const itimerval timer{{0, 0}, {1000, 0}};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}
void leave_posix_timer() {
  sigevent event{};
  event.sigev_notify = SIGEV_NONE;
  timer_t timer;
  ::timer_create(CLOCK_MONOTONIC, &event, &timer);
}
void block_a_signal() {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &one, nullptr);
}
void change_limit() {
  const rlimit files{100, 100};
  ::setrlimit(RLIMIT_NOFILE, &files);
}

const std::map<std::string, std::function<void()>> ways{
    {"nothing", [] {}},
    {"joined-threads",
     [] {
       for (int i = 0; i < 20; ++i) std::thread([] {}).join();
     }},
    {"thread", leave_thread},
    {"zombie", leave_zombie},
    {"child", leave_child},
    {"timer", leave_timer},
    {"posix-timer", leave_posix_timer},
    {"descriptor", [] { ::open("/dev/null", O_RDONLY | O_CLOEXEC); }},
    {"output", [] { ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), 1); }},
    {"swapped", [] { ::close(2), ::open("/dev/null", O_WRONLY); }},
    {"nonblock", [] { ::fcntl(1, F_SETFL, ::fcntl(1, F_GETFL) | O_NONBLOCK); }},
    {"umask", [] { ::umask(0); }},
    {"environment", [] { ::setenv("LEFT", "1", 1); }},
    {"less-environment", [] { ::unsetenv("LANG"); }},
    {"ignored", [] { ::signal(SIGPIPE, SIG_IGN); }},
    {"handler", [] { ::signal(SIGUSR2, [](int) {}); }},
    {"cancel-handler", [] { ::signal(SIGTERM, SIG_IGN); }},
    {"other-cancel-handler", [] { ::signal(SIGTERM, [](int) {}); }},
    {"mask", block_a_signal},
    {"limit", change_limit},
    {"nice", [] { ::setpriority(PRIO_PROCESS, 0, 15); }},
    {"directory",
     [] {
       if (::chdir("/tmp") != 0) ::abort();
     }},
    {"locale", [] { std::setlocale(LC_ALL, "C.UTF-8"); }},
    {"rights", [] { ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }},
    {"namespace",
     [] {
       if (::unshare(CLONE_NEWUTS) != 0) throw rbit::Failed("unshare");
     }},
    {"locked", [] { ::mlockall(MCL_CURRENT); }},
    {"timer-slack", [] { ::prctl(PR_SET_TIMERSLACK, 123456, 0, 0, 0); }},
    {"child-that-returns", come_back_twice},
    {"death-signal", [] { ::prctl(PR_SET_PDEATHSIG, 0); }},
};

void leaves(const rbit::Job& job) {
  const auto way = ways.find(job.field("package"));
  if (way == ways.end()) throw rbit::Failed("no such way");
  std::cout << "host " << ::getpid() << std::endl;
  way->second();
}

/// Keeps a thread, a descriptor and a variable for all its jobs.
class Keeper {
 public:
  explicit Keeper(const rbit::Job&) {
    leave_thread();
    if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) throw rbit::Failed("/dev/null");
    ::setenv("KEPT", "1", 1);
    ::umask(027);
  }
  void operator()(const rbit::Job& job) { leaves(job); }
};

}  // namespace

RBIT_CPP_RUNNER(leaves, "1.0", leaves);
RBIT_CPP_RUNNER_CLASS(keeper, "1.0", Keeper);
