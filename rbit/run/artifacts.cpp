#include "rbit/run/artifacts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "rbit/base/aside.h"
#include "rbit/base/fd.h"
#include "rbit/base/shortage.h"
#include "rbit/base/text.h"
#include "rbit/base/trusted_path.h"
#include "rbit/run/artifact_place.h"
#include "rbit/run/artifact_store.h"
#include "rbit/run/open_below.h"

namespace rbit {

namespace {

/// What one artifact would like to be called in the output directory.
struct NameWish {
  std::string relative;  // its clean path from where it was found
  bool whole = false;    // it keeps that path: a part of a kept tree, or what lies there already
};

std::set<std::string> directories_of(const std::vector<std::string>& names) {
  std::set<std::string> directories;
  for (const auto& name : names)
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      directories.insert(name.substr(0, slash));
  return directories;
}

/// Gives whole paths to those whose names collide; true if a name changed.
bool widen(const std::vector<NameWish>& wishes, std::vector<std::string>& names) {
  std::map<std::string, int> bearers;
  for (const auto& name : names) ++bearers[name];
  const auto directories = directories_of(names);
  bool changed = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool collides = bearers[names[i]] > 1 || directories.contains(names[i]);
    if (!collides || names[i] == wishes[i].relative) continue;
    names[i] = wishes[i].relative;
    changed = true;
  }
  return changed;
}

/// Names for all of them, in their order: the last part of its path for a file by itself. Those of
/// which several would be called the same, or as a directory of another, keep their whole paths. An
/// empty name: there is none, for an earlier one has it.
std::vector<std::string> artifact_names(const std::vector<NameWish>& wishes) {
  std::vector<std::string> names;
  for (const auto& wish : wishes)
    names.emplace_back(wish.whole ? wish.relative : text::base_name(wish.relative));
  while (widen(wishes, names)) {  // each name changes once at most
  }
  // What collides even so was found in different places.
  std::set<std::string> taken;
  const auto directories = directories_of(names);
  for (auto& name : names)
    if (directories.contains(name) || !taken.insert(name).second) name.clear();
  return names;
}

/// "a/b" of "./x/../a//b".
std::string clean_path(const std::string& relative) {
  std::string clean = std::filesystem::path(relative).lexically_normal().string();
  while (clean.ends_with('/')) clean.pop_back();
  // Through a link two steps up may be one down.
  return clean.starts_with("../") ? std::string(text::base_name(clean)) : clean;
}

/// One file that was looked at and found in order. It is not kept open: a thousand of them would
/// use up our descriptors.
struct Candidate {
  const ArtifactPlace* place = nullptr;
  std::string path;  // below the place, as it was named or matched
  std::string kind;
  bool is_named = false;
  NameWish wish{};
  struct stat info {};
  std::size_t number = 0;  // in the store
  bool out = false;        // it was passed over after all
  std::set<std::string> required_by{};
};

class Collection {
 public:
  explicit Collection(const ArtifactOrder& order) : order_(order) {}

  Result<KeptArtifacts> run() {
    if (auto opened = open_places(); !opened) return opened.error();
    for (const auto& artifact : order_.named)
      if (auto added = add_named(artifact); !added) return added.error();
    for (const auto& glob : order_.globs)
      if (auto added = add_matches(glob, false); !added) return added.error();
    for (const auto& glob : order_.required)
      if (auto added = add_matches(glob, true); !added) return added.error();
    if (auto named = give_names(); !named) return named.error();
    for (auto& candidate : candidates_)
      if (auto prepared = prepare(candidate); !prepared) return prepared.error();
    for (auto& candidate : candidates_)
      if (auto put = put_in_place(candidate); !put) return put.error();
    for (const auto& glob : order_.required)
      if (!is_satisfied(glob)) kept_.missing.push_back(glob);
    if (order_.needs_required && !kept_.missing.empty())
      return Error{"artifacts-required",
                   kept_.missing.front() + " matches nothing that can be kept"};
    if (is_stopped()) return stopped();
    if (auto finished = store_.finish(); !finished) return finished.error();
    if (count_ > max_told_artifacts)
      kept_.notes.push_back(std::to_string(count_) + " artifacts were kept, of which " +
                            std::to_string(max_told_artifacts) + " are told");
    return std::move(kept_);
  }

