#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/core/copy_links.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/journal.h"

namespace rbit {

/// Notices that the broker has lost the copy by which a job was to come again: its queue was
/// deleted, expired by a policy, or let the copy go to a work queue that was not there. A copy is
/// missed when neither its delay queue nor its work queue holds a message, and it did not come
/// here. It is lost for sure only if no other rbit has been there since before it was due: one that
/// has it does not show in its queue. Else the log alone has it, and of a queue that had another
/// consumer within a day nothing is said. On the loop's thread.
///
/// It looks every 5 s from when a job was told to be blocked, for as long as a copy is awaited;
/// else every 10 minutes.
class MissedCopies : public JobObserver {
 public:
  using QueueCount = CopyLinks::QueueCount;

  /// `told` gets the report of each that is lost for sure.
  MissedCopies(Clock& clock, Journal& journal, CopyLinks links,
               std::function<void(const Report&)> told)
      : clock_(clock), journal_(journal), links_(std::move(links)), told_(std::move(told)) {}

  /// For ever.
  Task<void> watch();
  Task<void> look();
  /// Looks no more.
  void end() { ended_ = true; }
  void status(const Report& report) override;
  /// How many copies of each queue were awaited when it looked last.
  const std::map<std::string, std::int64_t>& awaited() const { return awaited_; }

 private:
  /// One work queue, while copies for it are awaited.
  struct Watched {
    std::int64_t since = 0;                  // the first answer, microseconds since 1970
    int strange = 0;                         // looks in a row that found another consumer
    std::optional<SteadyTime> others_until;  // until then another rbit is taken to read it
  };
  Task<void> look_at(const std::string& queue, const std::vector<AwaitedCopy>& copies);
  bool note_consumers(Watched& watched, const std::string& queue, std::uint32_t own,
                      std::uint32_t found);
  Task<void> look_for_others();
  Task<void> say(const AwaitedCopy& copy, bool sure);

  Clock& clock_;
  Journal& journal_;
  CopyLinks links_;
  std::function<void(const Report&)> told_;
  std::optional<Notice> expected_;  // of `watch`: a copy is to be made
  bool ended_ = false;
  bool is_slow_ = false;  // it waits for that
  SteadyTime expected_until_{};
  bool is_awaiting_ = true;  // when we last looked: a copy, or the broker's answer
  std::map<std::string, Watched> watched_;
  std::map<std::string, std::int64_t> awaited_;
  std::int64_t alone_since_ = 0;     // as `Watched::since`; 0: another rbit may be there
  std::set<std::string> suspected_;  // keys that were missed when we last looked
  std::set<std::string> said_;       // keys of which the log knows
};

}  // namespace rbit
