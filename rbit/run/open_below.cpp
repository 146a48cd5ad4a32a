#include "rbit/run/open_below.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <optional>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"

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

namespace {

// A hostile path would take a descriptor for each of its names.
constexpr std::size_t most_levels = 128;
constexpr int most_links = 40;  // as many as the kernel follows
// A job's links may be as long as paths may be, and lead up and down for hours.
constexpr int most_steps = 256;

/// Where a link leads. Returns none if it cannot be read.
std::optional<std::string> target_of(const Fd& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(length));
}

/// The path without the beginning that is the directory itself. Returns none if it lies elsewhere.
std::optional<std::string> without(const std::vector<std::string>& names, const std::string& path) {
  for (const auto& name : names) {
    if (path == name) return "";
    if (path.starts_with(name + "/")) return path.substr(name.size() + 1);
  }
  return std::nullopt;
}

/// What `relative` leads to, with O_PATH. Links are followed as `open_linked` says where there are
/// `names`; without them a link is the end.
Fd walk(int directory, const std::string& relative, Mounts mounts,
        const std::vector<std::string>* names) {
  if (relative.starts_with('/')) return nothing(EXDEV);
  std::deque<std::string> parts;
  const auto put_first = [&parts](const std::string& path) {
    const auto fresh = text::split(path, '/');
    parts.insert(parts.begin(), fresh.begin(), fresh.end());
  };
  put_first(relative);
  std::vector<Fd> way;  // down to where we are, for ".." goes back up
  for (int links = 0, steps = 0; !parts.empty();) {
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part.empty() || part == ".") continue;
    if (++steps > most_steps) return nothing(ELOOP);
    if (part == "..") {
      if (way.empty()) return nothing(EXDEV);
      way.pop_back();
      continue;
    }
    const int here = way.empty() ? directory : way.back().get();
    Fd next = open_name(here, part, O_PATH | O_NOFOLLOW | O_CLOEXEC, mounts);
    struct stat info {};
    if (!next || ::fstat(next.get(), &info) != 0) return nothing(errno);
    if (!S_ISLNK(info.st_mode)) {
      if (!S_ISDIR(info.st_mode) && !parts.empty()) return nothing(ENOTDIR);
      if (way.size() == most_levels) return nothing(ENAMETOOLONG);
      way.push_back(std::move(next));
      continue;
    }
    if (names == nullptr || ++links > most_links) return nothing(ELOOP);
    auto target = target_of(next);
    if (!target) return nothing(errno);
    if (target->starts_with('/')) {
      target = without(*names, *target);
      if (!target) return nothing(EXDEV);
      way.clear();
    }
    put_first(*target);
  }
  if (!way.empty()) return std::move(way.back());
  return Fd(::openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

Fd open_below_in_steps(int directory, const std::string& relative, int flags, Mounts mounts) {
  if (relative.empty()) return nothing(ENOENT);
  std::string name(text::base_name(relative));
  std::string above = relative.substr(0, relative.size() - name.size());
  if (name.empty() || name == "." || name == "..") {
    above = relative;
    name = ".";
  }
  const Fd here = walk(directory, above, mounts, nullptr);
  return here ? open_name(here.get(), name, flags, mounts) : Fd();
}

Fd open_linked(int directory, const std::string& relative, const std::vector<std::string>& names) {
  Fd opened = open_below(directory, relative, O_PATH | O_NOFOLLOW | O_CLOEXEC, Mounts::enter);
  struct stat info {};
  const bool is_link = opened ? ::fstat(opened.get(), &info) == 0 && S_ISLNK(info.st_mode)
                              : errno == ELOOP;  // the last one, or one on the way
  return is_link ? walk(directory, relative, Mounts::enter, &names) : std::move(opened);
}

Fd open_again(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return nothing(EINVAL);
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  return Fd(::open(self.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

Fd make_below(int directory, const std::string& relative, mode_t mode,
              std::vector<std::string>* made) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Fd here(::openat(directory, ".", flags));
  std::string way;
  for (const auto& part : text::split(relative, '/')) {
    if (!here || part.empty() || part == ".") continue;
    if (part == "..") return nothing(EXDEV);
    way += (way.empty() ? "" : "/") + part;
    if (::mkdirat(here.get(), part.c_str(), mode) == 0) {
      if (made != nullptr) made->push_back(way);
    } else if (errno != EEXIST) {
      return nothing(errno);
    }
    here = Fd(::openat(here.get(), part.c_str(), flags));
    struct stat info {};
    if (!here || ::fstat(here.get(), &info) != 0) return nothing(errno);
    const Meddler meddler = meddler_of(info);
    if (meddler == Meddler::owner || meddler == Meddler::others) return nothing(EPERM);
  }
  return here;
}

}  // namespace rbit