 private:
  using Done = Result<void>;

  static Error refused(const std::string& name, Error why) {
    why.thing = "artifact " + text::one_line(name);
    return why;
  }
  bool is_stopped() const { return order_.stop != nullptr && *order_.stop; }
  static Error stopped() { return Error{"artifacts", "were not kept, the job was cancelled"}; }

  /// A mere reason, for `unfit` and `refused` to name what it is about.
  static Error because(std::string reason, std::string cure = "") {
    return Error{"", std::move(reason), std::move(cure)};
  }

  /// What cannot be kept: of what the job named an Error, of what a pattern matches a remark. A
  /// shortage is an Error always, for in a while it can be kept.
  Done unfit(bool is_named, const std::string& name, Error why) {
    if ((is_named && order_.strict) || is_shortage(why.number))
      return refused(name, std::move(why));
    why.thing = text::one_line(name);
    kept_.passed_over.push_back(why.text());
    return {};
  }

  Done open_places() {
    if (auto opened = work_.open(order_.work_dir); !opened) return opened;
    if (!order_.tmp_dir.empty()) {
      const auto opened = tmp_.open(order_.tmp_dir);
      if (!opened && is_shortage(opened.error().number)) return opened;  // else the job removed it
    }
    const std::string& path = order_.output_dir;
    const std::string top = order_.output_top.empty() ? path : order_.output_top;
    const std::string below = path.size() > top.size() ? path.substr(top.size() + 1) : "";
    if (auto made = make_trusted_directory(top, order_.output_mode, Sharing::names); !made)
      return made;
    // Unique on this machine while the job's directories are there, and the same after a crash.
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    auto opened = store_.open(top, below, order_.output_mode,
                              std::string(host.data()) + ":" + order_.work_dir);
    if (!opened) return opened;
    if (order_.work_stays) store_.only_copy();
    output_.set(path, Fd(::fcntl(store_.directory(), F_DUPFD_CLOEXEC, 0)), true);
    return {};
  }

  Done add_named(const Artifact& artifact) {
    const std::string& path = artifact.path;
    if (path.empty() || path.find('\0') != std::string::npos)
      return unfit(true, "'" + path + "'", because("is no path"));
    if (path.front() != '/') return add({&work_, path, artifact.kind, true}, path, false);
    for (const ArtifactPlace* place : {&work_, &tmp_, &output_}) {
      if (!*place) continue;
      if (auto relative = place->relative(path); !relative.empty())
        return add({place, relative, artifact.kind, true}, path, false);
    }
    return unfit(true, path,
                 because("lies neither in the job's directory nor in " + order_.output_dir));
  }

  Done add_matches(const std::string& glob, bool required) {
    if (is_stopped()) return stopped();
    const auto matches = work_.match(glob, order_.most, order_.stop);
    if (!matches) return is_stopped() ? stopped() : matches.error();
    for (const auto& [path, why] : matches->unfit)
      if (seen_unfit_.insert(path).second) (void)unfit(false, path, because(why));
    for (const auto& [path, whole] : matches->files) {
      Candidate candidate{&work_, path, "", false};
      if (required) candidate.required_by.insert(glob);
      if (seen_unfit_.contains(path)) continue;
      if (auto added = add(std::move(candidate), path, whole); !added) return added;
    }
    if (matches->files.empty() && matches->unfit.empty())
      kept_.notes.push_back("artifacts: " + text::one_line(glob) + " matches nothing");
    return {};
  }

