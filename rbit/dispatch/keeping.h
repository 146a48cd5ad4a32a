#pragma once

#include <string>
#include <utility>

#include "rbit/base/notice.h"
#include "rbit/core/outcome.h"
#include "rbit/core/publication.h"
#include "rbit/core/report.h"

namespace rbit {

/// Gets what running attempts have to tell, once their rbit has handed everything else over to its
/// successor and must not touch the journal any more. On the loop's thread.
class Keeper {
 public:
  virtual ~Keeper() = default;

  virtual void status(const Job& job, const Report& report) = 0;
  /// What it sends before its end, whatever becomes of it.
  virtual void publish(const Job& job, const Publication& publication,
                       const std::string& record_dir) = 0;
  /// Its verdict. `record_dir` is ours no more afterwards.
  virtual void ended(const Job& job, const Outcome& outcome, const std::string& record_dir) = 0;
};

/// Whether this rbit hands over (rbit/doc/order.rst, hand-over). On the loop's thread.
class Keeping {
 public:
  explicit Keeping(const asio::any_io_executor& loop) : decided_(loop) {}

  /// From now on attempts that end wait for the decision.
  void prepare() { preparing_ = true; }
  /// All goes on as if nothing had been asked.
  void give_up() { decide(nullptr); }
  /// From now on all is the keeper's.
  void begin(Keeper& keeper) { decide(&keeper); }

  bool is_preparing() const { return preparing_; }
  /// Null: the journal is ours.
  Keeper* keeper() const { return keeper_; }
  /// Ends at once if nothing is being prepared.
  Task<void> decision() {
    while (preparing_) co_await decided_.wait();
  }

 private:
  void decide(Keeper* keeper) {
    keeper_ = keeper;
    preparing_ = false;
    decided_.notify();
  }

  bool preparing_ = false;
  Keeper* keeper_ = nullptr;
  Notice decided_;
};

}  // namespace rbit
