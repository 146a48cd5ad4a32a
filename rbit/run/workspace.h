#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/core/job_facts.h"
#include "rbit/run/work_place.h"

namespace rbit {

class WorkPlaces;

/// The use of one place by one attempt (run/work_place.h). Dropped, the place is removed with all
/// that is in it; that is for what goes wrong. On the loop's thread. Move-only.
class Workspace {
 public:
  Workspace(std::shared_ptr<WorkPlaces> home, std::unique_ptr<WorkPlace> place);
  Workspace(Workspace&&) noexcept;
  ~Workspace();

  const std::string& root() const { return place_->root(); }
  std::string path() const { return root() + "/work"; }
  std::string tmp_dir() const { return root() + "/tmp"; }
  std::string message_file() const { return root() + "/message"; }

  /// Fills the message file, which is empty until then.
  Result<void> write_message(std::string_view bytes) const { return place_->write_message(bytes); }
  /// Puts a file beside the message, with the same rights, and gives its path.
  Result<std::string> add(const std::string& name, std::string_view bytes) const {
    return place_->add(name, bytes);
  }
  /// Something of the job may go on: no other one may have the place.
  void spoil() const { place_->spoil(); }

  // Each of these ends the use. REQUIRES: no process of the job is left. `what` it is of, for
  // people, and `facts` for the log: what cannot be removed (a mount, an immutable file) is worth a
  // warning.

  /// Gives the place to the next job if this one left it as it was; else it is removed.
  void give_back(const std::string& what, JobFacts facts = {}) &&;
  /// Leaves it to nobody: it is removed.
  void give_up(const std::string& what, JobFacts facts = {}) &&;
  /// Keeps it for people, under a name of the attempt: <queue>+<key>-<attempt>, or that and ".2"
  /// and so on if there is one already.
  Result<void> keep(const Job& job) &&;

  /// Whether the path of a root is that of a place, or the one that an earlier version gave to that
  /// attempt.
  static bool may_be_of(const std::string& root, const Job& job);
  static bool is_slot(const std::string& root);
  /// Gives the place at `root` the name that `keep` gives it. One that is not there is no Error.
  static Result<void> keep_as_named(const std::string& root, const Job& job);

 private:
  std::shared_ptr<WorkPlaces> home_;
  std::unique_ptr<WorkPlace> place_;  // none: moved from, or its use has ended
};

/// What the name of a place begins with.
inline constexpr const char* slot_prefix = "slot-";

/// Removes the tree at `path` through descriptors: follows no link, crosses no mount, opens what
/// the job has locked (mode 0000), needs three descriptors however deep it is. Gives up after
/// `limit`, for somebody may go on filling it. A path that is not there is no Error.
Result<void> remove_tree(const std::string& path,
                         std::chrono::milliseconds limit = std::chrono::minutes(10));
/// Does the same. A tree that has more than a few files, or large ones, is removed on a thread of
/// its own, and the loop goes on.
Task<Result<void>> remove_tree_aside(std::string path);

}  // namespace rbit
