#include "rbit/dispatch/job_flow.h"

#include <utility>

#include "rbit/base/failpoint.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
#include "rbit/core/returns.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {
constexpr milliseconds unread_pause{1'000};  // of a journal that cannot be read
}

Task<void> JobFlow::run(const Binding& binding, Delivery delivery, Slot slot,
                        SlotQueue::Coming coming) {
  Arriving message{&binding, std::move(delivery), std::move(slot), std::move(coming),
                   context_.clock.steady()};
  context_.observer.received(message.delivery.message());
  failpoint("R");
  const Arrival arrival = co_await admit(message);
  if (arrival != Arrival::begin) {
    co_await turn_away(std::move(message), arrival);
    co_return;
  }
  const Ledger::Claim claim = context_.ledger.run(accept(message));
  RunningJob& running = claim.job();
  running.received = message.received;
  running.seen_before = message.redelivered || message.identity.known.has_value();
  running.deliveries.push_back(std::move(message.delivery));
  const bool begun = co_await carry_out(*message.binding, running, std::move(message.slot));
  if (!begun && !message.is_suspect) context_.ledger.note_unread(message.identity.mark());
}

/// Does a job from J1 to A (rbit/doc/order.rst, steps). Returns false if the journal could not take
/// it, and then nothing has happened.
Task<bool> JobFlow::carry_out(const Binding& binding, RunningJob& running, Slot slot) {
  running.begun = context_.clock.steady();
  running.policy = binding.policy;
  const BeforeBuild::Verdict before = co_await before_.look(binding, running, slot);
  if (before != BeforeBuild::Verdict::begin) co_return before == BeforeBuild::Verdict::over;
  const Result<std::string> record = context_.outside.make_record(running.job);
  if (!record) context_.journal_watch.failed(record.error());
  if (!record) co_return false;
  const bool begun = co_await recorder_.begin(running, *record);  // J1
  if (!begun) context_.outside.remove_record(*record);
  if (!begun) co_return false;
  say_start(running.job);
  running.ack_after = binding.ack_after;  // not before: a claim is of what is on record
  early_ack_.watch(running);              // A', when its time comes
  running.record_dir = *record;
  running.under_way = true;
  Outcome outcome = co_await attempts_.run(binding, running, *record, slot);  // X to V
  if (context_.keeping.is_preparing()) co_await context_.keeping.decision();
  if (Keeper* const keeper = context_.keeping.keeper()) {  // the rest is our successor's
    keeper->ended(running.job, outcome, *record);
    co_return true;
  }
  running.under_way = false;
  note_time(binding, outcome);
  std::function<void()> remove = [this, &record] { context_.outside.remove_record(*record); };
  co_await conclude(binding, running, std::move(outcome), std::move(slot), std::move(remove));
  co_return true;
}

/// From the verdict to A.
Task<void> JobFlow::conclude(const Binding& binding, RunningJob& running, Outcome outcome,
                             Slot slot, std::function<void()> discard_record) {
  const Settlement settlement = co_await decide(binding, running, outcome);
  running.has_verdict = true;
  slot.reset();  // the next job need not wait for our disk
  while (running.claiming) co_await running.claimed.wait();
  const auto finished =
      co_await recorder_.finish(running.job, running.record_dir, outcome, settlement);  // J3
  // Else nothing may be answered; the next life finds the leader's record.
  if (!finished.on_record) co_return;
  discard_record();
  context_.observer.finished(running.job, outcome, finished.told);
  co_await settling_.settle_all(running, settlement);  // A: acknowledged last
}

Task<bool> JobFlow::follow(const Binding& binding, Job job, Slot slot, KeptAttempt& kept) {
  const Ledger::Claim claim = context_.ledger.run(std::move(job));
  RunningJob& running = claim.job();
  running.received = running.begun = context_.clock.steady();
  running.seen_before = running.under_way = true;
  running.record_dir = kept.record_dir();
  running.keeper = kept.keeper();
  running.ack_after = binding.ack_after;
  running.stop.listen([&kept](StopKind kind) { kept.stop(kind); });
  if (cancels_.is_wanted(running)) running.stop.request(StopKind::cancel);
  for (;;) {
    const KeptNews news = co_await kept.next();
    if (std::holds_alternative<KeptElsewhere>(news)) co_return true;
    if (std::holds_alternative<KeptEnd>(news)) break;
    heed(running, news);
  }
  running.stop.listen(nullptr);
  if (context_.keeping.keeper() != nullptr) co_return true;  // it ended as we handed over
  running.under_way = false;
  std::optional<Outcome> outcome = co_await kept.outcome();
  if (!outcome) co_return false;
  outcome->message = secrets::redacted(outcome->message);
  co_await recorder_.statuses_written(running);
  const bool adopted = co_await adopt_message(running);
  if (!adopted) co_return true;
  std::function<void()> discard = [&kept] { kept.discard_record(); };
  co_await conclude(binding, running, std::move(*outcome), std::move(slot), std::move(discard));
  co_return true;
}

