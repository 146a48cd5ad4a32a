#include "rbit/report/outbox.h"

#include <algorithm>
#include <utility>

#include "rbit/base/alarm.h"

namespace rbit {

Outbox::Outbox(asio::any_io_executor loop, Journal& journal, Clock& clock)
    : loop_(std::move(loop)), journal_(journal), clock_(clock), changed_(loop_) {}

Outbox::~Outbox() {
  for (const auto& relay : relays_) relay->detach();
}

void Outbox::add(std::unique_ptr<ReportSink> sink) {
  relays_.push_back(std::make_shared<Relay>(loop_, journal_, clock_, std::move(sink),
                                            [this] { changed_.notify(); }));
}

std::vector<ReportTarget> Outbox::targets() const {
  std::vector<ReportTarget> targets;
  for (const auto& relay : relays_) targets.push_back(relay->as_target());
  return targets;
}

void Outbox::start() {
  started_ = true;
  wake();
}

void Outbox::wake() {
  if (!started_) return;
  for (const auto& relay : relays_) relay->wake();
}

Task<bool> Outbox::drain(milliseconds limit) {
  bool late = false;
  Alarm deadline(loop_, clock_, [&] {
    late = true;
    changed_.notify();
  });
  deadline.set(clock_.steady() + limit);
  for (const auto& relay : relays_) relay->hurry();
  const auto resting = [](const auto& relay) { return relay->resting(); };
  while (!late && !std::all_of(relays_.begin(), relays_.end(), resting)) co_await changed_.wait();
  co_return journal_.reports_waiting() == 0;
}

Task<void> Outbox::close() {
  for (const auto& relay : relays_) relay->close();
  const auto recording = [](const auto& relay) { return relay->recording(); };
  while (std::any_of(relays_.begin(), relays_.end(), recording)) co_await changed_.wait();
}

std::vector<TargetState> Outbox::states() const {
  std::vector<TargetState> states;
  for (const auto& relay : relays_) states.push_back(relay->state());
  return states;
}

}  // namespace rbit
