#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/aside.h"
#include "rbit/base/fd.h"
#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/run/open_below.h"
#include "rbit/run/workspace.h"

namespace rbit {

namespace {

// What may be removed on the loop; more of it holds up everybody else for too long.
constexpr int few_entries = 500;
constexpr std::chrono::seconds few_entries_limit{10};
constexpr std::int64_t small_bytes = 64 << 20;  // a large file takes the file system its time

/// Removes a tree of any depth without going down: a directory inside a directory that is not empty
/// is moved up, beside its parent, and has its turn later. Each is moved once at most.
class TreeRemover {
 public:
  /// `most`: entries to remove before it gives up; -1: all there are, however large.
  TreeRemover(std::string path, int most, std::chrono::milliseconds limit)
      : path_(std::move(path)), most_(most), limit_(limit) {}

  /// It was given up: `run` of one without limit does the rest.
  bool is_unfinished() const { return unfinished_; }

  Result<void> run() {
    const std::string above(text::directory_of(path_)), name(text::base_name(path_));
    Fd parent(::open(above.empty() ? "." : above.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent) {
      if (errno == ENOENT) return {};
      remember("");
      return result();
    }
    if (is_large(parent, name)) return {};
    if (::unlinkat(parent.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
    top_ = open_directory(parent.get(), name, "");
    if (!top_) return result();
    // Each round empties what stands in the top directory; what was moved up has the next.
    has_moved_ = true;
    // Another process of the job's account may fill it as long as it likes.
    const auto end = std::chrono::steady_clock::now() + limit_;
    while (has_moved_ && !unfinished_ && std::chrono::steady_clock::now() < end) {
      has_moved_ = false;
      empty_top();
    }
    if (unfinished_) return {};
    if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0) remember("");
    return result();
  }

 private:
  void remember(const std::string& where) {
    if (error_) return;  // the first one counts; the others mostly follow from it
    error_ = Error::while_doing("cannot be removed", path_ + (where.empty() ? "" : "/" + where),
                                errno, "remove it by hand");
  }

  Result<void> result() const {
    if (error_) return *error_;
    return {};
  }

  /// A directory to read and to change, whatever mode it has. Not through a link, not into a mount.
  /// `where` is its way from the top, for errors.
  Fd open_directory(int parent, const std::string& name, const std::string& where) {
    const Fd place =
        open_below(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, Mounts::keep_out);
    struct stat info {};
    if (!place || ::fstat(place.get(), &info) != 0) {
      remember(where);
      return {};
    }
    // By descriptor: an O_PATH one can be opened again only by this name.
    const std::string self = "/proc/self/fd/" + std::to_string(place.get());
    if ((info.st_mode & 0700) != 0700) ::chmod(self.c_str(), 0700);
    Fd directory(::open(self.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) remember(where);
    return directory;
  }

  /// The names in it, all of them at once: it changes while they are removed.
  std::vector<std::string> names(const Fd& directory) {
    std::vector<std::string> found;
    Entries all(directory.get());
    if (!all) {
      remember("");
      return found;
    }
    while (const dirent* entry = all.next()) {
      if (most_ >= 0 && ++seen_ > most_) {
        unfinished_ = true;
        return {};
      }
      found.emplace_back(entry->d_name);
    }
    return found;
  }

  /// A file that takes its time, and there is a limit to that.
  bool is_large(const Fd& directory, const std::string& name) {
    struct stat info {};
    if (most_ < 0 || ::fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode) || info.st_blocks * 512 <= small_bytes)
      return false;
    unfinished_ = true;
    return true;
  }

  enum class Taken { gone, full, failed };

  /// Removes a file or an empty directory.
  static Taken take(const Fd& directory, const std::string& name) {
    if (::unlinkat(directory.get(), name.c_str(), 0) == 0 || errno == ENOENT) return Taken::gone;
    const int file_error = errno;
    if (::unlinkat(directory.get(), name.c_str(), AT_REMOVEDIR) == 0) return Taken::gone;
    if (errno == ENOTEMPTY || errno == EEXIST) return Taken::full;
    if (errno == ENOTDIR) errno = file_error;
    return Taken::failed;
  }

  using OnFull = std::function<void(const std::string& name)>;

  /// Removes what is in a directory, whose way from the top is `where`. A directory in it that is
  /// not empty is for `on_full`.
  void empty(const Fd& directory, const std::string& where, const OnFull& on_full) {
    for (const auto& name : names(directory)) {
      if (unfinished_ || is_large(directory, name)) return;
      const Taken taken = take(directory, name);
      if (taken == Taken::failed) remember(where + name);
      if (taken == Taken::full) on_full(name);
    }
  }

  void empty_top() {
    empty(top_, "", [this](const std::string& name) {
      const Fd directory = open_directory(top_.get(), name, name);
      if (!directory) return;
      const std::string where = name + "/";
      empty(directory, where,
            [&](const std::string& inner) { move_up(directory, inner, where + inner); });
      if (!unfinished_ && take(top_, name) != Taken::gone) remember(name);
    });
  }

  void move_up(const Fd& from, const std::string& name, const std::string& where) {
    // To be moved it must be writable, for its ".." changes: opening it sees to that.
    if (!open_directory(from.get(), name, where)) return;
    if (prefix_.empty()) prefix_ = ".rbit-" + random_digits() + "-";
    const std::string new_name = prefix_ + std::to_string(++counter_);
    if (::renameat(from.get(), name.c_str(), top_.get(), new_name.c_str()) == 0)
      has_moved_ = true;
    else
      remember(where);
  }

  std::string path_;
  const int most_;
  const std::chrono::milliseconds limit_;
  int seen_ = 0;
  bool unfinished_ = false;
  bool has_moved_ = false;  // something up, in this round
  Fd top_;
  std::string prefix_;  // of new names; random, so that the job cannot have taken them
  unsigned long counter_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<void> remove_tree(const std::string& path, std::chrono::milliseconds limit) {
  return TreeRemover(path, -1, limit).run();
}

Task<Result<void>> remove_tree_aside(std::string path) {
  TreeRemover at_once(path, few_entries, few_entries_limit);
  Result<void> removed = at_once.run();
  if (!at_once.is_unfinished()) co_return removed;
  std::function<Result<void>()> rest = [&path] { return remove_tree(path); };
  removed = co_await aside(std::move(rest));
  co_return removed;
}

}  // namespace rbit
