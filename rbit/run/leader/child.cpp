#include "rbit/run/leader/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rbit::leader {
namespace {

using wire::Step;

/// Shared with the child until it executes.
struct Setup {
  const Order* order;
  const int* fds;
  pid_t leader;
  Failure* failure;
};

bool apply_limits(const wire::Start& head) {
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return false;
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return false;
  files.rlim_cur = head.descriptors < files.rlim_max ? head.descriptors : files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) return false;
  const rlimit processes{head.max_processes, head.max_processes};
  if (head.max_processes != 0 && setrlimit(RLIMIT_NPROC, &processes) != 0) return false;
  const rlimit memory{head.max_memory, head.max_memory};
  return head.max_memory == 0 || setrlimit(RLIMIT_AS, &memory) == 0;
}

bool add_niceness(int by) {
  if (by == 0) return true;
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, 0);
  return errno == 0 && setpriority(PRIO_PROCESS, 0, now + by) == 0;
}

/// By system calls: the C library's functions would talk to threads that are not ours to change.
bool change_user(const Order& order) {
  const auto& head = order.head;
  if (syscall(SYS_setgroups, head.groups, order.groups) != 0) return false;
  if (syscall(SYS_setresgid, head.gid, head.gid, head.gid) != 0) return false;
  if (syscall(SYS_setresuid, head.uid, head.uid, head.uid) != 0) return false;
  uid_t real = 0, effective = 0, saved = 0;
  if (getresuid(&real, &effective, &saved) != 0) return false;
  gid_t real_group = 0, effective_group = 0, saved_group = 0;
  if (getresgid(&real_group, &effective_group, &saved_group) != 0) return false;
  errno = EPERM;
  return real == head.uid && effective == head.uid && saved == head.uid && real_group == head.gid &&
         effective_group == head.gid && saved_group == head.gid;
}

[[noreturn]] void fail(Setup& setup, Step step) {
  *setup.failure = {step, errno};
  _exit(127);
}

/// After 0 to 3 are in their places: what stands at its number then is a copy nobody needs.
bool place_extra(int source, int number) {
  if (source == number) return fcntl(source, F_SETFD, 0) == 0;  // dup2 would leave CLOEXEC on
  return dup2(source, number) >= 0;
}

/// System calls only, on a stack of its own, while the leader stands still.
int run_child(void* argument) {
  Setup& setup = *static_cast<Setup*>(argument);
  const Order& order = *setup.order;

  if (setsid() < 0) fail(setup, Step::session);
  // The sources are above 3: receive() finds 0 to 3 taken. Everything else has CLOEXEC.
  if (dup2(setup.fds[0], 0) < 0 || dup2(setup.fds[1], 1) < 0 || dup2(setup.fds[1], 2) < 0 ||
      dup2(setup.fds[2], 3) < 0)
    fail(setup, Step::descriptors);
  if (order.head.extra_as != 0 &&
      !place_extra(setup.fds[order.head.is_host == 0 ? 4 : 3], order.head.extra_as))
    fail(setup, Step::descriptors);
  umask(022);
  if (chdir(order.directory) != 0) fail(setup, Step::directory);
  if (!apply_limits(order.head)) fail(setup, Step::limits);
  if (!add_niceness(order.head.nice)) fail(setup, Step::priority);
  if (order.head.change_user && !change_user(order)) fail(setup, Step::user);
  // After the change of user, which clears it. The leader may have died before.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(setup, Step::parent);
  if (getppid() != setup.leader) _exit(127);
  // The leader set all signals to default; it blocks some.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(order.argv[0], order.argv, order.environment);
  fail(setup, Step::exec);
}

alignas(16) char child_stack[64 * 1024];

/// vfork as a call: the child borrows our memory, not our stack, until it executes.
pid_t start_beside_us(Setup& setup) {
  return clone(run_child, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK | SIGCHLD,
               &setup);
}

/// In the group from its first instruction on; to move a process there later takes the kernel
/// milliseconds. Without CLONE_VM, for the call returns twice on one stack; we are small.
pid_t start_in(const CgroupDir& cgroup, Setup& setup) {
  static void* const page =
      mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return -1;
  auto* const failure = static_cast<Failure*>(page);
  *failure = Failure{};
  clone_args how{};
  how.flags = CLONE_VFORK | CLONE_INTO_CGROUP;
  how.exit_signal = SIGCHLD;
  how.cgroup = static_cast<__u64>(cgroup.fd());
  setup.failure = failure;
  const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &how, sizeof how));
  if (pid == 0) _exit(run_child(&setup));
  return pid;
}

}  // namespace

pid_t start_child(const Order& order, const int (&fds)[wire::max_fds], CgroupDir& cgroup,
                  Failure& failure) {
  Setup setup{&order, fds, getpid(), &failure};
  pid_t pid = -1;
  if (cgroup.is_open()) {
    pid = start_in(cgroup, setup);
    // EAGAIN: there are as many processes as may be, here or there. Else the kernel is older than
    // 5.7, a sandbox has no clone3, or the group takes nobody.
    if (pid > 0)
      failure = *setup.failure;
    else if (errno != EAGAIN)
      cgroup.give_up();
    setup.failure = &failure;
  }
  if (pid < 0) pid = start_beside_us(setup);
  if (pid < 0) {
    failure = {Step::process, errno};
    return -1;
  }
  if (failure.step != Step::none) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return -1;
  }
  return pid;
}

}  // namespace rbit::leader
