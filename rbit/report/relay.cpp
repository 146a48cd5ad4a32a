#include "rbit/report/relay.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <limits>
#include <utility>

#include "rbit/base/backoff.h"
#include "rbit/base/failpoint.h"
#include "rbit/base/names.h"
#include "rbit/base/random.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int lanes = 4;   // requests at once a target
constexpr int batch = 64;  // rows a read: a query for thousands, memory for none
constexpr std::size_t large_batch = 1u << 20;  // bytes of messages: there may be more to read
constexpr std::size_t most_busy = 256;         // answers that wait for one commit
constexpr std::size_t most_held = 1000;        // tries in one absence; more are rare, and only wait
constexpr milliseconds least_pause = seconds(1);
constexpr milliseconds most_pause = minutes(5);
constexpr milliseconds most_wish = hours(1);        // of Retry-After that is believed
constexpr milliseconds keep = hours(24 * 7);        // then a report is given up
constexpr milliseconds real_absence = seconds(10);  // shorter, it may have been the row's fault
constexpr int stubborn = 5;  // tries of one row, the target being up, that are worth a line

/// A twelfth of the time it goes wrong already: a second at first, five minutes after an hour.
milliseconds ceiling(milliseconds wrong_for) {
  return std::clamp(wrong_for / 12, least_pause, most_pause);
}

Task<void> rethrow(std::exception_ptr error) {
  std::rethrow_exception(error);
  co_return;
}

std::string in_seconds(milliseconds time) {
  return std::to_string(std::chrono::duration_cast<seconds>(time).count()) + " s";
}

}  // namespace

std::string_view to_string(TargetState::Kind kind) {
  using enum TargetState::Kind;
  static constexpr Named<TargetState::Kind> names[] = {
      {up, "up"}, {down, "down"}, {paused, "paused"}};
  return name_in(names, kind);
}

Relay::Relay(asio::any_io_executor loop, Journal& journal, Clock& clock,
             std::unique_ptr<ReportSink> sink, std::function<void()> at_rest)
    : loop_(loop),
      journal_(journal),
      clock_(clock),
      sink_(std::move(sink)),
      at_rest_(std::move(at_rest)),
      alarm_(loop, clock, [this] { wake(); }),
      closing_(loop),
      random_(static_cast<std::uint32_t>(random_number())) {}

void Relay::wake() {
  fresh_ = true;
  if (posted_ || closed_) return;
  posted_ = true;  // one look for all that happens in this turn
  asio::post(loop_, [self = shared_from_this()] {
    self->posted_ = false;
    self->pump();
  });
}

bool Relay::may_send() const {
  if (closed_ || busy_.size() >= most_busy) return false;
  if (state_.kind == Kind::up) return sending_ < lanes;
  return sending_ == 0 && clock_.steady() >= probe_at_;
}

void Relay::pump() {
  while (may_send()) {
    if (ready_.empty() && fresh_) refill();
    if (ready_.empty()) break;
    Report report = std::move(ready_.front());
    ready_.pop_front();
    // A sink that answers at once leaves only the record to wait for: the next one goes in the
    // same turn, and both share a commit.
    launch(std::move(report));
  }
  if (!closed_ && state_.kind != Kind::up && sending_ == 0 && (fresh_ || !ready_.empty()) &&
      clock_.steady() < probe_at_)
    alarm_.set(probe_at_);
  at_rest_();
}

void Relay::refill() {
  const int wanted =
      (state_.kind == Kind::up ? batch : 1) + static_cast<int>(busy_.size());  // those come along
  const std::string target(sink_->target());
  const auto now = to_micros(clock_.wall());
  auto rows = journal_.due_reports(target, now, wanted);
  std::size_t carried = 0;
  for (const auto& row : rows) carried += row.carried.body.size();
  fresh_ = static_cast<int>(rows.size()) >= wanted || carried >= large_batch;
  for (auto& row : rows)
    if (!busy_.contains(row.id)) ready_.push_back(std::move(row));
  if (!ready_.empty() || !busy_.empty()) return;  // what is under way wakes us when it ends
  const auto next = journal_.next_report(target);
  if (!next) return;
  const auto pause = std::chrono::ceil<milliseconds>(std::chrono::microseconds(*next - now));
  // No row waits longer but one that is to: else the wall clock was set back since.
  if (pause <= most_wish || sink_->is_patient())
    alarm_.set(clock_.steady() + std::clamp(pause, least_pause, most_pause));
  else
    for (auto& row : journal_.due_reports(target, *next, wanted)) ready_.push_back(std::move(row));
}