/// Of a job that is ours: what its verdict wants is made of the journal's message. Returns false if
/// that cannot be read, and rbit stops: the next life finds it all as it is.
Task<bool> JobFlow::adopt_message(RunningJob& running) {
  while (running.job.owned && running.deliveries.empty()) {
    auto read = context_.journal.owned_job(running.job.key);
    if (read && !*read) co_return true;
    if (read) running.deliveries.push_back(context_.transport.adopt(std::move((*read)->message)));
    if (!read && context_.patience.has_ended()) co_return false;
    if (!read) co_await context_.patience.pause(unread_pause);
  }
  co_return true;
}

void JobFlow::heed(RunningJob& running, const KeptNews& news) {
  if (const auto* progress = std::get_if<Progress>(&news))
    context_.observer.progress(running.job, *progress);
  else if (const auto* change = std::get_if<MetricChange>(&news))
    context_.observer.metric(running.job, *change);
  else if (const auto* said = std::get_if<KeptStatus>(&news))
    recorder_.note_status(running, said->status, said->message);
}

/// What it is. The line about its status stays as scripts know it, which says that of no job.
void JobFlow::say_start(const Job& job) {
  log::info("Job " + job.name() + " starts: " + what_is_asked(job) + ", queue " + job.queue +
                ", runner " + job.runner + ", attempt " + std::to_string(job.attempt) + ", key " +
                text::one_line(job.key, 200),
            rbit::facts_of(job));
}

/// How long jobs of its runner take lately; one that never ran has taken no time.
void JobFlow::note_time(const Binding& binding, const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::not_started || outcome.kind == Outcome::Kind::interrupted)
    return;
  context_.ahead.note_job(binding.runner_name, std::chrono::microseconds(outcome.wall_micros));
}

/// No job is burnt for a runner that is broken: its message goes back, and that costs no attempt.
Task<Settlement> JobFlow::decide(const Binding& binding, RunningJob& running, Outcome& outcome) {
  bool broken = false;
  if (outcome.kind == Outcome::Kind::not_started)
    broken = co_await readiness_.is_broken(binding.runner_name, binding.runner);
  cancels_.heed(running.job, running.stop.cancelled(), outcome);
  if (broken && outcome.kind == Outcome::Kind::not_started)
    co_return Settlement::requeue(running.job.attempt);
  co_return binding.retry.decide(outcome, running.job);
}

/// Finds out what the message means here; no slot is held while it waits for that.
Task<Arrival> JobFlow::admit(Arriving& message) {
  std::optional<Ledger::ReadingTurn> turn;
  message.identity = name_of(message);
  for (;;) {
    const Arrival arrival = arrival_of(facts_of(message));
    if (arrival == Arrival::wait) {
      message.slot.reset();
      co_await context_.ledger.changed().wait();
      if (context_.patience.has_ended()) co_return Arrival::go_back;
      co_await find_slot(message);
      message.identity = name_of(message);
    } else if (arrival == Arrival::count) {
      Ledger::ReadingTurn its = co_await context_.ledger.reading_turn();
      turn.emplace(std::move(its));
      const Arrival counted = co_await count(message);
      if (counted != Arrival::read) co_return counted;
    } else if (arrival == Arrival::read) {
      read(message);
      turn.reset();
      if (message.read == ArrivalFacts::Read::well && !message.slot) co_await find_slot(message);
    } else {
      co_return arrival;
    }
  }
}

/// Of a queue with a route, one message waits here for a slot of its runner, for others of the
/// queue may be another's. One that nobody has read yet is nobody's.
Task<void> JobFlow::find_slot(Arriving& message) {
  const Binding& binding = *message.binding;
  if (binding.is_routed()) co_return;
  if (!message.is_routed) {
    message.slot = context_.slots.try_take(binding.runner_name);
    co_return;
  }
  if (!context_.patience.has_ended())
    message.slot = co_await context_.slot_queue.wait(binding.runner_name, message.delivery,
                                                     std::move(message.coming));
  message.coming.reset();
}

