#include "rbit/dispatch/settling.h"

#include <utility>

#include "rbit/base/failpoint.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// As the journal keeps a message that is no job: it has no attempts, and one text of what is
/// wrong.
Settlement as_dead_letter(const Settlement& settlement) {
  const bool was_retry = settlement.kind == Settlement::Kind::retry;
  const std::string reason =
      settlement.detail.empty() ? settlement.reason : settlement.reason + ": " + settlement.detail;
  return Settlement::dead_letter(text::one_line(reason, 190),
                                 settlement.next_attempt - (was_retry ? 1 : 0));
}

}  // namespace

Task<void> Settling::settle_all(RunningJob& running, Settlement settlement) {
  const std::string key = running.job.key;
  bool reached = running.deliveries.empty();
  for (;;) {
    while (!running.deliveries.empty()) {  // others may join meanwhile
      Delivery delivery = std::move(running.deliveries.back());
      running.deliveries.pop_back();
      const bool settled = co_await settle(key, delivery, settlement);
      reached = settled || reached;  // a void one comes again and joins, or is answered again
    }
    // A message that went back is the broker's again: it comes again, here or elsewhere.
    const bool is_requeued = settlement.kind == Settlement::Kind::requeue;
    if (!reached || (is_requeued && !running.job.owned)) co_return;
    // The copy of one message may have been refused before another one's was taken: that comes, and
    // so nothing of this key need wait here.
    context_.ledger.backlog().remove(key);
    co_await note_settled(key);
    failpoint("A.noted");
    if (running.deliveries.empty()) co_return;
    if (!is_requeued) settlement = Settlement::accept();  // as `recall`: there is a copy already
  }
}

/// Until it is on record; unnoted, the job would stay in the journal as one that waits for this.
Task<void> Settling::note_settled(std::string key) {
  Backoff backoff = Patience::pauses();
  for (bool said = false;; said = true) {
    const Result<void> written = co_await context_.journal.settled(key);
    if (written) co_return;
    if (!said || context_.patience.has_ended())
      log::warning("a settlement is not on record yet: " + written.error().text(),
                   {{"job", key}, {"key", key}});
    if (context_.patience.has_ended()) co_return;
    co_await context_.patience.pause(backoff.next());
  }
}

Task<bool> Settling::settle(const std::string& key, Delivery& delivery,
                            const Settlement& settlement) {
  Backoff backoff = Patience::pauses();
  const std::string queue = delivery.message().queue;
  bool settled = false, counted = false;
  while (!settled && !delivery.is_void()) {
    failpoint("A.before");
    const Result<void> done = co_await delivery.settle(settlement);
    failpoint("A.after");
    settled = done.has_value();
    if (!settled && delivery.refusal() != CopyRefusal::none) {
      const bool is_ours = co_await own(key, delivery, settlement, done.error());
      if (is_ours) break;
    }
    if (settled || delivery.is_void() || context_.patience.has_ended()) break;
    if (!std::exchange(counted, true)) note_stuck(queue, settlement, done.error());
    co_await context_.patience.pause(backoff.next());
  }
  const bool copied = settlement.kind == Settlement::Kind::retry ||
                      settlement.kind == Settlement::Kind::dead_letter;
  if (settled && copied && refusing_.erase(queue) > 0)
    log::info("queue " + queue + ": its copies are taken again");
  if (counted) note_unstuck(queue);
  co_return settled;
}

void Settling::note_stuck(const std::string& queue, const Settlement& settlement,
                          const Error& why) {
  if (++stuck_[queue] > 1) return;  // said once a state
  log::error("queue " + queue + ": could not " + std::string(to_string(settlement.kind)) +
             " a message: " + why.text() +
             "; it is kept and tried again, and nothing more is taken from there");
  ++changes_;
  context_.changed();
}

void Settling::note_unstuck(const std::string& queue) {
  if (--stuck_[queue] > 0) return;
  stuck_.erase(queue);
  log::info("queue " + queue + ": messages are settled again");
  ++changes_;
  context_.changed();
}

