#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/run/account.h"

namespace rbit {

/// The directories of one attempt, made fresh and removed with all that the job left in them:
///
///   <work-dir>/<queue>+<key>-<attempt>/   rbit's own (0700; with an owner 0710 and his group)
///       work/      the job's current directory and RBIT_WORK_DIR, empty at first, 0700
///       tmp/       its TMPDIR, 0700
///       message    RBIT_MESSAGE_FILE, the raw body, the owner's, 0400
///
/// No two attempts ever have one: what has the name already stays, for it may be in use or was
/// kept, and this one is called <name>.2.
/// The message does not lie in `work/`, so that `git clone URL .` finds an empty directory; and not
/// in the record directory, which a job of another user cannot reach. All calls block shortly; any
/// thread, one at a time. Move-only.
class Workspace {
 public:
  /// Makes the directories, and `work_dir` if it is missing. `owner`: whom `work/`, `tmp/` and the
  /// message belong to, if not to us (`user` of the policy).
  static Result<Workspace> make(const std::string& work_dir, const Job& job,
                                const Account* owner = nullptr);
  Workspace(Workspace&& other) noexcept;
  ~Workspace();  // removes it unless it was removed or kept, and logs a warning if that fails

  /// Whether a path is the root that a workspace of this attempt may have.
  static bool is_named_after(const std::string& root, const Job& job);

  const std::string& root() const { return root_; }
  std::string path() const { return root_ + "/work"; }
  std::string tmp_dir() const { return root_ + "/tmp"; }
  std::string message_file() const { return root_ + "/message"; }

  /// Puts a file beside the message, with the same rights, and gives its path. `owner` as in
  /// `make`.
  Result<std::string> add(const std::string& name, std::string_view bytes,
                          const Account* owner = nullptr) const;

  /// Leaves it where it is, as `keep-work` wants.
  void keep() { removed_ = true; }
  /// REQUIRES: no process of the job is left. An Error (a mount, an immutable file) is worth a
  /// warning and nothing else; the rest is gone all the same. A second call does nothing, nor does
  /// the first one after `keep`.
  Task<Result<void>> remove();

 private:
  explicit Workspace(std::string root) : root_(std::move(root)) {}
  std::string root_;
  bool removed_ = false;
};

/// Removes the tree at `path` through descriptors: follows no link, crosses no mount, opens what
/// the job has locked (mode 0000), needs three descriptors however deep it is. Gives up after
/// `limit`, for somebody may go on filling it. A path that is not there is no Error.
Result<void> remove_tree(const std::string& path,
                         std::chrono::milliseconds limit = std::chrono::minutes(10));
/// Does the same. A tree that has more than a few files, or large ones, is removed on a thread of
/// its own, and the loop goes on.
Task<Result<void>> remove_tree_aside(std::string path);

}  // namespace rbit
