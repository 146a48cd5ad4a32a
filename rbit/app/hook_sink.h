#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rbit/app/hook.h"
#include "rbit/base/clock.h"
#include "rbit/base/flows.h"
#include "rbit/base/notice.h"
#include "rbit/core/report_sink.h"

namespace rbit {

/// Brings ends of attempts to a hook: the outbox knows which it has not run for, in order for each
/// job, and a crash of rbit loses none. A hook that asks for it (exit code 75) or cannot begin is
/// run later; of any other failure the log is told, and that is all.
class HookSink : public ReportSink {
 public:
  /// `hook`, `flows` and `opened` must outlive it. Nothing is run until `is_open`, of which
  /// `opened` tells. What it runs goes to its end in `flows`, also if nobody waits any more.
  HookSink(const asio::any_io_executor& loop, Hook& hook, Flows& flows,
           std::function<bool()> is_open, Notice& opened);

  std::string_view target() const override { return target_; }
  ReportTarget as_target() override;
  Task<SinkAnswer> send(const Report& report) override;

 private:
  struct Run;
  Task<void> run(std::shared_ptr<Run> one, Report report);
  SinkAnswer judge(const Report& report, const Outcome& outcome);

  asio::any_io_executor loop_;
  Hook& hook_;
  Flows& flows_;
  std::function<bool()> is_open_;
  Notice& opened_;
  const std::string target_;
};

}  // namespace rbit
