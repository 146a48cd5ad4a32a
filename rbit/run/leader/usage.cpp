#include "rbit/run/leader/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace rbit::leader {
namespace {

/// The beginning of /proc/PID/NAME, ended by NUL; false if it cannot be read.
bool read_proc(pid_t pid, const char* name, char* out, std::size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t count = read(file, out, size - 1);
  close(file);
  if (count <= 0) return false;
  out[count] = 0;
  return true;
}

/// Its children's share, in ticks of 10 ms: there is no finer clock for that.
std::int64_t cpu_micros_of_children(pid_t pid) {
  char text[1024];
  if (!read_proc(pid, "stat", text, sizeof text)) return 0;
  // Fields 16 and 17, user and system; the name before the 3rd may hold anything.
  const char* at = strrchr(text, ')');
  for (int field = 2; at && field < 16; ++field) at = strchr(at + 1, ' ');
  if (!at) return 0;
  char* next = nullptr;
  const long long user = strtoll(at, &next, 10), system = strtoll(next, nullptr, 10);
  return (user + system) * (1'000'000 / sysconf(_SC_CLK_TCK));
}

}  // namespace

void Usage::add(const rusage& more) {
  cpu_micros += (more.ru_utime.tv_sec + more.ru_stime.tv_sec) * 1'000'000LL +
                more.ru_utime.tv_usec + more.ru_stime.tv_usec;
  if (more.ru_maxrss > peak_memory_kib) peak_memory_kib = more.ru_maxrss;
}

std::int64_t cpu_micros_of(pid_t pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * 1'000'000LL + time.tv_nsec / 1000 + cpu_micros_of_children(pid);
}

std::int64_t peak_memory_of(pid_t pid) {
  char text[4096];
  if (!read_proc(pid, "status", text, sizeof text)) return 0;
  const char* line = strstr(text, "\nVmHWM:");
  return line ? strtoll(line + strlen("\nVmHWM:"), nullptr, 10) : 0;
}

void forget_peak(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/clear_refs", pid);
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;  // a host that runs as somebody else
  [[maybe_unused]] const ssize_t written = write(file, "5", 1);
  close(file);
}

}  // namespace rbit::leader
