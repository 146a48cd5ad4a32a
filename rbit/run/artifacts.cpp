#include "rbit/run/artifacts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "rbit/base/aside.h"
#include "rbit/base/fd.h"
#include "rbit/base/text.h"
#include "rbit/run/artifact_globs.h"
#include "rbit/run/artifact_store.h"
#include "rbit/run/directories.h"
#include "rbit/run/open_below.h"

namespace rbit {

namespace {

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : path;
}

/// A directory that artifacts may lie below.
struct Place {
  std::string path, real;  // as we call it, and without links
  Fd directory;
  bool keeps = false;  // the output directory: what is there stays

  /// `path` from here on, or "" if it does not lead here. Both spellings count: a job that asks the
  /// shell where it is gets the real one.
  std::string relative(const std::string& other) const {
    for (const auto& start : {path, real})
      if (other.starts_with(start + "/")) return other.substr(start.size() + 1);
    return "";
  }
};

/// One file that was looked at and found in order. It is not kept open: a thousand of them would
/// use up our descriptors.
struct Candidate {
  const Place* place = nullptr;
  std::string relative;  // below the place
  std::string kind;
  struct stat info {};
  std::size_t number = 0;  // in the store
};

class Collection {
 public:
  explicit Collection(const ArtifactOrder& order) : order_(order) {}

  Result<std::vector<Artifact>> run() {
    if (auto opened = open_places(); !opened) return opened.error();
    for (const auto& artifact : order_.named) {
      if (auto added = add_named(artifact); !added) return added.error();
    }
    for (const auto& glob : order_.globs) {
      auto matches = match_artifacts(work_.directory, glob, max_artifacts);
      if (!matches) return matches.error();
      for (auto& match : *matches) {
        if (auto added = add(work_, match, "", match); !added) return added.error();
      }
    }
    for (auto& candidate : candidates_) {
      if (auto prepared = prepare(candidate); !prepared) return prepared.error();
    }
    return put_in_place();
  }

 private:
  using Done = Result<void>;

  static Error refused(const std::string& name, std::string reason, std::string cure = "") {
    return Error{"artifact " + text::one_line(name), std::move(reason), std::move(cure)};
  }
  static Error failed(const std::string& name, const char* doing) {
    return refused(name, std::string(doing) + ": " + std::strerror(errno));
  }

  static Done opened(Place& place, const std::string& path, Fd directory) {
    const bool is_replaced = errno == ELOOP || errno == ENOTDIR;
    if (!directory)
      return Error{path, is_replaced ? "is no directory any more" : std::strerror(errno),
                   "artifacts are taken from here or put here"};
    place.path = path;
    place.real = real_path(path);
    place.directory = std::move(directory);
    return {};
  }

