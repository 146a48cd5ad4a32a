#include "rbit/run/leader/cgroup_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rbit/run/leader/usage.h"

namespace rbit::leader {
namespace {

char text[16 * 1024];  // of a file; /proc/vmstat is the longest, 5 KiB

/// The number behind `label`, which begins a line of the text; 0 if there is none.
std::int64_t labelled_number(const char* label) {
  const std::size_t length = strlen(label);
  for (const char* line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') ++line;
    if (strncmp(line, label, length) == 0) return strtoll(line + length, nullptr, 10);
  }
  return 0;
}

}  // namespace

bool CgroupDir::open(const char* base, const char* name) {
  if (*base == 0) return false;
  const int length = snprintf(path_, sizeof path_, "%s/%s", base, name);
  if (length < 0 || length >= static_cast<int>(sizeof path_)) return false;
  if (mkdir(path_, 0755) != 0 && errno != EEXIST) return false;
  dir_ = ::open(path_, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir_ < 0 || faccessat(dir_, "cgroup.procs", W_OK, 0) != 0) {
    remove();
    return false;
  }
  static const char* const names[files] = {"cgroup.events", "cpu.stat", "memory.events"};
  for (int i = 0; i < files; ++i) file_[i] = openat(dir_, names[i], O_RDONLY | O_CLOEXEC);
  counts_memory_ = file_[memory] >= 0;
  return true;
}

void CgroupDir::give_up() {
  if (dir_ >= 0) remove();
}

void CgroupDir::limit_memory(std::uint64_t bytes) {
  if (dir_ < 0 || bytes == limit_) return;
  char text[32] = "max";
  if (bytes > 0) snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(bytes));
  if (!write_file(dir_, "memory.max", text)) return;  // that controller was not given to us
  write_file(dir_, "memory.oom.group", "1");          // half a job is of no use to anybody
  limit_ = bytes;
}

bool CgroupDir::limit_processes(std::uint32_t count) {
  if (dir_ < 0 || count == process_limit_) return dir_ >= 0;
  char text[32] = "max";
  if (count > 0) snprintf(text, sizeof text, "%u", count);
  if (!write_file(dir_, "pids.max", text)) return false;
  process_limit_ = count;
  return true;
}

void CgroupDir::kill() {
  if (dir_ >= 0 && write_file(dir_, "cgroup.kill", "1")) spent_ = true;
}

bool CgroupDir::remove() {
  for (int& file : file_) {
    if (file >= 0) close(file);
    file = -1;
  }
  if (dir_ >= 0) close(dir_);
  dir_ = -1;
  limit_ = process_limit_ = 0;
  spent_ = false;
  return rmdir(path_) == 0;
}

std::int64_t CgroupDir::number(File file, const char* label) const {
  const ssize_t count = file_[file] < 0 ? 0 : pread(file_[file], text, sizeof text - 1, 0);
  if (count <= 0) return 0;
  text[count] = 0;
  return labelled_number(label);
}

std::int64_t machine_oom_kills() {
  if (read_file(AT_FDCWD, "/proc/vmstat", text, sizeof text) == 0) return 0;
  return labelled_number("oom_kill ");
}

}  // namespace rbit::leader
