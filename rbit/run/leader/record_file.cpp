#include "rbit/run/leader/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rbit/run/leader/usage.h"
#include "rbit/run/leader_wire.h"

namespace rbit::leader {

Identity Identity::read() {
  Identity identity;
  identity.pid = getpid();
  char text[1024];
  if (read_file(AT_FDCWD, "/proc/self/stat", text, sizeof text) > 0)
    if (const char* const start = stat_field(text, 22))
      identity.start_time = strtoull(start, nullptr, 10);
  if (read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof text) >= 36) {
    memcpy(identity.boot_id, text, 36);
    identity.boot_id[36] = 0;
  }
  return identity;
}

int RecordFile::begin(int dir, const Identity& identity, const char* id) {
  close();
  dir_ = dir;
  size_ = 0;
  file_ = openat(dir, "leader", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file_ < 0) return errno;
  if (flock(file_, LOCK_EX | LOCK_NB) != 0) {  // another leader is at it
    const int error = errno;
    ::close(file_);
    file_ = -1;
    return error;
  }
  const int count = snprintf(text_, sizeof text_, wire::record_begin_format, wire::version,
                             identity.pid, identity.start_time, identity.boot_id, id);
  if (count < 0 || count >= static_cast<int>(sizeof text_)) return EINVAL;
  return put(static_cast<std::size_t>(count));
}

int RecordFile::finish(const char* lines) {
  if (file_ < 0) return 0;
  const std::size_t count = strlen(lines);
  const std::size_t end = size_ + count;
  if (end + 64 > sizeof text_) return EINVAL;
  memcpy(text_ + size_, lines, count);
  const int added = snprintf(text_ + end, sizeof text_ - end, wire::record_sum_format,
                             static_cast<unsigned long long>(wire::sum(text_, end)));
  return put(count + static_cast<std::size_t>(added));
}

/// Writes the next so many bytes of the text.
int RecordFile::put(std::size_t count) {
  for (const std::size_t end = size_ + count; size_ < end;) {
    const ssize_t written = write(file_, text_ + size_, end - size_);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    size_ += static_cast<std::size_t>(written);
  }
  return 0;
}

bool RecordFile::has_host_result() const {
  struct stat status;
  return dir_ >= 0 && fstatat(dir_, "result", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         status.st_size > 0;
}

void RecordFile::close() {
  if (file_ >= 0) ::close(file_);
  if (dir_ >= 0) ::close(dir_);
  file_ = dir_ = -1;
}

}  // namespace rbit::leader