/// Which job it is of. Equal build requests without an id are one job, as PyBit sends them; what
/// else has none may be the same trigger once more.
Identity JobFlow::name_of(Arriving& message) const {
  const bool is_build = message.binding->kind == MessageKind::pybit;
  return identify(message.delivery, context_.ledger, context_.journal,
                  is_build ? Equals::one_job : Equals::many_jobs);
}

ArrivalFacts JobFlow::facts_of(Arriving& message) {
  const Message& raw = message.delivery.message();
  const Identity& identity = message.identity;
  ArrivalFacts facts;
  facts.place = context_.ledger.place_of(identity.key);
  if (const RunningJob* same = context_.ledger.running(identity.key)) {
    facts.has_verdict = same->has_verdict;
    facts.is_its_copy = attempt_of(raw).value_or(0) >= same->job.attempt;
  }
  if (facts.place != Ledger::Place::nowhere) return facts;
  if (!message.past) {
    const bool unread = context_.ledger.take_unread(identity.mark());
    message.redelivered = raw.redelivered && !unread;
    message.is_suspect = message.redelivered && !identity.known;  // one that is known was read
    message.past =
        recall(raw, identity.known, message.redelivered, message.binding->retry.attempts());
  }
  facts.is_answered = message.past->answer.has_value();
  facts.is_suspect = message.is_suspect;
  facts.read = message.read;
  facts.has_slot = message.slot != nullptr;
  facts.may_wait = message.binding->is_routed();
  facts.may_be_dropped = message.binding->can_own && returns_of(raw) >= most_returns;
  return facts;
}

/// Counts a message that came before and of which nothing is known, before anything looks into it:
/// reading it may be what rbit died of. Only deaths that are on record count. That a message came
/// back, and how often (x-delivery-count), may be the doing of an orderly stop, here or elsewhere.
Task<Arrival> JobFlow::count(Arriving& message) {
  const std::string& key = message.identity.key;
  const std::string mark = message.identity.mark();
  const Result<int> deaths = co_await context_.journal.came_again(mark);
  if (!deaths) {  // as when J1 fails
    context_.journal_watch.failed(deaths.error());
    co_return Arrival::go_back;
  }
  if (*deaths >= RetryPolicy::poison_crashes) {  // stays counted, should the dead letter be lost
    message.wrong = Error{"poison", "rbit died " + std::to_string(*deaths) +
                                        " times within 72 hours while it read this message"};
    co_return Arrival::refuse;
  }
  // Another delivery of it may have begun meanwhile: this one goes back, and then joins that. So
  // does what has not begun when rbit is told to stop.
  const bool overtaken = context_.ledger.place_of(key) != Ledger::Place::nowhere ||
                         context_.journal.find(key).has_value();
  if (overtaken || context_.patience.has_ended() || message.delivery.is_void()) {
    context_.journal.was_read(mark);
    co_return Arrival::go_back;
  }
  message.read = ArrivalFacts::Read::counted;
  co_return Arrival::read;
}

void JobFlow::read(Arriving& message) {
  Result<BuildRequest> request = read_routed(message);
  if (message.is_suspect) context_.journal.was_read(message.identity.mark());  // shares J1's commit
  if (request)
    message.request = std::move(*request);
  else
    message.wrong = request.error();
  message.read = request ? ArrivalFacts::Read::well : ArrivalFacts::Read::in_vain;
}

/// Of a queue with a route, which runner's it is comes first.
Result<BuildRequest> JobFlow::read_routed(Arriving& message) const {
  const Message& raw = message.delivery.message();
  if (message.binding->is_routed()) {
    const auto runner = context_.outside.route(*message.binding->route, raw);
    if (!runner) return runner.error();
    message.binding = message.binding->by_runner.at(*runner).get();
    message.is_routed = true;
  }
  return context_.outside.read(*message.binding, raw);
}

