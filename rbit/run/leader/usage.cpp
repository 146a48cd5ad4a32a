#include "rbit/run/leader/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace rbit::leader {
std::size_t read_file(int dir, const char* path, char* out, std::size_t size) {
  const int file = openat(dir, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t count = read(file, out, size - 1);
  close(file);
  const std::size_t length = count < 0 ? 0 : static_cast<std::size_t>(count);
  out[length] = 0;
  return length;
}

bool write_file(int dir, const char* path, const char* text) {
  const int file = openat(dir, path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const auto length = static_cast<ssize_t>(strlen(text));
  const bool done = write(file, text, static_cast<std::size_t>(length)) == length;
  close(file);
  return done;
}

std::size_t read_proc(pid_t pid, const char* name, char* out, std::size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  return read_file(AT_FDCWD, path, out, size);
}

const char* stat_field(const char* stat, int number) {
  const char* at = strrchr(stat, ')');
  for (int field = 2; at && field < number; ++field) at = strchr(at + 1, ' ');
  return at ? at + 1 : nullptr;
}

void Usage::add(const rusage& more) {
  cpu_micros += (more.ru_utime.tv_sec + more.ru_stime.tv_sec) * 1'000'000LL +
                more.ru_utime.tv_usec + more.ru_stime.tv_usec;
  if (more.ru_maxrss > peak_memory_kib) peak_memory_kib = more.ru_maxrss;
}

std::int64_t cpu_micros_of(pid_t pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * 1'000'000LL + time.tv_nsec / 1000;
}

}  // namespace rbit::leader
