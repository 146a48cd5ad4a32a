#include "rbit/run/safe_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstring>
#include <deque>
#include <string_view>
#include <utility>

#include "rbit/base/text.h"

namespace rbit {

namespace {

Error errno_error(const std::string& path, const char* cure = "") {
  return Error{path, std::strerror(errno), cure};
}

/// Whether only root and we can change it, or what it holds.
Result<void> check_owner(const std::string& path, const struct stat& info, long trusted_uid) {
  if (info.st_uid != 0 && info.st_uid != ::geteuid() &&
      static_cast<long>(info.st_uid) != trusted_uid) {
    return Error{path, "belongs to user " + std::to_string(info.st_uid) + ", who could change it",
                 "chown it to root or to the user rbit runs as"};
  }
  if (S_ISLNK(info.st_mode)) return {};  // its mode means nothing
  // In a sticky directory nobody else can replace what is root's or ours.
  const bool is_sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !is_sticky)
    return Error{path, "users other than its owner may write to it", "chmod go-w " + path};
  return {};
}

/// The real path of a file found safe, and what it was when it was looked at.
struct SafePath {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

Result<SafePath> walk(const std::string& path, long trusted_uid) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return Error{"'" + text::one_line(path) + "'", "is no path", ""};
  std::deque<std::string> parts;
  const auto put_first = [&parts](std::string_view names) {
    auto fresh = text::split(names, '/');
    parts.insert(parts.begin(), fresh.begin(), fresh.end());
  };
  put_first(path);
  if (path.front() != '/') {
    std::array<char, PATH_MAX> here{};
    if (::getcwd(here.data(), here.size()) == nullptr) return errno_error(path);
    put_first(here.data());
  }

  std::string real;  // a directory without links in its path; empty: the root
  struct stat info {};
  if (::lstat("/", &info) != 0) return errno_error("/");
  if (auto safe = check_owner("/", info, trusted_uid); !safe) return safe.error();
  int links = 0;
  while (!parts.empty()) {
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part.empty() || part == ".") continue;
    if (!S_ISDIR(info.st_mode)) return Error{real, "is not a directory", ""};
    if (part == "..") {
      real.erase(real.empty() ? 0 : real.rfind('/'));
      continue;
    }
    const std::string next = real + "/" + part;
    struct stat found {};
    if (::lstat(next.c_str(), &found) != 0) return errno_error(next);
    if (auto safe = check_owner(next, found, trusted_uid); !safe) return safe.error();
    if (!S_ISLNK(found.st_mode)) {
      real = next;
      info = found;
      continue;
    }
    if (++links > 40)
      return Error{path, std::strerror(ELOOP), ""};  // as many as the kernel follows
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(next.c_str(), target.data(), target.size() - 1);
    if (length < 0) return errno_error(next);
    if (target[0] == '/') real.clear();
    put_first(std::string_view(target.data(), static_cast<std::size_t>(length)));
  }
  if (!S_ISREG(info.st_mode) || real.empty()) return Error{path, "is not a regular file", ""};
  return SafePath{real, info.st_dev, info.st_ino};
}

}  // namespace

Result<void> check_code_file(const std::string& path, long trusted_uid) {
  auto found = walk(path, trusted_uid);
  if (!found) return found.error();
  return {};
}

Result<Fd> open_code_file(const std::string& path, long trusted_uid) {
  const auto found = walk(path, trusted_uid);
  if (!found) return found.error();
  // Non-blocking, in case it has become a FIFO since.
  Fd file(::open(found->path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return errno_error(path, "may rbit read it?");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return errno_error(path);
  if (info.st_dev != found->device || info.st_ino != found->inode)
    return Error{path, "was replaced while it was looked at", "try again"};
  return file;
}

}  // namespace rbit
