#include "rbit/dispatch/missed_copies.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr milliseconds period{5'000};
/// While no copy is awaited, so that none is overlooked of which nobody said that it was made.
constexpr std::chrono::minutes slow_period{10};
/// A copy is on record once the broker has confirmed it: soon after its job was told to be blocked.
constexpr std::chrono::minutes soon{1};
/// How long a copy may be on its way from its delay queue to us: as long as its delay, within
/// these.
constexpr milliseconds least_grace{5'000}, most_grace{60'000};
/// Whoever reads the queue too is busy at times, and then no consumer of his is seen.
constexpr std::chrono::hours others_remembered{24};
constexpr int looks_to_be_strange = 2;  // our own consumer comes and goes: one look may be wrong

constexpr const char* cure =
    "submit it again; `rbit check --live --management PORT` names what may drop messages there";

}  // namespace

Task<void> MissedCopies::watch() {
  expected_.emplace(co_await asio::this_coro::executor);
  for (std::chrono::milliseconds pause = period;;) {
    is_slow_ = pause > period;
    co_await expected_->wait_for(pause);
    if (ended_) co_return;
    is_slow_ = false;
    co_await look();
    const bool often = is_awaiting_ || clock_.steady() < expected_until_;
    pause = often ? period : std::chrono::milliseconds(slow_period);
  }
}

void MissedCopies::status(const Report& report) {
  if (report.status != Status::blocked) return;
  expected_until_ = clock_.steady() + soon;
  if (is_slow_) expected_->notify();
}

/// Also when no copy is awaited yet: the next one may be due before we look again.
Task<void> MissedCopies::look_for_others() {
  const std::optional<QueueCount> present = co_await links_.ask(links_.presence_queue);
  is_awaiting_ = !present;  // who else is there is to be known before a copy is made
  const bool alone = present && present->consumers == 1;
  if (!alone)
    alone_since_ = 0;
  else if (alone_since_ == 0)
    alone_since_ = to_micros(clock_.wall());
}

Task<void> MissedCopies::look() {
  co_await look_for_others();
  std::map<std::string, std::vector<AwaitedCopy>> by_queue;
  std::set<std::string> awaited;  // keys
  for (AwaitedCopy& copy : journal_.awaited_copies()) {
    awaited.insert(copy.key);
    std::vector<AwaitedCopy>& copies = by_queue[copy.queue];
    copies.push_back(std::move(copy));
  }
  is_awaiting_ = is_awaiting_ || !awaited.empty();
  awaited_.clear();
  for (const auto& [queue, copies] : by_queue)
    awaited_[queue] = static_cast<std::int64_t>(copies.size());
  std::erase_if(watched_, [&](const auto& one) {
    const auto& until = one.second.others_until;
    return !by_queue.contains(one.first) && !(until && *until > clock_.steady());
  });
  const auto is_over = [&](const std::string& key) { return !awaited.contains(key); };
  std::erase_if(suspected_, is_over);
  std::erase_if(said_, is_over);
  for (const auto& [queue, copies] : by_queue) co_await look_at(queue, copies);
}

Task<void> MissedCopies::look_at(const std::string& queue, const std::vector<AwaitedCopy>& copies) {
  const std::uint32_t own_before = links_.own_consumers(queue);
  const std::optional<QueueCount> work = co_await links_.ask(queue);
  std::map<std::string, bool> holds;  // what is in it; by the name of the queue
  const bool others = !work || note_consumers(watched_[queue], queue, own_before, work->consumers);
  const std::int64_t now = to_micros(clock_.wall());
  for (const AwaitedCopy& copy : copies) {
    const auto grace = std::chrono::microseconds(std::clamp(copy.delay, least_grace, most_grace));
    const bool is_under_way = now >= copy.due && now < copy.due + grace.count();
    const bool is_new = now < copy.since + std::chrono::microseconds(least_grace).count();
    bool missed = !others && work->messages == 0 && !is_under_way && !is_new;
    if (missed) {
      const std::string delay_queue = links_.delay_queue(copy);
      if (!holds.contains(delay_queue)) {
        const std::optional<QueueCount> waiting = co_await links_.ask(delay_queue);
        holds[delay_queue] = !waiting || waiting->messages > 0;
      }
      missed = !holds[delay_queue];
    }
    if (!missed)
      suspected_.erase(copy.key);
    else if (!suspected_.insert(copy.key).second)  // so it was a while ago
      co_await say(
          copy, watched_[queue].since <= copy.due && alone_since_ != 0 && alone_since_ <= copy.due);
  }
}

/// Returns true if another rbit may have what is not here.
bool MissedCopies::note_consumers(Watched& watched, const std::string& queue, std::uint32_t own,
                                  std::uint32_t found) {
  const SteadyTime now = clock_.steady();
  if (watched.since == 0) watched.since = to_micros(clock_.wall());
  const bool strange = found > std::max(own, links_.own_consumers(queue));
  watched.strange = strange ? watched.strange + 1 : 0;
  if (watched.strange >= looks_to_be_strange) watched.others_until = now + others_remembered;
  return strange || (watched.others_until && *watched.others_until > now);
}

/// `sure`: we have looked since before it was due, and were alone. Else another rbit may have taken
/// it and be gone or busy, and a front-end that heard from it must not hear from us.
Task<void> MissedCopies::say(const AwaitedCopy& copy, bool sure) {
  const std::int64_t late = to_micros(clock_.wall()) - copy.due;
  const auto in_seconds = [](std::int64_t micros) {
    return std::to_string((micros + 999'999) / 1'000'000) + " s";
  };
  Report verdict;
  verdict.job_key = copy.key;
  verdict.job_id = copy.job_id;
  verdict.queue = copy.queue;
  verdict.web_host = copy.web_host;
  verdict.attempt = copy.attempt;
  verdict.status = Status::failed;
  verdict.reason = "lost-by-broker";
  verdict.message =
      "the broker holds no message for attempt " + std::to_string(copy.next_attempt) + ", " +
      (late >= 0 ? "due " + in_seconds(late) + " ago" : "due in " + in_seconds(-late)) + ": " +
      (sure ? "" : "look for it at the other rbits, and if none has it, ") + cure;
  verdict.time = to_micros(clock_.wall());
  const log::Fields facts = {{"job", copy.name()},
                             {"queue", copy.queue},
                             {"attempt", std::to_string(copy.attempt)},
                             {"key", copy.key}};
  if (said_.insert(copy.key).second)
    log::error("job " + copy.name() +
                   (copy.job_id.empty() ? "" : " (" + text::one_line(copy.key, 80) + ")") +
                   " of queue " + copy.queue + ": " +
                   (sure ? "" : "if no other rbit has taken it: ") + verdict.reason + ": " +
                   verdict.message,
               facts);
  if (!sure) co_return;
  const Result<bool> lost = co_await journal_.copy_lost(copy, verdict);
  if (!lost) {
    log::warning("a loss is not on record: " + lost.error().text(), facts);
    co_return;  // again at the next look
  }
  said_.erase(copy.key);
  suspected_.erase(copy.key);
  if (*lost) told_(verdict);
}

}  // namespace rbit
