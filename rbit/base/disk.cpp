#include "rbit/base/disk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "rbit/base/fd.h"

namespace rbit::disk {

namespace {

constexpr long cifs_magic = 0xFF534D42;  // not in linux/magic.h of Debian 12
constexpr long smb2_magic = 0xFE534D42;

/// `ask` with the path or the first of its parents that is there. 0 or -1, as `ask` gives it.
template <class Ask>
int ask_nearest(std::filesystem::path path, Ask ask) {
  while (ask(path.c_str()) != 0) {
    if (errno != ENOENT || !path.has_relative_path()) return -1;  // nothing is above the root
    path = path.parent_path();
  }
  return 0;
}

}  // namespace

Result<Space> space_at(const std::string& path) {
  struct statvfs where {};
  if (ask_nearest(path, [&](const char* name) { return ::statvfs(name, &where); }) != 0)
    return Error{path, std::strerror(errno), ""};
  const auto block = static_cast<std::int64_t>(where.f_frsize);
  return Space{static_cast<std::int64_t>(where.f_bavail) * block,
               static_cast<std::int64_t>(where.f_blocks) * block};
}

bool is_on_network(const std::string& path) {
  struct statfs where {};
  if (ask_nearest(path, [&](const char* name) { return ::statfs(name, &where); }) != 0)
    return false;
  const long type = static_cast<long>(where.f_type);
  return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == cifs_magic ||
         type == smb2_magic;
}

std::int64_t Limit::of(std::int64_t total) const {
  return std::min(bytes, static_cast<std::int64_t>(share * static_cast<double>(total)));
}

Result<void> try_writing(const std::string& directory) {
  constexpr std::size_t some = 64 << 10;  // more than a small file that lies in its inode
  const std::string place = directory + "/.try", path = place + "/file";
  ::unlink(path.c_str());  // of one who was killed meanwhile
  ::rmdir(place.c_str());
  int error = ::mkdir(place.c_str(), 0700) == 0 ? 0 : errno;
  if (error == 0) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    const std::string bytes(some, '.');
    if (!file)
      error = errno;
    else if (const ssize_t count = ::write(file.get(), bytes.data(), bytes.size()); count < 0)
      error = errno;
    else if (static_cast<std::size_t>(count) < bytes.size())
      error = ENOSPC;
  }
  ::unlink(path.c_str());
  ::rmdir(place.c_str());
  if (error == 0) return {};
  return Error{directory, std::string("cannot be written: ") + std::strerror(error),
               error == ENOSPC || error == EDQUOT ? "make room on that disk"
                                                  : "look at that directory and its disk"};
}

std::string size_text(std::int64_t bytes) {
  static constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, size < 10 ? "%.1f %s" : "%.0f %s", size, units.at(unit));
  return text;
}

}  // namespace rbit::disk
