#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/base/task.h"
#include "rbit/core/job_observer.h"
#include "rbit/core/journal.h"
#include "rbit/core/report_sink.h"
#include "rbit/report/relay.h"

namespace rbit {

/// Sends the reports that wait in the journal to their sinks; jobs never wait for it. Rows come
/// from the journal alone, so a restart loses none. On the loop's thread. The journal and the clock
/// must outlive it; the loop may outlive it once `close` has ended.
class Outbox : public JobObserver {
 public:
  Outbox(asio::any_io_executor loop, Journal& journal, Clock& clock);
  ~Outbox() override;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// REQUIRES: before `start`; no other sink of that target. The targets here are those the
  /// journal makes rows for.
  void add(std::unique_ptr<ReportSink> sink);
  std::vector<ReportTarget> targets() const;

  void start();
  /// After each write of the journal that may have made a row. Cheap.
  void wake();
  void status(const Report&) override { wake(); }
  void published() override { wake(); }

  /// At the end: ends when all rows are out, or all that can go for now (a target that is down gets
  /// one last try), or `limit` has passed. Returns true if no row is left.
  Task<bool> drain(milliseconds limit);
  /// Sends no more and gives up what is under way; those rows go after the next start.
  Task<void> close();

  std::vector<TargetState> states() const;

 private:
  asio::any_io_executor loop_;
  Journal& journal_;
  Clock& clock_;
  Notice changed_;
  std::vector<std::shared_ptr<Relay>> relays_;  // shared with their own coroutines only
  bool started_ = false;
};

}  // namespace rbit