  /// Looks at the file; nothing has been changed yet when this refuses.
  Done add(Candidate candidate, const std::string& shown, bool whole) {
    const bool is_named = candidate.is_named;
    const auto no = [&](Error why) {
      if (!is_named) seen_unfit_.insert(candidate.path);
      return unfit(is_named, shown, std::move(why));
    };
    const auto file = candidate.place->open_file(candidate.path);
    if (!file) return no(file.error());
    auto& info = candidate.info;
    if (::fstat(file->get(), &info) != 0) return no(Error::of_system("", errno));
    candidate.wish = {clean_path(candidate.path), whole || candidate.place->keeps()};
    if (Candidate* same = find_same(candidate)) {  // named twice, or also by a pattern
      same->required_by.merge(candidate.required_by);
      // A tree that is kept is whole, whichever pattern came first.
      if (whole && !same->is_named && same->path == candidate.path) same->wish.whole = true;
      return {};
    }
    if (!may_be_told(info))
      return no(because("belongs to another user, and not everybody may read it"));
    const bool is_own = is_its_own(candidate);
    if (const int error = work_.shortage() != 0 ? work_.shortage() : tmp_.shortage(); error != 0)
      return refused(shown, Error::of_system("", error));
    if (!is_own)
      return no(because("has another name outside the job's directory, so it may be another's file",
                        "copy it"));
    const std::string& name = candidate.wish.relative;
    if (!text::is_printable(name))
      return no(because("its name is not UTF-8 or has control characters"));
    bytes_ += info.st_size;
    if (bytes_ > max_artifact_bytes)
      return refused(shown, because("exceeds the 64 GiB for one job's artifacts"));
    if (candidates_.size() == order_.most)
      return refused(shown,
                     because("is one more than " + std::to_string(order_.most), "pack them"));
    by_file_[{info.st_dev, info.st_ino}].push_back(candidates_.size());
    candidates_.push_back(std::move(candidate));
    return {};
  }

  /// The same path again, or the same file that would get the same name.
  Candidate* find_same(const Candidate& candidate) {
    const auto known = by_file_.find({candidate.info.st_dev, candidate.info.st_ino});
    if (known == by_file_.end()) return nullptr;
    for (const std::size_t index : known->second) {
      Candidate& one = candidates_[index];
      if (one.place == candidate.place && one.wish.relative == candidate.wish.relative) return &one;
      if (one.wish.whole || candidate.wish.whole || one.place->keeps()) continue;
      if (text::base_name(one.wish.relative) == text::base_name(candidate.wish.relative))
        return &one;
    }
    return nullptr;
  }

  /// The job's account could not read every file that it can move into its directories, or name in
  /// the output directory; rbit can.
  bool may_be_told(const struct stat& info) const {
    return !order_.account || info.st_uid == *order_.account || info.st_uid == ::geteuid() ||
           (info.st_mode & S_IROTH) != 0;
  }

