// rbit-leader: the parent of one job at a time. One for each busy slot, warm from job to job. One
// thread, the C library and nothing else: so it starts jobs by vfork at next to no cost, and there
// is little in it that could fail.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rbit/base/standard_descriptors.h"
#include "rbit/run/leader/duty.h"
#include "rbit/run/leader/usage.h"
#include "rbit/run/leader_wire.h"

namespace {

constexpr int given_socket = 3;
constexpr unsigned long kernel_signal_set_bytes = 8;  // 64 signals

/// All signals as at boot, but for the two we read: SIGCHLD, and SIGTERM, which the kernel sends
/// when rbit dies. SIGXFSZ is held back: a record that may not grow is an error code.
int take_signals() {
  // By system call: the C library keeps 32 and 33 to itself, and its posix_spawn ignores them in
  // what it starts. All zeros is SIG_DFL without flags.
  const unsigned long by_default[8] = {};
  for (int signal = 1; signal <= SIGRTMAX; ++signal)
    syscall(SYS_rt_sigaction, signal, by_default, nullptr, kernel_signal_set_bytes);
  sigset_t read_here;
  sigemptyset(&read_here);
  sigaddset(&read_here, SIGCHLD);
  sigaddset(&read_here, SIGTERM);
  sigaddset(&read_here, SIGXFSZ);
  sigprocmask(SIG_SETMASK, &read_here, nullptr);
  return signalfd(-1, &read_here, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// 0 to 3 lead to /dev/null from now on, so that no descriptor of a job gets such a number.
int take_socket() {
  syscall(SYS_close_range, given_socket + 1, ~0U, 0);
  const int socket = fcntl(given_socket, F_DUPFD_CLOEXEC, 4);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (socket < 0 || null < 0) return -1;
  for (int fd = 0; fd <= given_socket; ++fd) dup3(null, fd, O_CLOEXEC);
  close(null);
  return socket;
}

}  // namespace

int main(int argc, char** argv) {
  rbit::need_standard_descriptors();
  int type = 0;
  socklen_t size = sizeof type;
  if (argc != 3 || getsockopt(given_socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    fputs("rbit-leader is started by rbit, not by hand\n", stderr);
    return 2;
  }
  const pid_t parent = static_cast<pid_t>(atoi(argv[1]));
  const int socket = take_socket();
  const int signals = take_signals();
  if (socket < 0 || signals < 0) return rbit::wire::could_not_begin;
  // What we start inherits it: under memory pressure jobs go before rbit. Not a reason to fail.
  rbit::leader::write_file(AT_FDCWD, "/proc/self/oom_score_adj", "200");
  if (prctl(PR_SET_DUMPABLE, 0) != 0)
    return rbit::wire::could_not_begin;  // after the file above, which it closes to us
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return rbit::wire::could_not_begin;
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return rbit::wire::could_not_begin;
  if (getppid() != parent) return 0;  // rbit died before we asked to be told
  rbit::leader::Duty(socket, signals, parent, argv[2]).serve();
}
