#include "rbit/run/artifact_globs.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "rbit/base/text.h"

namespace rbit {

namespace {

// A hostile job can make a tree that takes hours to read and levels without end.
constexpr std::size_t most_entries = 1'000'000;
constexpr std::size_t most_levels = 64;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

struct Entry {
  std::string name;
  bool is_directory = false;
};

class Walk {
 public:
  Walk(std::vector<std::string> parts, std::size_t limit)
      : parts_(std::move(parts)), limit_(limit) {}

  /// Matches `parts_[part...]` against what is in `directory`.
  void look(const Fd& directory, const std::string& path, std::size_t part, std::size_t level) {
    const std::string& pattern = parts_[part];
    const bool last = part + 1 == parts_.size();
    if (pattern == "**" && !last) look(directory, path, part + 1, level);  // it may stand for none
    for (const auto& entry : entries(directory)) {
      if (!reason_.empty()) return;
      const std::string below = path.empty() ? entry.name : path + "/" + entry.name;
      if (pattern == "**") {
        if (entry.name.front() == '.') continue;
        if (entry.is_directory) {
          go_down(directory, entry.name, below, part, level);
        } else if (last) {
          add(below);
        }
        continue;
      }
      if (::fnmatch(pattern.c_str(), entry.name.c_str(), FNM_PERIOD) != 0) continue;
      if (last && !entry.is_directory) add(below);
      if (!last && entry.is_directory) go_down(directory, entry.name, below, part + 1, level);
    }
  }

  std::set<std::string> found;
  const std::string& reason() const { return reason_; }

 private:
  void go_down(const Fd& directory, const std::string& name, const std::string& path,
               std::size_t part, std::size_t level) {
    if (level == most_levels) return;  // deeper than any build puts its results
    const Fd next(
        ::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next) look(next, path, part, level + 1);
  }

  void add(const std::string& path) {
    found.insert(path);
    if (found.size() > limit_) reason_ = "matches more than " + std::to_string(limit_) + " files";
  }

  std::vector<Entry> entries(const Fd& directory) {
    std::vector<Entry> list;
    Fd copy(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, CloseDirectory> stream(copy ? ::fdopendir(copy.get()) : nullptr);
    if (!stream) return list;
    copy.release();
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++looked_at_ > most_entries) {
        reason_ = "there are more than a million files to look at";
        return {};
      }
      bool is_directory = entry->d_type == DT_DIR;
      struct stat info {};
      if (entry->d_type == DT_UNKNOWN &&
          ::fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
        is_directory = S_ISDIR(info.st_mode);
      list.push_back({name, is_directory});
    }
    return list;
  }

  const std::vector<std::string> parts_;
  const std::size_t limit_;
  std::size_t looked_at_ = 0;
  std::string reason_;
};

}  // namespace

std::string wrong_glob(std::string_view pattern) {
  if (pattern.empty()) return "is empty";
  if (pattern.front() == '/') return "must be relative to the job's directory";
  for (const auto& part : text::split(pattern, '/')) {
    if (part.empty()) return "has an empty name between slashes";
    if (part == "..") return "must not leave the job's directory";
  }
  return "";
}

Result<std::vector<std::string>> match_artifacts(const Fd& directory, const std::string& pattern,
                                                 std::size_t limit) {
  const std::string thing = "artifacts " + pattern;
  if (const auto wrong = wrong_glob(pattern); !wrong.empty())
    return Error{thing, wrong, "mend 'artifacts' of the runner"};
  auto parts = text::split(pattern, '/');
  std::erase(parts, ".");
  if (parts.empty()) return std::vector<std::string>();
  // "**/**" means what "**" means, and would cost its square.
  parts.erase(std::unique(parts.begin(), parts.end(),
                          [](const auto& a, const auto& b) { return a == "**" && b == "**"; }),
              parts.end());
  Walk walk(std::move(parts), limit);
  walk.look(directory, "", 0, 0);
  if (!walk.reason().empty()) return Error{thing, walk.reason(), "narrow 'artifacts'"};
  return std::vector<std::string>(walk.found.begin(), walk.found.end());
}

}  // namespace rbit