  /// A file with several names is the job's own if all of them are in its directories; but for what
  /// an earlier try has put into the output directory already, before rbit died. While they are
  /// counted another process of its account may move them, so it must be that account's besides.
  bool is_its_own(const Candidate& candidate) {
    const auto& info = candidate.info;
    if (info.st_nlink == 1) return true;
    if (candidate.place->keeps()) return false;
    if (order_.account && info.st_uid != *order_.account) return false;
    const std::string& whole = candidate.wish.relative;
    const std::set<std::string> names{std::string(text::base_name(whole)), whole};
    nlink_t known = work_.names_of(info) + tmp_.names_of(info);
    for (const auto& name : names) {
      struct stat kept {};
      const Fd there =
          open_below(store_.directory(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC, Mounts::enter);
      if (there && ::fstat(there.get(), &kept) == 0 && kept.st_dev == info.st_dev &&
          kept.st_ino == info.st_ino)
        ++known;
    }
    return known >= info.st_nlink;
  }

  Done give_names() {
    std::vector<NameWish> wishes;
    for (const auto& candidate : candidates_) wishes.push_back(candidate.wish);
    const auto names = artifact_names(wishes);
    for (std::size_t i = 0; i < names.size(); ++i) {
      candidates_[i].wish.relative = names[i];
      if (!names[i].empty()) continue;
      candidates_[i].out = true;
      auto done = unfit(candidates_[i].is_named, candidates_[i].path,
                        because("another artifact of this job has the same name"));
      if (!done) return done;
    }
    return {};
  }

  /// Makes it whole and durable, where nobody looks for it yet.
  Done prepare(Candidate& candidate) {
    if (is_stopped()) return stopped();
    if (candidate.out) return {};
    const auto no = [&](Error why) {
      candidate.out = true;
      return unfit(candidate.is_named, candidate.path, std::move(why));
    };
    const auto opened = candidate.place->open_file(candidate.path);
    if (!opened) return no(opened.error());
    const int file = opened->get();
    struct stat now {};
    if (::fstat(file, &now) != 0) return no(Error::of_system("", errno));
    if (now.st_dev != candidate.info.st_dev || now.st_ino != candidate.info.st_ino)
      return no(because("was replaced while it was looked at"));
    if (!candidate.place->keeps()) {
      const auto added = store_.add(file, now, order_.stop != nullptr ? *order_.stop : never_);
      if (!added && is_stopped()) return stopped();
      if (!added) return refused(candidate.path, without_hope(added.error()));
      candidate.number = *added;
      return {};
    }
    // Another's, or with a second name by now perhaps another's: its mode is no business of this
    // job.
    const mode_t mode = ArtifactStore::kept_mode(now.st_mode);
    const bool is_writable = (now.st_mode & 07777) != mode;
    if (now.st_uid != order_.account.value_or(::geteuid()) && is_writable)
      return no(because("belongs to another user, and others may write to it"));
    if (now.st_nlink == 1 && is_writable && ::fchmod(file, mode) != 0)
      return no(because(std::string("others may write to it, and it cannot be mended: ") +
                        std::strerror(errno)));
    if (::fsync(file) != 0) return refused(candidate.path, Error::of_system("", errno));
    return {};
  }

  /// Of a disk that is full: whether it is large enough for this job's artifacts at all.
  Error without_hope(Error why) const {
    struct statvfs disk {};
    const bool is_full = why.number == ENOSPC || why.number == EDQUOT;
    if (!is_full || ::fstatvfs(store_.directory(), &disk) != 0) return why;
    const auto all = static_cast<std::int64_t>(disk.f_blocks * disk.f_frsize);
    if (bytes_ <= all) return why;
    why.number = 0;  // to wait is no use
    why.cure = "the artifacts are " + std::to_string(bytes_ >> 20) + " MiB and the disk of " +
               output_.path() + " is " + std::to_string(all >> 20) +
               ": set output-dir to a larger one";
    return why;
  }

  /// Gives it its name. What the job made stays where it is, and goes with its directories: another
  /// process of its account may still change them, and what we removed there by name might be
  /// something else by then.
  Done put_in_place(Candidate& candidate) {
    if (candidate.out) return {};
    const std::string& name = candidate.wish.relative;
    if (!candidate.place->keeps()) {
      const auto put = store_.put(candidate.number, name);
      if (!put) return refused(candidate.path, put.error());
      candidate.out = !put->obstacle.empty();
      if (candidate.out) return unfit(candidate.is_named, candidate.path, because(put->obstacle));
      if (put->replaced)
        kept_.notes.push_back("artifact " + name + " took the place of an older file of its name");
    }
    ++count_;
    if (kept_.artifacts.size() < max_told_artifacts)
      kept_.artifacts.push_back({output_.path() + "/" + name, candidate.kind});
    return {};
  }

  bool is_satisfied(const std::string& glob) const {
    for (const auto& candidate : candidates_)
      if (!candidate.out && candidate.required_by.contains(glob)) return true;
    return false;
  }

  const ArtifactOrder& order_;
  const std::atomic<bool> never_{false};
  ArtifactStore store_;
  ArtifactPlace work_, tmp_, output_;
  std::vector<Candidate> candidates_;
  std::map<std::pair<dev_t, ino_t>, std::vector<std::size_t>> by_file_;  // indices of candidates_
  std::set<std::string> seen_unfit_;
  std::int64_t bytes_ = 0;
  std::size_t count_ = 0;  // of those that were kept
  KeptArtifacts kept_;
};

}  // namespace

Result<KeptArtifacts> collect_artifacts_blocking(const ArtifactOrder& order) {
  if (order.empty()) return KeptArtifacts();
  return Collection(order).run();
}

Task<Result<KeptArtifacts>> collect_artifacts(ArtifactOrder order) {
  using Kept = Result<KeptArtifacts>;
  if (order.empty()) co_return KeptArtifacts();
  // Copying and syncing gigabytes would stop the loop. A job with artifacts can pay for a thread.
  std::function<Kept()> work = [&order] { return collect_artifacts_blocking(order); };
  Kept kept = co_await aside(std::move(work));
  co_return kept;
}

}  // namespace rbit
