#pragma once

#include <sys/stat.h>
#include <ctime>

#include <memory>
#include <string>
#include <string_view>

#include "rbit/base/fd.h"
#include "rbit/base/result.h"
#include "rbit/run/account.h"

namespace rbit {

/// Whom a place belongs to, and so which jobs may have it.
struct PlaceOwner {
  uid_t uid = 0;
  gid_t gid = 0;
  bool is_other = false;  // not us

  /// `account`: another user's than ours; nullptr: us.
  static PlaceOwner of(const Account* account);
  bool operator==(const PlaceOwner&) const = default;
};

/// The directories of a job, which serve the next one if this one leaves them as they were:
///
///   <work-dir>/slot-<life>-<number>/   rbit's own (0700; with another owner 0710 and his group)
///       work/      the job's current directory and RBIT_WORK_DIR, empty at first, 0700
///       tmp/       its TMPDIR, 0700
///       message    RBIT_MESSAGE_FILE, the raw body, the owner's, 0400
///
/// The message does not lie in `work/`, so that `git clone URL .` finds an empty directory; and not
/// in the record directory, which a job of another user cannot reach.
///
/// Whether a job left them so costs few calls: what has the change time that it had before the job
/// began was not touched. What was touched is read. All calls block shortly; one thread at a time.
class WorkPlace {
 public:
  /// Makes one. `directory`: the work directory, of that path.
  static Result<std::unique_ptr<WorkPlace>> make(std::shared_ptr<const Fd> directory,
                                                 const std::string& path, const std::string& name,
                                                 const PlaceOwner& owner);

  const std::string& root() const { return root_; }
  const std::string& name() const { return name_; }
  const PlaceOwner& owner() const { return owner_; }
  bool is_below(const std::shared_ptr<const Fd>& directory) const {
    return directory_ == directory;
  }

  /// Whether it is there and nobody has touched it since it was made or given back. From now on
  /// what is changed is a job's doing.
  bool begin_job();
  /// Fills the message file.
  Result<void> write_message(std::string_view bytes);
  /// Puts a file beside the message, with the same rights, and gives its path. The place serves no
  /// other job.
  Result<std::string> add(const std::string& name, std::string_view bytes);
  /// No other job may have it, whatever it looks like.
  void spoil() { is_spoilt_ = true; }

  /// Whether the job left nothing and changed nothing; what it had in the message file is gone.
  /// REQUIRES: no process of the job is left.
  bool end_job();

  /// Removes it, if it is as it was made. False: it is not, or not all of it is gone.
  bool remove_empty();

 private:
  /// What one of its four inodes was when it was made, and must be again.
  struct Part {
    struct statx info {};
    std::string attributes;  // extended ones, names and values
    unsigned flags = 0;      // of chattr
    unsigned project = 0;    // of quotas
  };
  WorkPlace(std::shared_ptr<const Fd> directory, std::string root, std::string name,
            const PlaceOwner& owner);
  Result<void> fill();
  Result<void> learn();
  bool is_untouched(const Part& part, const struct statx& now) const;
  bool is_root_as_made();
  bool is_directory_as_made(const char* name, Part& part);
  bool empty_message();
  bool remove_parts() const;

  std::shared_ptr<const Fd> directory_;  // the work directory
  std::string root_, name_;
  PlaceOwner owner_;
  Fd top_, message_;
  Part top_part_, work_, tmp_, message_part_;
  timespec begun_{};  // when the job that has it began, by the clock of change times
  bool is_spoilt_ = false;
};

}  // namespace rbit
