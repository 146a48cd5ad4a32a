#include "rbit/app/app.h"
#include "rbit/app/monitor_options.h"
#include "rbit/log/log.h"

// What App shows of itself.

namespace rbit {

void App::make_feed() {
  feed_ = std::make_unique<MonitorFeed>(settings(), clock_, *database_, *journal_, *dispatcher_,
                                        *live_broker_, *outbox_, *disk_guard_, progress_,
                                        missed_copies_.get());
  observers_.add(rates_);
  observers_.add(recent_);
  status_report_ = std::make_unique<StatusReport>(StatusReport::Sources{
      settings(), *database_, *feed_, *live_broker_, *broker_, rates_, started_});
}

/// The clerks of the page, and the monitor that they answer.
void App::open_monitor() {
  if (settings().monitor.listen.empty()) return;
  const auto loop = loop_.get_executor();
  chart_ = std::make_unique<JobChart>(clock_);
  chart_->fill_from(History(*database_));
  observers_.add(*chart_);
  page_feed_ = std::make_unique<PageFeed>(PageFeed::Sources{
      settings(), clock_, *database_, *broker_, *dispatcher_, *status_report_, progress_, *chart_});
  page_acts_ = std::make_unique<PageActs>(loop, settings());
  MonitorSource source;
  source.numbers = [this] { return feed_->numbers(); };
  source.details = [this] { return feed_->details(); };
  source.count_queues = [this] { return feed_->count_queues(); };
  source.page.state = [this] { return page_feed_->state(); };
  source.page.job = [this](const std::string& name) { return page_feed_->job(name); };
  source.page.log = [this](LogWish wish) { return page_feed_->log(std::move(wish)); };
  source.page.act = [this](std::string order) { return page_acts_->act(std::move(order)); };
  source.page.dead = [this] { return page_acts_->dead_letters(); };
  monitor_ =
      std::make_unique<Monitor>(loop, clock_, monitor_options(settings()), std::move(source));
  observers_.add(*monitor_);
  // What takes long the first time shall do so before jobs run, not at the first scrape.
  spawn(loop, feed_->count_queues(), "counting the queues");
  log::info("monitor on http://" + settings().monitor.listen + "/");
}

}  // namespace rbit
