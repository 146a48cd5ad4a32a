#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/run/open_below.h"

namespace rbit {

/// What a pattern of `artifacts` found, by paths from the work directory. Of the files none was a
/// directory, if nobody swapped it since.
struct ArtifactMatches {
  std::map<std::string, bool> files;         // true: a part of a tree, which keeps its path
  std::map<std::string, std::string> unfit;  // what is no file, and why not
};

/// A directory that artifacts may lie below. What is below it may change at any time, so each file
/// is reached from the descriptor.
class ArtifactPlace {
 public:
  /// One that a job owns: it may have put a link in its place, or of the one it lies in. Above that
  /// links are the administrator's.
  Result<void> open(const std::string& path);
  /// One that is open already. `keeps`: what lies there stays there.
  void set(std::string path, Fd directory, bool keeps);

  explicit operator bool() const { return static_cast<bool>(directory_); }
  const std::string& path() const { return path_; }
  bool keeps() const { return keeps_; }
  /// `path` from here on, or "" if it does not lead here.
  std::string relative(const std::string& path) const;
  /// A regular file below it, to read, also through links that stay below it. The Error is a mere
  /// reason, without a name.
  Result<Fd> open_file(const std::string& relative) const;

  /// Finds what is below it and matches. A pattern is made of names with *, ? and [...] between
  /// slashes; ** stands for directories of any depth. One that ends in a slash stands for all that
  /// is in the directories that match. Names that begin with a dot match only what begins with one,
  /// but belong to a tree. Links to directories are entered where a pattern names them, as long as
  /// they stay below it. An Error: it is no pattern, or there is too much, or `stop` became true.
  Result<ArtifactMatches> match(const std::string& pattern, std::size_t limit,
                                const std::atomic<bool>* stop) const;

  /// How many names of a file lie below it, if it has several. One with more names than a job's
  /// directories hold may be another's, linked to by the job or by what it unpacked. Reads all of
  /// them at the first call; follows no link and gives up after a million.
  nlink_t names_of(const struct stat& info);
  /// Not 0: errno of a shortage (see is_shortage) that kept it from reading them all.
  int shortage() const { return shortage_; }

 private:
  void count_links(Entries entries, std::size_t level);

  std::string path_;
  /// Its absolute paths: as we call it, and without links. A job that asks the shell where it is
  /// gets the real one.
  std::vector<std::string> names_;
  Fd directory_;
  bool keeps_ = false;
  std::map<std::pair<dev_t, ino_t>, nlink_t> links_;
  bool has_counted_ = false;
  int left_ = 1'000'000;
  int shortage_ = 0;
};

}  // namespace rbit
