#include "rbit/run/open_below.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "rbit/base/text.h"

namespace rbit {

namespace {

/// One name without a slash, so that the kernel has nothing to resolve but it.
Fd open_name(int directory, const std::string& name, int flags, Mounts mounts) {
  Fd opened(::openat(directory, name.c_str(), flags));
  struct stat info {};
  if (!opened) {
    // O_DIRECTORY finds the link to be no directory before O_NOFOLLOW finds it to be a link.
    if (errno == ENOTDIR) {
      const bool is_link = ::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                           S_ISLNK(info.st_mode);
      errno = is_link ? ELOOP : ENOTDIR;
    }
    return opened;
  }
  if (mounts == Mounts::enter) return opened;
  // A bind mount of the same file system has no device of its own; only the newer call knows it.
  struct stat above {};
  struct statx more {};
  const bool is_mount =
      ::fstat(opened.get(), &info) != 0 || ::fstat(directory, &above) != 0 ||
      info.st_dev != above.st_dev ||
      (::statx(opened.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &more) == 0 &&
       (more.stx_attributes & more.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0);
  if (!is_mount) return opened;
  opened.reset();
  errno = EXDEV;
  return opened;
}

Fd nothing(int error) {
  errno = error;
  return {};
}

}  // namespace

Fd open_below(int directory, const std::string& relative, int flags, Mounts mounts) {
  struct open_how how {};
  how.flags = static_cast<unsigned>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  if (mounts == Mounts::keep_out) how.resolve |= RESOLVE_NO_XDEV;
  Fd opened(
      static_cast<int>(::syscall(SYS_openat2, directory, relative.c_str(), &how, sizeof how)));
  // EPERM: sandboxes older than the call answer so to what they do not know.
  if (opened || (errno != ENOSYS && errno != EPERM)) return opened;
  return open_below_in_steps(directory, relative, flags, mounts);
}

Fd open_below_in_steps(int directory, const std::string& relative, int flags, Mounts mounts) {
  if (relative.empty()) return nothing(ENOENT);
  if (relative.front() == '/') return nothing(EXDEV);
  const std::vector<std::string> parts = text::split(relative, '/');
  std::vector<Fd> way;  // the directories down to where we are, for ".." goes back up
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i] == ".." && way.empty()) return nothing(EXDEV);
    if (parts[i] == ".." && !last) {
      way.pop_back();
      continue;
    }
    if (!last && (parts[i].empty() || parts[i] == ".")) continue;
    const int here = way.empty() ? directory : way.back().get();
    const std::string name = parts[i].empty() ? "." : parts[i];  // "a/" is the directory a
    if (last) return open_name(here, name, flags, mounts);
    Fd next = open_name(here, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, mounts);
    if (!next) return next;
    way.push_back(std::move(next));
  }
  return nothing(ENOENT);
}

}  // namespace rbit
