#pragma once

#include <atomic>
#include <boost/asio/local/stream_protocol.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rbit/base/notice.h"
#include "rbit/base/result.h"
#include "rbit/core/journal.h"
#include "rbit/core/kept_attempt.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/run_place.h"

namespace rbit {

/// The rbits that handed over and still run attempts of theirs, as whoever works in their state
/// directory now hears them. There may be several: one for each upgrade during a long job. On the
/// loop's thread.
class Keepers {
 public:
  /// `place` and `journal` outlive it.
  Keepers(const asio::any_io_executor& loop, std::string state_dir, const RunPlace& place,
          Journal& journal, const std::atomic<bool>& told_to_stop);
  ~Keepers();

  /// Asks all that are there what they keep, and waits for their answers. Removes what dead ones
  /// left. Returns false if rbit was told to stop before all had answered.
  Task<bool> meet();
  bool any() const { return !links_.empty(); }
  /// Null: nobody keeps it.
  std::unique_ptr<KeptAttempt> take(const OpenAttempt& open, RunnerPolicy policy);
  /// Follows none any longer: they are our successor's.
  void let_go();

  /// Puts on record what a kept attempt sent before its end, as far as that is not done yet.
  /// Returns false if the journal does not take it and rbit is told to stop.
  static Task<bool> publish(Journal& journal, const Job& job, const std::string& record,
                            const std::atomic<bool>& told_to_stop);

 private:
  class Followed;
  /// What was heard of one attempt and is not looked at yet.
  struct Channel;
  struct Link;

  Task<bool> greet(std::string path);
  Task<void> await_hello(std::shared_ptr<Link> link, std::string path);
  Task<void> listen(std::shared_ptr<Link> link);
  void remove(const std::shared_ptr<Link>& link);

  asio::any_io_executor loop_;
  std::string state_dir_;
  const RunPlace& place_;
  Journal& journal_;
  const std::atomic<bool>& told_to_stop_;
  std::vector<std::shared_ptr<Link>> links_;
};

}  // namespace rbit