void Relay::launch(Report report) {
  busy_.insert(report.id);
  ++sending_;
  const auto flight = flights_.emplace(flights_.end());
  const auto slot = flight->signal.slot();
  asio::co_spawn(loop_, deliver(std::move(report), flight),
                 asio::bind_cancellation_slot(
                     slot, [self = shared_from_this(), flight](std::exception_ptr error) {
                       self->flights_.erase(flight);
                       // Closing cancels what is under way, and that may throw.
                       if (error && !self->closed_)
                         spawn(self->loop_, rethrow(error), "the outbox");
                       self->at_rest_();
                     }));
}

Task<void> Relay::deliver(Report report, std::list<Flight>::iterator flight) {
  SinkAnswer answer = SinkAnswer::retry(state_.reason);
  if (state_.kind != Kind::down || !too_old(report))  // else not even tried: see `postpone`
    answer = co_await sink_->send(report);
  flight->sending = false;
  --sending_;
  if (closed_) co_return;  // on record it is unsent; it goes again after the next start

  ++recording_;
  switch (answer.kind) {
    case SinkAnswer::Kind::sent:
    case SinkAnswer::Kind::dropped:
    case SinkAnswer::Kind::later:
      co_await answered(report, answer);
      break;
    case SinkAnswer::Kind::retry:
      co_await postpone(report, answer);
      break;
    case SinkAnswer::Kind::paused:
      ++state_.failed;
      refused_pause_ = answer.after > milliseconds{0} ? answer.after : most_pause;
      change(Kind::paused, answer.reason);
      probe_at_ = clock_.steady() + refused_pause_;
      break;  // the row stays due
  }
  --recording_;
  busy_.erase(report.id);
  wake();
}

/// The target is up: it took the report, or wants it later, or will say the same tomorrow.
Task<void> Relay::answered(const Report& report, const SinkAnswer& answer) {
  const bool back = absence() >= real_absence;
  change(Kind::up, "");
  std::erase_if(held_, [&](const Report& one) { return one.id == report.id; });
  if (!back) held_.clear();  // their pauses are short, or their own fault
  if (answer.kind == SinkAnswer::Kind::sent) {
    ++state_.sent;
    failpoint("O.sent");
    const Write write = [this, &report] { return journal_.report_sent(report); };
    co_await record(write);
    failpoint("O.after");
  } else if (answer.kind == SinkAnswer::Kind::later) {
    co_await put_off(report, answer);
  } else {
    const auto level = answer.is_said ? log::Level::debug : log::Level::warning;
    log::write(level, "rbit", name() + ": " + sink_->row(report) + " is dropped: " + answer.reason,
               facts_of(report), BOOST_CURRENT_LOCATION);
    co_await drop(report, answer.reason);
  }
  if (back) co_await release();
}

Task<void> Relay::drop(const Report& report, const std::string& reason) {
  ++state_.dropped;
  const Write write = [this, &report, &reason] { return journal_.report_dropped(report, reason); };
  co_await record(write);
}

Task<void> Relay::postpone(const Report& report, const SinkAnswer& answer) {
  ++state_.failed;
  change(Kind::down, answer.reason);
  if (too_old(report)) {
    co_await give_up(report, answer);
    co_return;
  }
  if (!said_ && (report.tries + 1) % stubborn == 0)
    log::warning(name() + ": " + sink_->row(report) + " was not taken in " +
                     std::to_string(report.tries + 1) + " tries: " + answer.reason +
                     " (tried again" + (sink_->is_patient() ? ")" : " for 7 days)"),
                 facts_of(report));
  const auto wish = std::min(answer.after, most_wish);
  const auto row_pause = std::max(wish, pause_of(report));
  probe_at_ = clock_.steady() + std::max(wish, jittered(ceiling(absence())));
  if (held_.size() < most_held) held_.push_back(report);
  co_await wait_for(report, row_pause);
}

/// It is the row's own affair that it waits.
Task<void> Relay::put_off(const Report& report, const SinkAnswer& answer) {
  ++state_.failed;
  if (too_old(report))
    co_await give_up(report, answer);
  else
    co_await wait_for(report, pause_of(report));
}

Task<void> Relay::give_up(const Report& report, const SinkAnswer& answer) {
  log::error(name() + ": " + sink_->row(report) + " is given up after 7 days: " + answer.reason,
             facts_of(report));
  const std::string reason = "not taken for 7 days: " + answer.reason;
  co_await drop(report, reason);
}

Task<void> Relay::wait_for(const Report& report, milliseconds pause) {
  const auto next = to_micros(clock_.wall() + pause);
  const Write write = [this, &report, next] { return journal_.report_postponed(report, next); };
  co_await record(write);
}