/// A copy that the broker refuses (403, 404, a full queue) may be refused for long: the journal
/// stands for the message instead. A retry waits there for its time, a dead letter for somebody who
/// takes it. Returns false if it is not on record, so nothing is acknowledged.
Task<bool> Settling::own(const std::string& key, Delivery& delivery, const Settlement& settlement,
                         const Error& why) {
  const auto known = context_.journal.find(key);
  const bool is_job = known && !known->settled && known->settlement.kind == settlement.kind;
  const Settlement kept = is_job ? settlement : as_dead_letter(settlement);
  Result<void> written;
  if (is_job)
    written = co_await context_.journal.own(key, delivery.message());
  else
    written = co_await context_.journal.keep_dead(delivery.message(), kept);
  if (!written) {
    context_.journal_watch.failed(written.error());
    co_return false;
  }
  const std::string& queue = delivery.message().queue;
  if (refusing_.insert(queue).second)
    log::error("queue " + queue + ": " +
               (kept.kind == Settlement::Kind::retry
                    ? "jobs to be tried again wait here, not at the broker: "
                    : "dead letters stay here until the broker takes them: ") +
               why.text());
  const Result<void> told = co_await delivery.acknowledge();
  if (!told)
    log::debug("an acknowledgement may be lost: " + told.error().text(), facts_of(delivery));
  // A letter whose key is taken has got another one; what bears the key is not what is kept.
  JobRecord ours;
  ours.queue = queue;
  ours.settlement = kept;
  if (const auto record = is_job ? context_.journal.find(key) : std::nullopt) ours = *record;
  owned_(ours);
  co_return true;
}

Task<void> Settling::acknowledge(Delivery delivery) {
  const Result<void> done = co_await delivery.acknowledge();
  if (!done)
    log::debug("an acknowledgement may be lost: " + done.error().text(), facts_of(delivery));
}

Task<void> Settling::answer_again(Delivery delivery, Settlement settlement) {
  const std::string key = delivery.key();
  const auto known = context_.journal.find(key);
  log::info("message " + text::one_line(key, 80) + " of " + delivery.message().queue +
                " came again; its answer is known: " + std::string(to_string(settlement.kind)),
            known ? facts_of(*known) : facts_of(delivery));
  // One that comes for the first time is a copy that was overtaken: nobody missed its answer.
  const bool tell = delivery.message().redelivered;
  const Ledger::Claim claim = context_.ledger.settle(key);
  const bool settled = co_await settle(key, delivery, settlement);
  if (!settled) co_return;
  co_await note_settled(key);
  const Result<void> reported = co_await context_.journal.report_again(key, tell);
  if (!reported)
    log::warning("an answer is not reported again: " + reported.error().text(),
                 {{"job", key}, {"key", key}});
  if (const auto record = context_.journal.find(key)) {
    Report again;
    again.job_key = key;
    again.status = record->last_status;
    context_.observer.status(again);
  }
}

/// A retry that comes to nothing is a dead letter at last.
Settlement Settling::settlement_of(const Binding& binding, const Error& why, int attempt) {
  const std::string reason = text::one_line(why.text(), 190);
  Settlement settlement = Settlement::dead_letter(reason, attempt);
  if (why.thing == "invalid" && binding.on_invalid == OnInvalid::drop)
    settlement = Settlement::accept();
  if (why.thing == "invalid" && binding.on_invalid == OnInvalid::retry)
    settlement = binding.retry.again_or_dead(attempt, reason);
  settlement.detail = text::one_line(why.detail, 190);
  return settlement;
}

Task<void> Settling::refuse(const Binding& binding, Delivery delivery, Error why, int attempt) {
  const Message& message = delivery.message();
  const Settlement settlement = settlement_of(binding, why, attempt);
  const bool comes_again = settlement.kind == Settlement::Kind::retry;
  if (!comes_again) context_.observer.refused(message, why);
  const std::string becomes =
      comes_again ? "is tried again in " + std::to_string(settlement.delay.count()) + " ms"
      : settlement.kind == Settlement::Kind::accept ? "is dropped (on-invalid = drop)"
                                                    : "becomes a dead letter";
  log::warning("queue " + message.queue + ": a message of " +
                   std::to_string(message.oversized ? message.size : message.body.size()) +
                   " bytes is no job and " + becomes + ": " + why.text() +
                   (why.detail.empty() ? "" : "; " + why.detail),
               facts_of(delivery));
  const std::string key = delivery.key();
  co_await settle(key, delivery, settlement);
}

}  // namespace rbit
