#include "rbit/run/leader/host_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>

#include "rbit/run/leader/sweep.h"
#include "rbit/run/leader/usage.h"
#include "rbit/run/leader_wire.h"

namespace rbit::leader {
namespace {

constexpr int rest_ms = 250;
constexpr int ioprio_who_process = 1;  // no header of the C library names it
/// What may be so for a moment, without harm.
constexpr std::uint32_t passing =
    wire::left_thread | wire::left_descriptor | wire::lost_descriptor | wire::is_hidden;
char text[16 * 1024];  // of whatever is read; limits and status are some 1.5 KiB

void close_one(int& file) {
  if (file >= 0) close(file);
  file = -1;
}
void close_one(DIR*& dir) {
  if (dir) closedir(dir);
  dir = nullptr;
}

/// From its beginning, as it is now, ended by NUL. 0: it cannot be read.
std::size_t read_again(int file) {
  if (file < 0) return 0;
  const ssize_t count = pread(file, text, sizeof text - 1, 0);
  const std::size_t length = count < 0 ? 0 : static_cast<std::size_t>(count);
  text[length] = 0;
  return length;
}

DIR* open_dir(int process, const char* name) {
  const int dir = openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return nullptr;
  DIR* const opened = fdopendir(dir);
  if (!opened) close(dir);
  return opened;
}

std::uint64_t bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

/// One line's share of a sum. A host that waits for a job blocks its cancel signals now and then,
/// and has to look after them itself; 32 and 33 are the C library's, for threads.
std::uint64_t share(const char* line, std::size_t length) {
  char mask[20];
  if (length > 8 && memcmp(line, "Sig", 3) == 0 && memcmp(line, "SigQ", 4) != 0) {
    std::uint64_t signals = strtoull(line + 7, nullptr, 16) & ~(bit(32) | bit(33));
    if (memcmp(line, "SigBlk", 6) == 0) signals &= ~(bit(SIGTERM) | bit(SIGINT));
    const int count = snprintf(mask, sizeof mask, "%.3s%016llx", line + 3,
                               static_cast<unsigned long long>(signals));
    return wire::sum(mask, static_cast<std::size_t>(count));
  }
  return wire::sum(line, length);
}

/// Of what these links in `dir` lead to: of namespaces their inode numbers, "mnt:[4026531841]". 0:
/// we are not let see them.
std::uint64_t sum_of_links(int dir, std::initializer_list<const char*> names) {
  std::uint64_t sum = 0;
  for (const char* name : names) {
    const ssize_t length = readlinkat(dir, name, text, sizeof text);
    if (length < 0 && errno == ENOENT)
      continue;  // the kernel has no such namespaces, or the process is gone
    if (length < 0) return 0;
    sum = sum * 31 + wire::sum(text, static_cast<std::size_t>(length));
  }
  return sum;
}

bool begins_with_one_of(const char* line, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (strncmp(line, name, strlen(name)) == 0) return true;
  return false;
}

}  // namespace

void HostState::note(pid_t pid) {
  forget();
  pid_ = pid;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", pid);
  process_ = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (process_ < 0) return;
  static const char* const names[files] = {"status", "stat", "limits", "timers", "oom_score_adj"};
  for (int i = 0; i < files; ++i) file_[i] = openat(process_, names[i], O_RDONLY | O_CLOEXEC);
  namespaces_ = openat(process_, "ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
  descriptors_ = open_dir(process_, "fd");
  peak_ = openat(process_, "clear_refs", O_WRONLY | O_CLOEXEC);  // not of another user's host
  snprintf(path, sizeof path, "task/%d/children", pid);
  children_ = openat(process_, path, O_RDONLY | O_CLOEXEC);
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  own_children_ = open(path, O_RDONLY | O_CLOEXEC);
  threads_ = open_dir(process_, "task");
  const std::int64_t begin = now_ms();
  for (look(before_); !before_.is_asleep && !before_.has_ended && now_ms() - begin < rest_ms;) {
    rest_a_moment();
    look(before_);
  }
  now_ = before_;
}

void HostState::forget() {
  close_one(process_);
  for (int& file : file_) close_one(file);
  close_one(namespaces_);
  close_one(peak_);
  close_one(children_);
  close_one(own_children_);
  close_one(descriptors_);
  close_one(threads_);
  now_ = {};
}

bool HostState::may_have_descendants() {
  if (!threads_ || children_ < 0 || own_children_ < 0) return true;
  constexpr nlink_t of_one_thread = 3;  // a directory's own two, and one for each thread
  struct stat directory;
  if (fstat(dirfd(threads_), &directory) != 0 || directory.st_nlink != of_one_thread) return true;
  // Its own first: who comes to us when a child of it dies is seen with us then.
  if (pread(children_, text, sizeof text - 1, 0) != 0) return true;
  if (read_again(own_children_) == 0) return true;
  char* end = nullptr;
  return strtol(text, &end, 10) != pid_ || end[strspn(end, " \n")] != 0;
}

void HostState::forget_peak() {
  if (peak_ >= 0) (void)!write(peak_, "5", 1);
}

std::uint32_t HostState::changes() {
  if (process_ < 0) return 0;
  const std::int64_t begin = now_ms();
  for (;;) {
    look(now_);
    if (now_.has_ended) return 0;
    const std::uint32_t left = compare(now_);
    if ((left & ~passing) != 0 || left == 0 || now_ms() - begin >= rest_ms) return left;
    rest_a_moment();
  }
}

void HostState::look(View& view) {
  look_at_status(view);  // counts the threads, too
  look_at_threads(view);
  view.limits = sum_of(limits);
  view.timers = sum_of(timers);
  view.oom_score = sum_of(oom_score);
  look_at_scheduling(view);
  view.place = sum_of_links(process_, {"cwd", "root"});
  view.namespaces = sum_of_links(namespaces_, {"cgroup", "ipc", "mnt", "net", "pid_for_children",
                                               "time_for_children", "user", "uts"});
  look_at_descriptors(view);
}

std::uint64_t HostState::sum_of(File file) {
  const std::size_t length = read_again(file_[file]);
  const bool may_be_empty = file == timers && file_[file] >= 0;
  return length == 0 && !may_be_empty ? 0 : wire::sum(text, length);
}

void HostState::look_at_status(View& view) {
  view.umask = view.signals = view.rights = view.processors = view.locked_memory = 0;
  view.thread_count = 0;
  view.peak_memory_kib = 0;
  view.has_ended = true;
  if (read_again(file_[status]) == 0) return;
  for (const char* line = text; *line != 0;) {
    const char* const end = strchrnul(line, '\n');
    const auto length = static_cast<std::size_t>(end - line);
    if (strncmp(line, "State:\t", 7) == 0) {
      view.has_ended = line[7] == 'Z' || line[7] == 'X';
      view.is_asleep = line[7] == 'S';
    } else if (strncmp(line, "Umask:", 6) == 0)
      view.umask = share(line, length);
    else if (strncmp(line, "Threads:", 8) == 0)
      view.thread_count = atoi(line + 8);
    else if (strncmp(line, "Cpus_allowed:", 13) == 0)
      view.processors = share(line, length);
    else if (strncmp(line, "VmLck:", 6) == 0)
      view.locked_memory = share(line, length);
    else if (strncmp(line, "VmHWM:", 6) == 0)
      view.peak_memory_kib = strtoll(line + 6, nullptr, 10);
    else if (begins_with_one_of(line, {"SigBlk:", "SigIgn:", "SigCgt:"}))
      view.signals = view.signals * 31 + share(line, length);
    else if (begins_with_one_of(line,
                                {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:"}))
      view.rights = view.rights * 31 + share(line, length);
    line = *end == 0 ? end : end + 1;
  }
}

void HostState::look_at_threads(View& view) {
  if (view.thread_count <= 1 || !threads_) return;
  view.thread_count = 0;
  rewinddir(threads_);
  while (const dirent* entry = readdir(threads_))
    if (entry->d_name[0] != '.' && view.thread_count < most_threads)
      view.thread[view.thread_count++] = static_cast<pid_t>(atoi(entry->d_name));
}

/// Niceness, real-time priority and policy; priority at the disks. And what its children used.
void HostState::look_at_scheduling(View& view) {
  const long io_priority = syscall(SYS_ioprio_get, ioprio_who_process, pid_);
  view.scheduling = 0;
  if (read_again(file_[stat]) == 0) return;
  for (const int field : {19, 40, 41})
    if (const char* const value = stat_field(text, field))
      view.scheduling = view.scheduling * 131 + strtoull(value, nullptr, 10) + 1;
  if (const char* const times = stat_field(text, 16)) {
    char* next = nullptr;
    const long long user = strtoll(times, &next, 10), system = strtoll(next, nullptr, 10);
    view.children_cpu_micros = (user + system) * (1'000'000 / sysconf(_SC_CLK_TCK));
  }
  if (io_priority >= 0) view.scheduling += static_cast<std::uint64_t>(io_priority) * 1'000'003;
}

void HostState::look_at_descriptors(View& view) {
  view.descriptors = 0;
  view.descriptor_count = 0;
  if (!descriptors_) return;
  rewinddir(descriptors_);
  while (const dirent* entry = readdir(descriptors_)) {
    if (entry->d_name[0] == '.') continue;
    // Not its name, which changes where a file is replaced or a log is rotated. Without asking a
    // file server, which may not answer.
    struct statx file;
    if (statx(dirfd(descriptors_), entry->d_name, AT_STATX_DONT_SYNC, STATX_INO, &file) != 0)
      continue;
    const std::uint64_t one[] = {static_cast<std::uint64_t>(atoi(entry->d_name)), file.stx_ino,
                                 file.stx_dev_major, file.stx_dev_minor};
    view.descriptors += wire::sum(reinterpret_cast<const char*>(one), sizeof one);
    ++view.descriptor_count;
  }
}

bool HostState::has_new_thread(const View& now) const {
  if (now.thread_count <= 1) return false;
  for (int i = 0; i < now.thread_count; ++i) {
    bool known = now.thread[i] == pid_;  // the first one, and maybe the only one before
    for (int k = 0; !known && before_.thread_count > 1 && k < before_.thread_count; ++k)
      known = before_.thread[k] == now.thread[i];
    if (!known) return true;
  }
  return false;
}

std::uint32_t HostState::compare(const View& now) const {
  std::uint32_t left = 0;
  const auto differs = [&left](std::uint64_t before, std::uint64_t after, std::uint32_t what) {
    if (before == 0 || before == after) return;
    left |= after == 0 ? wire::is_hidden : what;
  };
  if (has_new_thread(now)) left |= wire::left_thread;
  if (now.descriptor_count > before_.descriptor_count)
    left |= wire::left_descriptor;
  else
    differs(before_.descriptors, now.descriptors, wire::lost_descriptor);
  differs(before_.timers, now.timers, wire::left_timer);
  differs(before_.umask, now.umask, wire::changed_umask);
  differs(before_.signals, now.signals, wire::changed_signals);
  differs(before_.limits, now.limits, wire::changed_limits);
  differs(before_.place, now.place, wire::changed_place);
  differs(before_.namespaces, now.namespaces, wire::changed_namespaces);
  differs(before_.locked_memory, now.locked_memory, wire::left_locked_memory);
  differs(before_.rights, now.rights, wire::changed_rights);
  differs(before_.scheduling, now.scheduling, wire::changed_priority);
  differs(before_.processors, now.processors, wire::changed_priority);
  differs(before_.oom_score, now.oom_score, wire::changed_priority);
  return left;
}

}  // namespace rbit::leader