/// Doubled with each try: a second at first, five minutes once it is an hour old.
milliseconds Relay::pause_of(const Report& report) {
  const auto age =
      std::chrono::duration_cast<milliseconds>(clock_.wall() - from_micros(report.time));
  const auto doubled = least_pause * (1 << std::clamp(report.tries, 0, 9));
  return jittered(std::min(doubled, ceiling(age)));
}

/// Everything that failed in this absence is due now.
Task<void> Relay::release() {
  const auto held = std::exchange(held_, {});
  const auto now = to_micros(clock_.wall());
  for (const Report& report : held) {
    const Write write = [this, &report, now] { return journal_.report_postponed(report, now); };
    co_await record(write);
  }
}

/// Until the journal has taken it: forgotten, the report would go out twice.
Task<void> Relay::record(const Write& write) {
  Backoff pauses(least_pause, most_pause);
  for (;;) {
    const auto done = co_await write();
    if (done) sick_said_ = false;
    if (done || closed_) co_return;
    if (!std::exchange(sick_said_, true))
      log::error(name() + " wait, their answers cannot be put on record: " + done.error().text());
    Alarm again(loop_, clock_, [this] { closing_.notify(); });
    again.set(clock_.steady() + pauses.next_step());
    co_await closing_.wait();
    if (closed_) co_return;
  }
}

void Relay::change(Kind kind, const std::string& reason) {
  if (kind == Kind::up) {
    if (said_) {
      log::info(name() + " arrive again, after " + in_seconds(absence()));
    }
    if (state_.kind != Kind::up) state_.since = to_micros(clock_.wall());
    failures_ = 0;
    said_ = false;
    state_.kind = kind;
    state_.reason.clear();
    return;
  }
  ++failures_;
  if (state_.kind == Kind::up) left_ = clock_.steady();
  if (state_.kind != kind) {
    state_.since = to_micros(clock_.wall());
    said_ = false;
    ready_.clear();  // due rows all the same; read again, one at a time
    fresh_ = true;
  }
  state_.kind = kind;
  state_.reason = reason;
  if (said_) return;
  if (kind == Kind::paused) {
    log::error(name() + " are refused and wait: " + reason + " (tried again every " +
               in_seconds(refused_pause_) + ")");
    said_ = true;
  } else if (failures_ > 1) {  // once is an accident, and the row's affair
    log::warning(name() + " wait: " + reason + " (tried again by itself)");
    said_ = true;
  } else {
    log::debug(name() + ": " + reason);
  }
}

bool Relay::too_old(const Report& report) const {
  return !sink_->is_patient() && clock_.wall() - from_micros(report.time) >= keep;
}

milliseconds Relay::absence() const {
  if (state_.kind == Kind::up) return milliseconds{0};
  return std::chrono::duration_cast<milliseconds>(clock_.steady() - left_);
}

/// Full jitter, but never nothing: a tenth of the limit at least.
milliseconds Relay::jittered(milliseconds limit) {
  return milliseconds(
      std::uniform_int_distribution<milliseconds::rep>(limit.count() / 10, limit.count())(random_));
}

void Relay::hurry() {
  if (state_.kind == Kind::down && !closed_) {
    ++recording_;
    const auto last_try = [](std::shared_ptr<Relay> self) -> Task<void> {
      co_await self->release();
      self->probe_at_ = self->clock_.steady();
      --self->recording_;
      self->wake();
      self->at_rest_();
    };
    spawn(loop_, last_try(shared_from_this()), "the outbox");
  }
  wake();
}

bool Relay::resting() const {
  if (posted_ || recording_ > 0 || !flights_.empty()) return false;
  if (closed_ || (state_.kind != Kind::up && clock_.steady() < probe_at_)) return true;
  return ready_.empty() && !fresh_;
}

void Relay::close() {
  closed_ = true;
  alarm_.cancel();
  ready_.clear();
  held_.clear();
  closing_.notify();
  for (auto flight = flights_.begin(); flight != flights_.end();) {
    auto& one = *flight++;
    if (one.sending) one.signal.emit(asio::cancellation_type::terminal);
  }
}

void Relay::detach() {
  at_rest_ = [] {};
  close();
}

TargetState Relay::state() const {
  TargetState state = state_;
  state.target = target();
  const auto oldest =
      journal_.due_reports(state.target, std::numeric_limits<std::int64_t>::max(), 1);
  if (!oldest.empty()) state.oldest = oldest.front().time;
  for (const Report& report : held_)  // postponed: the journal may give those that are due first
    state.oldest = std::min(report.time, state.oldest.value_or(report.time));
  return state;
}

}  // namespace rbit
