// Of rbit/app/app.h: how the doors are shut, at the end and at a hand-over.

#include "rbit/app/app.h"
#include "rbit/base/failpoint.h"
#include "rbit/log/log.h"
#include "rbit/run/work_places.h"

namespace rbit {

namespace {
constexpr milliseconds outbox_drain{5'000};  // rows that are left go out after the next start
}

Task<void> App::shut() {
  co_await dispatcher_->drain(settings().drain_timeout);
  co_await reload_->close();
  const bool handed_over = co_await hand_over_->is_done();
  if (!handed_over) {
    co_await live_broker_->close_cancels();        // jobs that still ran could be cancelled
    if (page_acts_) co_await page_acts_->close();  // they ask over the control socket
    control_->close();
    monitor_.reset();
    co_await log_keeper_->stop();
  }
  co_await crews_->close();
  if (!handed_over) {
    const bool all_sent = co_await outbox_->drain(outbox_drain);
    if (!all_sent)
      log::warning(std::to_string(journal_->reports_waiting()) +
                   " reports wait on disk and go out after the next start");
    co_await outbox_->close();
  }
  co_await hooks_->close(outbox_drain);
  co_await leaders_->close();
  co_await place_.work_places->close();
  co_await hand_over_->close();
  if (!handed_over) {
    co_await live_broker_->close();
    database_->flush();
  }
  log::info("stopped");
}

/// For our successor: what we had open alone. What runs, and what that needs, stays.
Task<void> App::let_go() {
  keepers_->let_go();
  co_await live_broker_->close_cancels();
  if (page_acts_) co_await page_acts_->close();
  monitor_.reset();
  if (missed_copies_) missed_copies_->end();
  co_await log_keeper_->stop();
  co_await outbox_->close();
  co_await live_broker_->close();
  database_->leave();
  failpoint("H.closed");
  control_->close();
  state_.release();
  service_.status("handed over; its jobs run to their end");
}

}  // namespace rbit
