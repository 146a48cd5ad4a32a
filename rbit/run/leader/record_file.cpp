#include "rbit/run/leader/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rbit/run/leader_wire.h"

namespace rbit::leader {
namespace {

std::size_t read_file(const char* path, char* out, std::size_t size) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t count = read(file, out, size - 1);
  close(file);
  const std::size_t length = count < 0 ? 0 : static_cast<std::size_t>(count);
  out[length] = 0;
  return length;
}

}  // namespace

Identity Identity::read() {
  Identity identity;
  identity.pid = getpid();
  char text[1024];
  read_file("/proc/self/stat", text, sizeof text);
  // The name in parentheses may hold anything; after it come fields 3 and on, ours is the 22nd.
  if (const char* at = strrchr(text, ')')) {
    for (int field = 2; at && field < 22; ++field) at = strchr(at + 1, ' ');
    if (at) identity.start_time = strtoull(at + 1, nullptr, 10);
  }
  if (read_file("/proc/sys/kernel/random/boot_id", text, sizeof text) >= 36) {
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
  char text[256];
  const int count = snprintf(text, sizeof text, wire::record_begin_format, wire::version,
                             identity.pid, identity.start_time, identity.boot_id, id);
  if (count < 0 || count >= static_cast<int>(sizeof text)) return EINVAL;
  return put(text, static_cast<std::size_t>(count));
}

int RecordFile::finish(const char* lines, std::size_t count) {
  if (file_ < 0) return 0;
  char text[512];
  if (size_ + count > sizeof text_ || count + 64 > sizeof text) return EINVAL;
  memcpy(text_ + size_, lines, count);
  memcpy(text, lines, count);
  const std::uint64_t sum = wire::sum(text_, size_ + count);
  const int added = snprintf(text + count, sizeof text - count, wire::record_sum_format,
                             static_cast<unsigned long long>(sum));
  return put(text, count + static_cast<std::size_t>(added));
}

int RecordFile::put(const char* bytes, std::size_t count) {
  if (size_ + count <= sizeof text_) memcpy(text_ + size_, bytes, count);
  while (count > 0) {
    const ssize_t written = write(file_, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes += written;
    size_ += static_cast<std::size_t>(written);
    count -= static_cast<std::size_t>(written);
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
