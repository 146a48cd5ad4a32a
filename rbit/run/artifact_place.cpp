#include "rbit/run/artifact_place.h"

#include <fcntl.h>
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "rbit/base/shortage.h"
#include "rbit/base/text.h"
#include "rbit/core/runner_words.h"

namespace rbit {

namespace {

// A hostile job can make a tree that takes hours to read and levels without end.
constexpr std::size_t most_entries = 1'000'000;
// Following one takes many looks (open_linked).
constexpr std::size_t cost_of_a_link = 10;
constexpr std::size_t most_levels = 64;
constexpr std::size_t most_unfit = 1000;  // that are told of

struct Entry {
  std::string name;
  bool is_directory = false, is_link = false;
};

class Walk {
 public:
  Walk(const Fd& top, const std::vector<std::string>& names, std::vector<std::string> parts,
       bool trees, std::size_t limit, const std::atomic<bool>* stop)
      : top_(top),
        names_(names),
        parts_(std::move(parts)),
        trees_(trees),
        limit_(limit),
        stop_(stop) {}

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
        if (last && trees_ && entry.is_directory) take_tree(open(directory, entry, below), below);
        if (last && !trees_ && !entry.is_directory) add(entry, below, false);
        if (!(last && trees_) && entry.is_directory)
          go_down(open(directory, entry, below), below, part, level);
        continue;
      }
      if (::fnmatch(pattern.c_str(), entry.name.c_str(), FNM_PERIOD) != 0) continue;
      if (last && !trees_) {
        add(entry, below, false);
        continue;
      }
      if (!entry.is_directory && !leads_to_directory(entry, below)) continue;
      const Fd next = open(directory, entry, below);
      if (last)
        take_tree(next, below);
      else
        go_down(next, below, part + 1, level);
    }
  }

  /// All that is in it, whatever it is called.
  void take_tree(const Fd& directory, const std::string& path, std::size_t level = 0) {
    if (!directory) return;
    if (level == most_levels) {
      note(path, too_deep());
      return;
    }
    const auto all = entries(directory);
    if (all.empty() && reason_.empty() && level > 0) note(path, "is an empty directory");
    for (const auto& entry : all) {
      if (!reason_.empty()) return;
      const std::string below = path.empty() ? entry.name : path + "/" + entry.name;
      if (entry.is_directory)
        take_tree(open(directory, entry, below), below, level + 1);
      else
        add(entry, below, true);
    }
  }

  /// `thing`: what an Error is about.
  Result<ArtifactMatches> result(const std::string& thing) {
    if (shortage_ != 0) return Error::of_system(thing, shortage_);
    if (!reason_.empty()) return Error{thing, reason_, "narrow 'artifacts'"};
    return std::move(matches_);
  }

 private:
  void go_down(const Fd& directory, const std::string& path, std::size_t part, std::size_t level) {
    if (directory && level == most_levels)
      note(path, too_deep());  // deeper than any build puts its results
    else if (directory)
      look(directory, path, part, level + 1);
  }

  /// What it is behind a link; the link itself may be another one when it is opened.
  bool leads_to_directory(const Entry& entry, const std::string& path) {
    struct stat info {};
    if (!entry.is_link) return false;
    looked_at_ += cost_of_a_link;
    const Fd target = open_linked(top_.get(), path, names_);
    if (!target && errno == EXDEV) note(path, "is a link that leads out of the job's directory");
    if (!target) end_if_short(errno);
    return target && ::fstat(target.get(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  /// A directory, or one that a link leads to, to read. Returns none if it cannot be read, and
  /// notes why.
  Fd open(const Fd& directory, const Entry& entry, const std::string& path) {
    Fd next;
    if (entry.is_link) {
      const Fd target = open_linked(top_.get(), path, names_);
      if (target) next = Fd(::openat(target.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    } else {
      next = Fd(::openat(directory.get(), entry.name.c_str(),
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!next && !end_if_short(errno)) note(path, std::strerror(errno));
    return next;
  }

  /// What a shortage hides must not be taken for missing.
  bool end_if_short(int error) {
    if (!is_shortage(error)) return false;
    shortage_ = error;
    reason_ = std::strerror(error);
    return true;
  }

  void add(const Entry& entry, const std::string& path, bool whole) {
    if (entry.is_directory) {
      note(path, "is a directory (" + path + "/ stands for what is in it)");
    } else if (leads_to_directory(entry, path)) {
      note(path, "is a link to a directory");
    } else if (!matches_.unfit.contains(path)) {
      bool& known = matches_.files[path];
      known = known || whole;
      if (matches_.files.size() > limit_)
        reason_ = "matches more than " + std::to_string(limit_) + " files";
    }
  }

  static std::string too_deep() {
    return "is deeper than " + std::to_string(most_levels) + " directories";
  }

  void note(const std::string& path, const std::string& why) {
    if (matches_.unfit.size() < most_unfit) matches_.unfit.emplace(path, why);
  }

  std::vector<Entry> entries(const Fd& directory) {
    std::vector<Entry> list;
    Entries all(directory.get());
    if (!all) {
      end_if_short(errno);
      return list;
    }
    while (const dirent* entry = all.next()) {
      if (stop_ != nullptr && *stop_) {
        reason_ = "was stopped";
        return {};
      }
      if (++looked_at_ > most_entries) {
        reason_ = "there are more than a million files to look at";
        return {};
      }
      bool is_directory = entry->d_type == DT_DIR, is_link = entry->d_type == DT_LNK;
      struct stat info {};
      if (entry->d_type == DT_UNKNOWN &&
          ::fstatat(directory.get(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        is_directory = S_ISDIR(info.st_mode);
        is_link = S_ISLNK(info.st_mode);
      }
      list.push_back({entry->d_name, is_directory, is_link});
    }
    return list;
  }

  const Fd& top_;
  const std::vector<std::string>& names_;
  const std::vector<std::string> parts_;
  const bool trees_;
  const std::size_t limit_;
  const std::atomic<bool>* const stop_;  // nullptr: nobody stops it
  std::size_t looked_at_ = 0;
  std::string reason_;
  int shortage_ = 0;  // errno of one that ended the walk
  ArtifactMatches matches_;
};

std::string real_path(const std::string& path) {
  std::error_code failed;
  const auto real = std::filesystem::canonical(path, failed);
  return failed ? path : real.string();
}

}  // namespace

Result<void> ArtifactPlace::open(const std::string& path) {
  const auto slash = path.rfind('/', path.rfind('/') - 1);
  const Fd above(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd directory;
  if (above)
    directory = open_below(above.get(), path.substr(slash + 1),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, Mounts::enter);
  if (!directory) {
    Error error = Error::of_system(path, errno, "artifacts are taken from here");
    if (error.number == ELOOP || error.number == ENOTDIR) error.reason = "is no directory any more";
    return error;
  }
  set(path, std::move(directory), false);
  return {};
}

void ArtifactPlace::set(std::string path, Fd directory, bool keeps) {
  path_ = std::move(path);
  names_ = {path_, real_path(path_)};
  directory_ = std::move(directory);
  keeps_ = keeps;
}

std::string ArtifactPlace::relative(const std::string& path) const {
  for (const auto& name : names_)
    if (path.starts_with(name + "/")) return path.substr(name.size() + 1);
  return "";
}

Result<Fd> ArtifactPlace::open_file(const std::string& relative) const {
  const Fd found = open_linked(directory_.get(), relative, names_);
  struct stat info {};
  if (!found && errno == EXDEV) {
    const bool upwards = ("/" + relative + "/").find("/../") != std::string::npos;
    return Error{"", upwards ? "lies outside the job's directory"
                             : "is a link that leads out of the job's directory"};
  }
  if (!found && errno == ELOOP) return Error{"", "is a link without an end"};
  if (!found || ::fstat(found.get(), &info) != 0) return Error::of_system("", errno);
  if (!S_ISREG(info.st_mode)) return Error{"", "is not a regular file"};
  Fd file = open_again(found);
  if (!file) return Error::of_system("", errno);
  return file;
}

nlink_t ArtifactPlace::names_of(const struct stat& info) {
  if (directory_ && !std::exchange(has_counted_, true)) count_links(Entries(directory_.get()), 0);
  const auto found = links_.find({info.st_dev, info.st_ino});
  return found == links_.end() ? 0 : found->second;
}

void ArtifactPlace::count_links(Entries entries, std::size_t level) {
  if (!entries) {
    if (is_shortage(errno)) shortage_ = errno;
    return;
  }
  while (const dirent* entry = entries.next()) {
    struct stat info {};
    if (--left_ < 0) return;
    if (::fstatat(entries.directory(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode) && info.st_nlink > 1) ++links_[{info.st_dev, info.st_ino}];
    if (S_ISDIR(info.st_mode) && level < most_levels)
      count_links(Entries(entries.directory(), entry->d_name), level + 1);
  }
}

Result<ArtifactMatches> ArtifactPlace::match(const std::string& pattern, std::size_t limit,
                                             const std::atomic<bool>* stop) const {
  const std::string thing = "artifacts " + pattern;
  if (const auto wrong = wrong_pattern(pattern); !wrong.empty())
    return Error{thing, wrong, "mend 'artifacts' of the runner"};
  const bool trees = pattern.back() == '/';
  auto parts = text::split(pattern, '/');
  std::erase_if(parts, [](const auto& part) { return part.empty() || part == "."; });
  // "**/**" means what "**" means, and would cost its square.
  parts.erase(std::unique(parts.begin(), parts.end(),
                          [](const auto& a, const auto& b) { return a == "**" && b == "**"; }),
              parts.end());
  const bool is_top = parts.empty();  // "./"
  Walk walk(directory_, names_, std::move(parts), trees, limit, stop);
  if (!is_top)
    walk.look(directory_, "", 0, 0);
  else if (trees)
    walk.take_tree(directory_, "");
  return walk.result(thing);
}

}  // namespace rbit
