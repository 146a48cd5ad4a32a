#pragma once

#include <sys/stat.h>

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"

namespace rbit {

/// The output directory while the artifacts of one job are put into it: first each is made whole
/// and durable in a directory that nobody else may enter, then all get their names. What is not
/// finished is taken back. Blocks; one thread at a time.
///
/// Others may write to the output directory, so everything in it is reached by descriptor and
/// single names, through no link, and what is taken back or removed was made here: it is moved to
/// where nobody else can change it, and looked at there.
class ArtifactStore {
 public:
  ArtifactStore() = default;
  ~ArtifactStore();
  ArtifactStore(const ArtifactStore&) = delete;
  ArtifactStore& operator=(const ArtifactStore&) = delete;

  /// `path` must be there; what is missing `below` it, and in that, is made with `mode`. `owner`
  /// names the job among all that may put something here at one time, and is the same after a
  /// crash: what an earlier try left is removed then.
  Result<void> open(const std::string& path, const std::string& below, mode_t mode,
                    const std::string& owner);
  /// From now on every artifact is copied, and none is linked.
  void only_copy() { may_link_ = false; }
  int directory() const { return output_.get(); }
  const std::string& path() const { return path_; }

  /// Makes a whole and durable artifact of an open file that was found to be `info`. One of our own
  /// without another name becomes the artifact itself, by a link; any other is copied, so that
  /// nobody holds a name or a descriptor of what we keep. It is not for others to write, and runs
  /// as nobody but who runs it. Ends with ECANCELED soon after `stop` became true. Returns its
  /// number.
  Result<std::size_t> add(int file, const struct stat& info, const std::atomic<bool>& stop);

  struct Put {
    std::string obstacle;   // why it has no place there: a directory of its name, for example
    bool replaced = false;  // an older file bore its name
  };
  /// Gives it its name, a relative path. An Error (the disk, for example) does not name it.
  Result<Put> put(std::size_t number, const std::string& name);

  /// Makes all artifacts stay, and removes what they replaced.
  Result<void> finish();

  /// Returns the mode that an artifact of this mode gets.
  static mode_t kept_mode(mode_t mode) { return mode & 0755; }

 private:
  struct Prepared {
    dev_t device = 0;
    ino_t inode = 0;
    std::string name;       // where it was put; empty: nowhere yet
    bool replaced = false;  // what bore the name before lies in its place in the staging directory
  };

  Result<void> open_staging(const std::string& name);
  void empty_staging();
  Result<void> copy(int file, const struct stat& info, const std::string& staged,
                    const std::atomic<bool>& stop);
  Fd open_made(const std::string& directories) const;
  Result<Put> exchange(std::size_t number, int directory, const std::string& name);
  bool is_prepared(int directory, const std::string& name, const Prepared& one) const;
  void take_back(std::size_t number);

  std::string path_;
  mode_t mode_ = 0700;
  bool may_link_ = true;
  Fd output_, staging_;
  std::string staging_name_;
  std::vector<Prepared> prepared_;
  std::vector<std::string> made_;  // directories, in the order in which they were made
  std::set<std::string> touched_;  // those that got a name, "" is the output directory itself
  bool finished_ = false;
};

}  // namespace rbit