  /// The job may have put a link in the place of this directory, or of the one it lies in. Above
  /// that links are the administrator's.
  Done open_place(Place& place, const std::string& path) {
    const auto slash = path.rfind('/', path.rfind('/') - 1);
    const Fd above(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    Fd directory;
    if (above)
      directory = open_below(above.get(), path.substr(slash + 1),
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, Mounts::enter);
    return opened(place, path, std::move(directory));
  }

  Done open_places() {
    if (auto opened = open_place(work_, order_.work_dir); !opened) return opened;
    if (!order_.tmp_dir.empty()) (void)open_place(tmp_, order_.tmp_dir);  // a job may remove it
    if (auto made = make_directories(order_.output_dir, order_.output_mode); !made) return made;
    // Unique on this machine while the job's directories are there, and the same after a crash.
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    auto open = store_.open(order_.output_dir, order_.output_mode,
                            std::string(host.data()) + ":" + order_.work_dir);
    if (!open) return open;
    if (order_.work_stays) store_.only_copy();
    output_.keeps = true;
    return opened(output_, order_.output_dir, Fd(::fcntl(store_.directory(), F_DUPFD_CLOEXEC, 0)));
  }

  Done add_named(const Artifact& artifact) {
    if (artifact.path.empty() || artifact.path.find('\0') != std::string::npos)
      return refused("'" + artifact.path + "'", "is no path");
    if (artifact.path.front() != '/')
      return add(work_, artifact.path, artifact.kind, artifact.path);
    for (const Place* place : {&work_, &tmp_, &output_}) {
      if (!place->directory) continue;
      if (auto relative = place->relative(artifact.path); !relative.empty())
        return add(*place, relative, artifact.kind, artifact.path);
    }
    return refused(artifact.path,
                   "lies neither in the job's directory nor in " + order_.output_dir);
  }

  static Result<Fd> open_file(const Place& place, const std::string& relative,
                              const std::string& shown) {
    // Non-blocking: it may be a FIFO.
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
    Fd file = open_below(place.directory.get(), relative, flags, Mounts::enter);
    if (file) return file;
    if (errno == ELOOP) return refused(shown, "is reached through a symbolic link");
    if (errno == EXDEV) return refused(shown, "lies outside the job's directory");
    if (errno == ENXIO) return refused(shown, "is not a regular file");
    return refused(shown, std::strerror(errno));
  }

  /// Looks at the file; nothing has been changed yet when this refuses.
  Done add(const Place& place, const std::string& relative, const std::string& kind,
           const std::string& shown) {
    const auto file = open_file(place, relative, shown);
    if (!file) return file.error();
    Candidate candidate;
    candidate.place = &place;
    candidate.relative = relative;
    candidate.kind = kind;
    if (::fstat(file->get(), &candidate.info) != 0) return failed(shown, "cannot be read");
    const auto& info = candidate.info;
    if (!S_ISREG(info.st_mode)) return refused(shown, "is not a regular file");
    if (!seen_.insert({info.st_dev, info.st_ino}).second)
      return {};  // named twice, or also by glob
    // An earlier try may have put it there already, before rbit died.
    struct stat older {};
    const nlink_t known = ::fstatat(store_.directory(), base_name(relative).c_str(), &older,
                                    AT_SYMLINK_NOFOLLOW) == 0 &&
                                  older.st_dev == info.st_dev && older.st_ino == info.st_ino
                              ? 2
                              : 1;
    if (info.st_nlink > known)
      return refused(shown, "has a second hard link, so it may be another's file", "copy it");
    if (auto named = check_name(candidate, shown); !named) return named;
    bytes_ += info.st_size;
    if (bytes_ > max_artifact_bytes)
      return refused(shown, "exceeds the 64 GiB for one job's artifacts");
    if (candidates_.size() == max_artifacts)
      return refused(shown, "is one more than " + std::to_string(max_artifacts), "pack them");
    candidates_.push_back(std::move(candidate));
    return {};
  }

  Done check_name(const Candidate& candidate, const std::string& shown) {
    const std::string name = base_name(candidate.relative);
    if (!text::is_printable(name))
      return refused(shown, "its name is not UTF-8 or has control characters");
    if (candidate.place->keeps && name != candidate.relative) return {};  // further below
    if (!names_.insert(name).second)
      return refused(shown, "another artifact of this job has the same name");
    struct stat older {};
    if (!candidate.place->keeps &&
        ::fstatat(output_.directory.get(), name.c_str(), &older, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(older.st_mode))
      return refused(shown, "a directory has its name in " + output_.path);
    return {};
  }

  /// Makes it whole and durable, where nobody looks for it yet.
  Done prepare(Candidate& candidate) {
    const std::string& shown = candidate.relative;
    const auto opened = open_file(*candidate.place, candidate.relative, shown);
    if (!opened) return opened.error();
    const int file = opened->get();
    struct stat now {};
    if (::fstat(file, &now) != 0) return failed(shown, "cannot be read");
    if (now.st_dev != candidate.info.st_dev || now.st_ino != candidate.info.st_ino)
      return refused(shown, "was replaced while it was looked at");
    if (candidate.place->keeps) {
      // By then it may have got another name, of a file whose mode is no business of this job.
      if (now.st_mode != (S_IFREG | ArtifactStore::kept_mode(now.st_mode)) && now.st_nlink == 1 &&
          ::fchmod(file, ArtifactStore::kept_mode(now.st_mode)) != 0)
        return failed(shown, "cannot get its mode");
      return ::fsync(file) == 0 ? Done() : failed(shown, "cannot be synced");
    }
    const auto added = store_.add(file, now, stop_);
    if (!added) return refused(shown, added.error().text());
    candidate.number = *added;
    return {};
  }

  /// Everything is there; now it gets its names. What the job made stays where it is, and goes with
  /// its directories: another process of its account may still change them, and whatever we removed
  /// there by name might be something else by then.
  Result<std::vector<Artifact>> put_in_place() {
    std::vector<Artifact> kept;
    for (const auto& candidate : candidates_) {
      std::string name = candidate.relative;
      if (!candidate.place->keeps) {
        name = base_name(name);
        const auto put = store_.put(candidate.number, name);
        if (!put) return refused(candidate.relative, put.error().text());
      }
      kept.push_back({output_.path + "/" + name, candidate.kind});
    }
    if (auto finished = store_.finish(); !finished) return finished.error();
    return kept;
  }

  const ArtifactOrder& order_;
  ArtifactStore store_;
  Place work_, tmp_, output_;
  std::vector<Candidate> candidates_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  std::set<std::string> names_;
  std::int64_t bytes_ = 0;
  const std::atomic<bool> stop_{false};
};

}  // namespace

Result<std::vector<Artifact>> collect_artifacts_blocking(const ArtifactOrder& order) {
  if (order.empty()) return std::vector<Artifact>();
  return Collection(order).run();
}

Task<Result<std::vector<Artifact>>> collect_artifacts(ArtifactOrder order) {
  using Kept = Result<std::vector<Artifact>>;
  if (order.empty()) co_return std::vector<Artifact>();
  // Copying and syncing gigabytes would stop the loop. A job with artifacts can pay for a thread.
  std::function<Kept()> work = [&order] { return collect_artifacts_blocking(order); };
  Kept kept = co_await aside(std::move(work));
  co_return kept;
}

}  // namespace rbit
