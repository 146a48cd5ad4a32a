#include "rbit/run/leader/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int RecordFile::begin(int file, std::uint64_t serial, const Identity& identity, const char* id) {
  close();
  file_ = file;
  serial_ = serial;
  char text[record::begin_part.size];
  int count = snprintf(text, sizeof text, wire::record_begin_format, wire::version, identity.pid,
                       identity.start_time, identity.boot_id, id);
  if (count < 0 || count >= static_cast<int>(sizeof text)) return EINVAL;
  const auto size = static_cast<std::size_t>(count);
  count += snprintf(text + size, sizeof text - size, wire::record_number_format, ++begun_);
  begin_sum_ = record::crc32(text, static_cast<std::size_t>(count));
  return put(record::begin_part, text, static_cast<std::size_t>(count));
}

int RecordFile::finish(const char* lines) {
  if (file_ < 0) return 0;
  char text[record::end_part.size];
  const int count = snprintf(text, sizeof text, wire::record_of_format, begin_sum_);
  const auto size = static_cast<std::size_t>(count);
  const std::size_t length = strlen(lines);
  if (size + length >= sizeof text) return EINVAL;
  memcpy(text + size, lines, length);
  return put(record::end_part, text, size + length);
}

/// All of the part: nothing of an earlier job stays behind the text, which people read too.
int RecordFile::put(record::Part part, const char* text, std::size_t length) {
  char bytes[512] = {};
  static_assert(record::begin_part.size == sizeof bytes && record::end_part.size == sizeof bytes);
  if (length > part.size - record::head_size) return EINVAL;
  char head[record::head_size + 1];
  record::put_head(head, serial_, text, length);
  memcpy(bytes, head, record::head_size);
  memcpy(bytes + record::head_size, text, length);
  for (std::size_t at = 0; at < part.size;) {
    const ssize_t written =
        pwrite(file_, bytes + at, part.size - at, static_cast<off_t>(part.offset + at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    at += static_cast<std::size_t>(written);
  }
  return 0;
}

bool RecordFile::has_host_result() const {
  char head[record::head_size];
  std::size_t length = 0;
  const ssize_t count =
      file_ < 0 ? -1
                : pread(file_, head, sizeof head, static_cast<off_t>(record::result_part.offset));
  return count > 0 && record::has_head(head, static_cast<std::size_t>(count), serial_, length) &&
         length > 0;
}

void RecordFile::close() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

}  // namespace rbit::leader
