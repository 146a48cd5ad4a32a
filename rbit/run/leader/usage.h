#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace rbit::leader {

/// Processor time of what was reaped, and the memory of the largest of it.
struct Usage {
  std::int64_t cpu_micros = 0;
  std::int64_t peak_memory_kib = 0;
  void add(const rusage& more);
};

/// The beginning of a file, ended by NUL. Returns its length; 0: it cannot be read, or is empty.
std::size_t read_file(int dir, const char* path, char* out, std::size_t size);
/// Writes a text into a file that is there, in one call. Returns false if it cannot.
bool write_file(int dir, const char* path, const char* text);
/// Reads /proc/PID/NAME as `read_file` does.
std::size_t read_proc(pid_t pid, const char* name, char* out, std::size_t size);
/// Where a field of /proc/PID/stat begins, the third or a later one; nullptr: there is none. The
/// second, a name in parentheses, may hold anything.
const char* stat_field(const char* stat, int number);

/// A living process: processor time of all its threads, of those that ended too. 0 if it is gone.
std::int64_t cpu_micros_of(pid_t pid);

}  // namespace rbit::leader
