#include "rbit/run/leader/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace rbit::leader {
namespace {

constexpr int unkillable_after_ms = 10'000;  // then rbit is told

/// Processes seen in one pass; more of them are met in the next.
struct Pids {
  static constexpr int capacity = 8192;
  pid_t pid[capacity];
  int count = 0;
  void add(pid_t one) {
    if (count < capacity) pid[count++] = one;
  }
};
Pids found;

/// The state letter and parent of `pid` as /proc/PID/stat has them; 0 if it is gone.
char state_of(pid_t pid, pid_t* parent = nullptr) {
  char text[512];
  if (read_proc(pid, "stat", text, sizeof text) == 0) return 0;
  const char* const state = stat_field(text, 3);
  const char* const its_parent = stat_field(text, 4);
  if (!state || !its_parent) return 0;
  if (parent) *parent = static_cast<pid_t>(atoi(its_parent));
  return *state;
}

bool add_children_of_thread(pid_t pid, const char* thread) {
  char path[96], text[4096];
  snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", pid, thread);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  long number = 0;
  for (ssize_t count; (count = read(file, text, sizeof text)) > 0;)
    for (ssize_t i = 0; i < count; ++i) {
      if (text[i] >= '0' && text[i] <= '9') {
        number = number * 10 + (text[i] - '0');
      } else if (number > 0) {
        found.add(static_cast<pid_t>(number));
        number = 0;
      }
    }
  close(file);
  return true;
}

void add_children(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR* threads = opendir(path);
  if (!threads) return;
  while (const dirent* thread = readdir(threads))
    if (thread->d_name[0] != '.') add_children_of_thread(pid, thread->d_name);
  closedir(threads);
}

/// For kernels without CONFIG_PROC_CHILDREN: by the parents that all processes name.
void add_children_by_parent(pid_t pid) {
  DIR* processes = opendir("/proc");
  if (!processes) return;
  while (const dirent* entry = readdir(processes)) {
    const pid_t one = static_cast<pid_t>(atoi(entry->d_name));
    pid_t parent = 0;
    if (one > 0 && state_of(one, &parent) != 0 && parent == pid) found.add(one);
  }
  closedir(processes);
}

bool has_children_files() {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  static const bool there = access(path, R_OK) == 0;
  return there;
}

/// All below us into `found`; a child is followed by its own, so `spare` can be left out at the
/// end.
void find_descendants(pid_t spare) {
  found.count = 0;
  const auto add = has_children_files() ? add_children : add_children_by_parent;
  add(getpid());
  for (int i = 0; i < found.count; ++i) add(found.pid[i]);
  for (int i = 0; i < found.count; ++i)
    if (found.pid[i] == spare) found.pid[i] = 0;
}

/// Whether it descends from us, now. One whose parents die meanwhile comes to us, and is met in the
/// next pass.
bool is_below_us(pid_t pid) {
  constexpr int deepest = 1'000;
  for (int i = 0; i < deepest && pid > 1; ++i) {
    pid_t parent = 0;
    if (state_of(pid, &parent) == 0) return false;
    if (parent == getpid()) return true;
    pid = parent;
  }
  return false;
}

/// SIGKILL to a living process below us. The number may be another's since it was listed: it is
/// looked at once more when its descriptor holds whoever has it now. Returns false if there is
/// none.
bool kill_descendant(pid_t pid) {
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0 && errno == ESRCH) return false;
  const char state = state_of(pid);
  const bool lives = state != 0 && state != 'Z' && state != 'X' && is_below_us(pid);
  if (lives && process >= 0)
    syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);  // EPERM: it is what is left
  else if (lives)
    kill(pid, SIGKILL);  // sandboxes have no such descriptors, or there are no more of them
  if (process >= 0) close(process);
  return lives;
}

/// Whether a dead one is left, which is not ours to reap.
bool reap_all_but(pid_t host, Usage& usage) {
  find_descendants(host);
  bool is_dead = false;
  for (int i = 0; i < found.count; ++i) {
    if (found.pid[i] == 0) continue;
    rusage used;
    // Of those that are not our children it says so; the host is not asked for.
    if (wait4(found.pid[i], nullptr, WNOHANG, &used) > 0)
      usage.add(used);
    else if (state_of(found.pid[i]) == 'Z')
      is_dead = true;
  }
  return is_dead;
}

}  // namespace

std::int64_t now_ms() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1'000'000;
}

void rest_a_moment() {
  const timespec pause{0, 1'000'000};
  nanosleep(&pause, nullptr);
}

int kill_descendants(pid_t spare) {
  find_descendants(spare);
  int killed = 0;
  for (int i = 0; i < found.count; ++i) {
    if (found.pid[i] != 0 && kill_descendant(found.pid[i])) ++killed;
  }
  return killed;
}

int sweep_all(int signal_fd, Usage& usage, void (*unkillable)(void*, int), void* argument) {
  int killed = 0;
  const std::int64_t begin = now_ms();
  bool said = false;
  for (;;) {
    pid_t pid = 0;
    int status = 0;
    rusage used;
    while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
      usage.add(used);
      // What we killed, or what the kill of the group did just before.
      if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ++killed;
    }
    if (pid < 0 && errno == ECHILD) return killed;
    const int left = kill_descendants(0);
    if (!said && now_ms() - begin >= unkillable_after_ms) {
      said = true;
      unkillable(argument, left);
    }
    // A death wakes us; the limit is for those that die far below and in state D.
    pollfd wait{signal_fd, POLLIN, 0};
    poll(&wait, 1, said ? 1000 : 50);
    signalfd_siginfo drop;
    while (read(signal_fd, &drop, sizeof drop) > 0) {
    }
  }
}

int sweep_all_but(pid_t host, Usage& usage, bool& has_dead_child) {
  const std::int64_t begin = now_ms();
  int killed = 0;
  for (int pass = 0;; ++pass) {
    const bool is_dead = reap_all_but(host, usage);
    if (pass == 0) has_dead_child = is_dead;
    const int left = kill_descendants(host);
    if (left == 0) return killed;
    if (left > killed) killed = left;
    if (now_ms() - begin >= unkillable_after_ms) return killed;
    if (pass > 0) rest_a_moment();  // the host's children end without telling us
  }
}

}  // namespace rbit::leader