/// It does not begin. No slot is held while it is answered.
Task<void> JobFlow::turn_away(Arriving message, Arrival arrival) {
  if (arrival != Arrival::join) message.slot.reset();
  switch (arrival) {
    case Arrival::join:
      co_await join(*context_.ledger.running(message.identity.key), std::move(message.delivery),
                    std::move(message.slot));
      break;
    case Arrival::acknowledge:
      co_await settling_.acknowledge(std::move(message.delivery));
      break;
    case Arrival::answer_again:
      co_await settling_.answer_again(std::move(message.delivery), *message.past->answer);
      break;
    case Arrival::refuse:
      co_await settling_.refuse(*message.binding, std::move(message.delivery), message.wrong,
                                message.past->attempt);
      break;
    case Arrival::keep_waiting:
      co_await keep_waiting(std::move(message));
      break;
    default:  // it goes back, dropped
      if (!message.is_suspect) context_.ledger.note_unread(message.identity.mark());
  }
}

/// A slot that is free brings the next message at once, which may ask whether this job has its own.
Task<void> JobFlow::join(RunningJob& running, Delivery delivery, Slot slot) {
  log::info("message " + text::one_line(running.job.key, 80) + " of " + delivery.message().queue +
                " joins the job that runs",
            rbit::facts_of(running.job));
  context_.observer.joined(delivery.message());
  const std::string key = running.job.key;  // the job may end while we wait
  if (running.job.owned) {
    slot.reset();
    co_await settling_.acknowledge(std::move(delivery));
  } else {
    std::erase_if(running.deliveries, [](const Delivery& held) { return held.is_void(); });
    running.deliveries.push_back(std::move(delivery));
    early_ack_.watch(running);
    slot.reset();
  }
  const Result<void> noted = co_await context_.journal.joined(key);
  if (!noted)
    log::debug("a delivery was not recorded: " + noted.error().text(),
               {{"job", key}, {"key", key}});
}

/// It has no slot, and would go back once too often: it is ours from now on, and waits here.
Task<void> JobFlow::keep_waiting(Arriving message) {
  const Message& raw = message.delivery.message();
  Job job = accept(message);
  job.owned = true;
  const Ledger::Claim claim = context_.ledger.settle(job.key);
  const Result<void> written = co_await context_.journal.keep_waiting(job, raw);
  if (!written) {
    context_.journal_watch.failed(written.error());
    co_return;
  }
  log::info("job " + job.name() + " of queue " + job.queue + " came back " +
                std::to_string(returns_of(raw)) +
                " times: it is on record as ours and waits here for a slot",
            rbit::facts_of(job));
  context_.ledger.backlog().add(job.key, job.queue, job.runner, context_.clock.steady());
  co_await settling_.acknowledge(std::move(message.delivery));
}

Job JobFlow::accept(Arriving& message) const {
  const Message& raw = message.delivery.message();
  Job job;
  job.key = message.identity.key;
  job.queue = message.binding->queue;
  job.runner = message.binding->runner_name;
  job.attempt = message.past->attempt;
  job.crashes = message.past->crashes;
  job.redelivered = raw.redelivered;
  job.may_be_owned = message.binding->can_own;
  job.timestamp = to_seconds(context_.clock.wall());
  job.kind = message.binding->kind;
  job.request = std::move(message.request);
  job.digest = message.identity.digest;
  job.head = raw;
  job.body = raw.body;
  return job;
}

Task<bool> JobFlow::resume(const Binding& binding, const OwnedJob& owned, Delivery delivery,
                           Slot slot) {
  Job job = owned.job;
  if (owned.is_unread) {
    job.kind = binding.kind;
    if (auto request = context_.outside.read(binding, owned.message))
      job.request = std::move(*request);
  }
  if (owned.state == JobRecord::State::running) {  // its attempt ended with an earlier life
    ++job.attempt;
    ++job.crashes;
  } else if (owned.state == JobRecord::State::blocked) {  // it waited here for its time
    job.attempt = owned.settlement.next_attempt;
  }
  job.timestamp = to_seconds(context_.clock.wall());
  const Ledger::Claim claim = context_.ledger.run(std::move(job));
  RunningJob& running = claim.job();
  running.received = context_.clock.steady();
  running.seen_before = true;
  running.deliveries.push_back(std::move(delivery));
  const bool begun = co_await carry_out(binding, running, std::move(slot));
  co_return begun;
}

Task<bool> JobFlow::finish_earlier(const Binding& binding, Job job, Outcome outcome,
                                   std::string record_dir) {
  outcome.message = secrets::redacted(outcome.message);
  cancels_.heed(job, false, outcome);
  const Settlement settlement = binding.retry.decide(outcome, job);
  const auto finished = co_await recorder_.finish(job, record_dir, outcome, settlement);
  if (!finished.on_record) co_return false;
  context_.observer.finished(job, outcome, finished.told);
  co_return true;
}

}  // namespace rbit
