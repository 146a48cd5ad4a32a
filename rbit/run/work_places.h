#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/job.h"
#include "rbit/run/account.h"
#include "rbit/run/known_directory.h"
#include "rbit/run/run_place.h"
#include "rbit/run/spare_logs.h"
#include "rbit/run/work_place.h"
#include "rbit/run/workspace.h"

namespace rbit {

/// The places of all jobs of this rbit: as many of each user as his jobs ever ran at once. A place
/// that a job left as it was is the next job's; any other is removed, beside the loop and one after
/// the other, and nobody waits for that but `close`.
///
/// <state-dir>/slots/NAME is a link to each place that there is. So what a life leaves that died is
/// found by the next one, wherever its work directory was.
///
/// On the loop's thread. Held by shared pointers; what is under way holds one.
class WorkPlaces : public std::enable_shared_from_this<WorkPlaces> {
 public:
  WorkPlaces(const asio::any_io_executor& loop, const RunPlace& place);

  /// A place that is empty, for a job of that user (nullptr: us).
  Result<Workspace> lend(const Account* owner);

  /// Begins to remove the places of earlier lives. REQUIRES: nothing of such a life runs any more.
  void remove_leftovers();
  /// Removes the places that no job has, and waits until all others that were given up are gone.
  Task<void> close();

  /// For the logs of the same jobs.
  const SpareLogs& logs() const { return logs_; }
  /// Those that wait for a job.
  std::size_t idle() const { return idle_.size(); }

  /// For Workspace: what becomes of a place. `what` it was lent to, for people, and
  /// `facts` for the log.
  void take_back(std::unique_ptr<WorkPlace> place, const std::string& what, JobFacts facts);
  void give_up(std::unique_ptr<WorkPlace> place, const std::string& what, JobFacts facts = {});
  void remove_now(std::unique_ptr<WorkPlace> place);
  Result<void> keep(std::unique_ptr<WorkPlace> place, const Job& job);

 private:
  struct GivenUp {
    std::string root, link, what;
    JobFacts facts = {};
  };
  static Task<void> remove_given_up(std::shared_ptr<WorkPlaces> self);
  Result<void> look_at_directory(const PlaceOwner& owner);
  Result<std::unique_ptr<WorkPlace>> make(const PlaceOwner& owner);
  Result<void> make_link(const std::string& name, const std::string& root);
  std::string link_of(const std::string& name) const { return links_ + "/" + name; }
  void remove_later(GivenUp one);
  void drop(std::unique_ptr<WorkPlace> place);

  asio::any_io_executor loop_;
  KnownDirectory known_;
  std::string links_;
  SpareLogs logs_;
  std::string life_;                     // names of this life begin so
  std::shared_ptr<const Fd> directory_;  // the work directory, once it is known
  struct stat directory_info_ {};
  std::vector<std::unique_ptr<WorkPlace>> idle_;
  std::vector<GivenUp> given_up_;
  long made_ = 0;
  bool is_removing_ = false, is_closed_ = false;
  Notice* removed_ = nullptr;  // of who waits in `close`
};

}  // namespace rbit
