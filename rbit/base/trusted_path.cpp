#include "rbit/base/trusted_path.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <string_view>
#include <utility>
#include <vector>

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr int most_links = 40;  // as many as the kernel follows

Error errno_error(const std::string& path) {
  return Error::of_system(path, errno);
}

/// Returns whether it is the group that an ordinary user with umask 002 has to himself: one of his
/// name with nobody else in it. Only root could add somebody.
bool is_private_group(gid_t group) {
  if (::geteuid() == 0 || group != ::getegid()) return false;
  const passwd* user = ::getpwuid(::geteuid());
  if (user == nullptr || user->pw_gid != group) return false;
  const std::string name = user->pw_name;
  const struct group* entry = ::getgrgid(group);
  if (entry == nullptr || name != entry->gr_name) return false;
  for (char** member = entry->gr_mem; *member != nullptr; ++member)
    if (name != *member) return false;
  return true;
}

/// One walk.
class Walk {
 public:
  Walk(const std::string& path, const LookAtPart& look, std::optional<mode_t> mode)
      : path_(path), look_(look), mode_(mode) {}

  Result<Walked> go() {
    if (path_.empty() || path_.find('\0') != std::string::npos)
      return Error{"'" + text::one_line(path_) + "'", "is no path", ""};
    put_first(path_);
    if (path_.front() != '/') {
      std::array<char, PATH_MAX> here{};
      if (::getcwd(here.data(), here.size()) == nullptr) return errno_error(path_);
      put_first(here.data());
    }
    Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root || ::fstat(root.get(), &at_.info) != 0) return errno_error("/");
    if (auto seen = look_("/", at_.info); !seen) return seen.error();
    way_.push_back(std::move(root));
    while (!parts_.empty()) {
      const std::string part = std::move(parts_.front());
      parts_.pop_front();
      if (auto passed = pass(part); !passed) return passed.error();
      if (at_.is_missing) break;
    }
    if (at_.path.empty()) at_.path = "/";
    at_.directory = std::move(way_.back());
    return std::move(at_);
  }

 private:
  void put_first(std::string_view names) {
    auto fresh = text::split(names, '/');
    parts_.insert(parts_.begin(), fresh.begin(), fresh.end());
  }

  Result<void> pass(const std::string& part) {
    if (part.empty() || part == ".") return {};
    if (!at_.name.empty())
      return Error{at_.path + "/" + part, at_.path + " is not a directory", ""};
    if (part == "..") {
      if (way_.size() > 1) way_.pop_back();
      at_.path.erase(at_.path.empty() ? 0 : at_.path.rfind('/'));
      if (::fstat(way_.back().get(), &at_.info) != 0) return errno_error(at_.path);
      return {};
    }
    const std::string next = at_.path + "/" + part;
    Fd opened = open_name(part);
    if (!opened && errno == ENOENT && mode_) {
      if (::mkdirat(way_.back().get(), part.c_str(), *mode_) != 0 && errno != EEXIST)
        return Error::while_doing("cannot be made", next, errno);
      opened = open_name(part);
    }
    if (!opened && errno == ENOENT) {
      at_.is_missing = true;
      at_.path = next;
      at_.name = part;
      return {};
    }
    struct stat found {};
    if (!opened || ::fstat(opened.get(), &found) != 0) return errno_error(next);
    if (auto seen = look_(next, found); !seen) return seen.error();
    if (S_ISLNK(found.st_mode)) return follow(part, next);
    at_.path = next;
    at_.info = found;
    if (S_ISDIR(found.st_mode))
      way_.push_back(std::move(opened));
    else
      at_.name = part;
    return {};
  }

  Fd open_name(const std::string& name) const {
    return Fd(::openat(way_.back().get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }

  /// A link of ours or root's: nobody else can replace it where `look` let us pass.
  Result<void> follow(const std::string& name, const std::string& path) {
    if (++links_ > most_links) return Error{path_, std::strerror(ELOOP), ""};
    std::array<char, PATH_MAX> target{};
    const ssize_t length =
        ::readlinkat(way_.back().get(), name.c_str(), target.data(), target.size() - 1);
    if (length < 0) return errno_error(path);
    if (target[0] == '/') {
      at_.path.clear();
      way_.resize(1);
      if (::fstat(way_.back().get(), &at_.info) != 0) return errno_error("/");
    }
    put_first(std::string_view(target.data(), static_cast<std::size_t>(length)));
    return {};
  }

  const std::string& path_;
  const LookAtPart& look_;
  const std::optional<mode_t> mode_;
  std::deque<std::string> parts_;  // still to be passed
  std::vector<Fd> way_;            // the directories from the root to here, for ".." goes back up
  Walked at_;                      // its path is empty at the root
  int links_ = 0;
};

/// Looks at each directory on the way.
LookAtPart look_for(Sharing sharing) {
  return [sharing](const std::string& path, const struct stat& part) -> Result<void> {
    const bool group_is_fine = meddler_of(part) == Meddler::group &&
                               (sharing == Sharing::with_group || is_private_group(part.st_gid));
    return group_is_fine ? Result<void>() : refuse_meddlers(path, part);
  };
}

/// The last one, where a sticky bit alone may not do.
Result<void> look_at_last(const Walked& found, Sharing sharing) {
  if (!found.name.empty()) return Error{found.path, "is no directory", "name another place"};
  const bool is_shared =
      (found.info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (found.info.st_mode & S_ISVTX) != 0;
  if (sharing != Sharing::nothing || !is_shared) return {};
  return Error{found.path, "users other than its owner may write to it",
               "name a directory of its own below it, or chmod go-w " + found.path};
}

Result<Walked> find_code_file(const std::string& path, long trusted_uid) {
  auto found = walk_path(path, [trusted_uid](const std::string& name, const struct stat& part) {
    return refuse_meddlers(name, part, trusted_uid);
  });
  if (!found) return found;
  if (found->is_missing) return Error{found->path, std::strerror(ENOENT), ""};
  if (!S_ISREG(found->info.st_mode)) return Error{path, "is not a regular file", ""};
  return found;
}

}  // namespace

Meddler meddler_of(const struct stat& part, long trusted_uid) {
  if (part.st_uid != 0 && part.st_uid != ::geteuid() &&
      static_cast<long>(part.st_uid) != trusted_uid)
    return Meddler::owner;
  if (S_ISLNK(part.st_mode)) return Meddler::none;  // its mode means nothing
  if (S_ISDIR(part.st_mode) && (part.st_mode & S_ISVTX) != 0) return Meddler::none;
  if ((part.st_mode & S_IWOTH) != 0) return Meddler::others;
  return (part.st_mode & S_IWGRP) != 0 ? Meddler::group : Meddler::none;
}

Result<void> refuse_meddlers(const std::string& path, const struct stat& part, long trusted_uid) {
  switch (meddler_of(part, trusted_uid)) {
    case Meddler::none:
      return {};
    case Meddler::owner:
      return Error{path, "belongs to user " + std::to_string(part.st_uid) + ", who could change it",
                   "chown it to root or to the user rbit runs as"};
    case Meddler::group:
    case Meddler::others:
      break;
  }
  return Error{path, "users other than its owner may write to it", "chmod go-w " + path};
}

Result<Walked> walk_path(const std::string& path, const LookAtPart& look,
                         std::optional<mode_t> mode) {
  return Walk(path, look, mode).go();
}

Result<void> make_trusted_directory(const std::string& path, mode_t mode, Sharing sharing) {
  const auto found = walk_path(path, look_for(sharing), mode);
  if (!found) return found.error();
  return look_at_last(*found, sharing);
}

Result<Fd> open_trusted_directory(const std::string& path, mode_t mode, Sharing sharing) {
  auto found = walk_path(path, look_for(sharing), mode);
  if (!found) return found.error();
  if (auto last = look_at_last(*found, sharing); !last) return last.error();
  Fd directory(::openat(found->directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno_error(found->path);
  return directory;
}

Result<std::string> check_trusted_directory(const std::string& path, Sharing sharing) {
  auto found = walk_path(path, look_for(sharing));
  if (!found) return found.error();
  if (!found->is_missing) {
    if (auto last = look_at_last(*found, sharing); !last) return last.error();
    return found->path;
  }
  const auto slash = found->path.rfind('/');
  return slash == 0 ? std::string("/") : found->path.substr(0, slash);
}

Result<void> check_code_file(const std::string& path, long trusted_uid) {
  const auto found = find_code_file(path, trusted_uid);
  if (!found) return found.error();
  return {};
}

Result<Fd> open_code_file(const std::string& path, long trusted_uid) {
  const auto found = find_code_file(path, trusted_uid);
  if (!found) return found.error();
  // Non-blocking, in case it has become a FIFO since.
  Fd file(::openat(found->directory.get(), found->name.c_str(),
                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return Error::of_system(path, errno, "may rbit read it?");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return Error::of_system(path, errno);
  if (info.st_dev != found->info.st_dev || info.st_ino != found->info.st_ino)
    return Error{path, "was replaced while it was looked at", "try again"};
  return file;
}

}  // namespace rbit
