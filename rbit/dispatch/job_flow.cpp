#include "rbit/dispatch/job_flow.h"

#include <algorithm>
#include <utility>

#include "rbit/base/backoff.h"
#include "rbit/base/failpoint.h"
#include "rbit/base/log.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/core/returns.h"
#include "rbit/dispatch/report_on.h"

namespace rbit {

namespace {

bool must_stay(const Binding& binding, const Message& message) {
  return binding.can_own && returns_of(message) >= most_returns;
}

}  // namespace

/// Pauses between tries of what must succeed in the end: a write of the journal, a settlement.
Backoff JobFlow::patience() {
  return Backoff(std::chrono::milliseconds(200), std::chrono::seconds(10));
}

Task<void> JobFlow::run(const Binding& binding, Delivery delivery) {
  const SteadyTime received = clock_.steady();
  links_.received(delivery.message());
  failpoint("R");
  Identity identity = identify(delivery);
  // Again after each wait: only then it is seen whose the key has become.
  for (; running_.find(identity.key) != nullptr || running_.is_busy(identity.key);
       identity = identify(delivery)) {
    // Promise 2: a redelivery joins the running job. But our own copy for its next attempt, or for
    // this one again, may come before the journal has noted that this one is settled; answered with
    // it, the copy would be lost. It waits for that.
    RunningJob* same = running_.find(identity.key);
    const bool is_copy =
        same == nullptr || attempt_of(delivery.message()).value_or(0) >= same->job.attempt;
    if (same != nullptr && (!is_copy || !same->has_verdict)) {
      co_await join(*same, std::move(delivery));
      co_return;
    }
    co_await running_.changed().wait();
    if (hurried_) co_return;  // dropped, it goes back
  }
  const std::string& key = identity.key;
  const std::optional<JobRecord>& known = identity.known;
  if (backlog_.holds(key)) {  // it is ours already, and will run
    co_await acknowledge(std::move(delivery));
    co_return;
  }
  const bool unread = given_back_.erase(identity.mark()) > 0;
  const bool redelivered = delivery.message().redelivered && !unread;
  const Recall past = recall(delivery.message(), known, redelivered, binding.retry.attempts());
  if (past.answer) {  // answered before, unheard
    co_await answer_again(std::move(delivery), *past.answer);
    co_return;
  }
  const bool suspect = redelivered && !known;  // one that is known was read before
  // Before the first wait, see Dispatcher::deliver.
  std::optional<Slot> early = suspect ? slots_.try_take(binding.runner_name) : std::nullopt;
  if (suspect) {
    // It raced with another: dropping the delivery gives it back.
    if (!early && !must_stay(binding, delivery.message())) co_return;
    while (reading_) co_await read_one_.wait();
    reading_ = true;
    const Result<bool> may = co_await may_read(identity, delivery);
    if (!may || !*may) end_reading();
    if (!may) {
      early.reset();
      co_await refuse(std::move(delivery), may.error());
    }
    if (!may || !*may) co_return;
  }
  Result<BuildRequest> request = links_.read(delivery.message());
  if (suspect) {
    journal_.was_read(identity.mark());  // shares J1's commit
    end_reading();
  }
  if (!request) {
    early.reset();
    co_await refuse(std::move(delivery), request.error());
    co_return;
  }
  std::optional<Slot> slot = suspect ? std::move(early) : slots_.try_take(binding.runner_name);
  if (!slot && must_stay(binding, delivery.message())) {
    co_await keep_waiting(binding, std::move(delivery), std::move(*request), past);
    co_return;
  }
  if (!slot) {  // as above
    give_back(identity);
    co_return;
  }
  RunningJob& running =
      running_.add(accept(binding, delivery.message(), std::move(*request), past));
  running.received = received;
  running.seen_before = redelivered;
  running.deliveries.push_back(std::move(delivery));
  const bool begun = co_await carry_out(binding, running, std::move(slot));
  if (!begun && !suspect) give_back(identity);
  running_.remove(key);
}

void JobFlow::end_reading() {
  reading_ = false;
  read_one_.notify();
}

/// Counts a message that came before and that nothing is known of, before anything looks into it:
/// of what it finds there rbit may have died (RELIABILITY.md 4). Deaths are those that are on
/// record; that it came back may be an orderly stop's doing, here or elsewhere, and so may
/// x-delivery-count, which counts those too (R3). An Error: it is poison. False: it goes back.
Task<Result<bool>> JobFlow::may_read(const Identity& identity, Delivery& delivery) {
  const std::string& key = identity.key;
  const std::string mark = identity.mark();
  const Result<int> deaths = co_await journal_.came_again(mark);
  if (!deaths) {  // as when J1 fails: it goes back
    links_.journal_failed(deaths.error());
    co_return false;
  }
  if (*deaths >= RetryPolicy::poison_crashes) {  // stays counted, should the dead letter be lost
    co_return Error{"poison",
                    "rbit died " + std::to_string(*deaths) +
                        " times within 72 hours while it read this message",
                    ""};
  }
  // Another delivery of it may have begun meanwhile: this one goes back, and then joins that. So
  // does what has not begun when rbit is told to stop.
  const bool overtaken = running_.find(key) != nullptr || running_.is_busy(key) ||
                         backlog_.holds(key) || journal_.find(key).has_value();
  if (overtaken || hurried_ || delivery.is_void()) {
    journal_.was_read(mark);
    co_return false;
  }
  co_return true;
}

/// From J1 to A. False: the journal could not take it, and nothing has happened.
Task<bool> JobFlow::carry_out(const Binding& binding, RunningJob& running,
                              std::optional<Slot> slot) {
  running.begun = clock_.steady();
  const Before before = co_await look_before(binding, running, slot);
  if (before != Before::begin) co_return before == Before::over;
  const Result<std::string> record = links_.make_record(running.job);
  if (!record) {
    links_.journal_failed(record.error());
    co_return false;
  }
  const bool begun = co_await begin(running, *record);  // J1: accepted, on disk; "Building" is too
  if (!begun) {
    links_.remove_record(*record);
    co_return false;
  }
  Message envelope = envelope_of(running.deliveries.front().message());
  running.ack_after = binding.ack_after;  // not before: a claim is of what is on record
  early_ack_.watch(running);              // A', when its time comes
  Outcome outcome =
      co_await attempt_with_patience(binding, running, *record, envelope, slot);  // X to V
  // No job is burnt for a runner that is broken: its message goes back, and that costs no attempt.
  bool broken = false;
  if (outcome.kind == Outcome::Kind::not_started) broken = co_await links_.is_broken(binding);
  heed_cancel(running.job, running.stop.cancelled(), outcome);
  broken = broken && outcome.kind == Outcome::Kind::not_started;
  const Settlement settlement = broken ? Settlement::requeue(running.job.attempt)
                                       : binding.retry.decide(outcome, running.job);
  running.has_verdict = true;
  slot.reset();  // the next job need not wait for our disk
  while (running.claiming) co_await running.claimed.wait();
  // J3: verdict and report, one transaction
  const Finished finished = co_await finish(running.job, *record, outcome, settlement);
  // Else nothing may be answered; the next life finds the leader's record.
  if (!finished.on_record) co_return true;
  links_.remove_record(*record);
  links_.finished(running.job, outcome, finished.told);
  co_await settle_all(running, settlement);  // A: acknowledged last
  co_return true;
}

Task<void> JobFlow::join(RunningJob& running, Delivery delivery) {
  log::info("message " + text::one_line(running.job.key, 80) + " of " + delivery.message().queue +
            " joins the job that runs");
  const std::string key = running.job.key;  // the job may end while we wait
  if (running.job.owned) {
    co_await acknowledge(std::move(delivery));
  } else {
    running.join(std::move(delivery));
    early_ack_.watch(running);
  }
  const Result<void> noted = co_await journal_.joined(key);
  if (!noted) log::debug("a delivery was not recorded: " + noted.error().text());
}

/// Of a job that is on record as ours.
Task<void> JobFlow::acknowledge(Delivery delivery) {
  const Result<void> done = co_await delivery.acknowledge();
  if (!done) log::debug("an acknowledgement may be lost: " + done.error().text());
}

Job JobFlow::accept(const Binding& binding, const Message& message, BuildRequest request,
                    const Recall& past) const {
  Job job;
  job.key = key_of(message);
  job.queue = binding.queue;
  job.runner = binding.runner_name;
  job.attempt = past.attempt;
  job.crashes = past.crashes;
  job.redelivered = message.redelivered;
  job.timestamp = to_seconds(clock_.wall());
  job.request = std::move(request);
  job.digest = digest_of(message);
  job.body = message.body;
  return job;
}

Task<bool> JobFlow::begin(RunningJob& running, const std::string& record_dir) {
  const Report building = report_on(running.job, Status::building, "", "", clock_);
  failpoint("J1.before");
  const Result<void> written = co_await journal_.begin(
      running.job, running.deliveries.front().message(), record_dir, building);
  if (!written) {
    links_.journal_failed(written.error());
    co_return false;
  }
  failpoint("J1.after");
  links_.told(building);
  co_return true;
}

Task<Outcome> JobFlow::attempt(const Binding& binding, RunningJob& running, std::string record_dir,
                               Message envelope, std::optional<Slot>& slot) {
  // J1 has closed the attempt that ended with an earlier life, so all are counted.
  const bool dangerous = running.job.crashes >= RetryPolicy::poison_crashes;
  const int deaths = dangerous ? journal_.recent_deaths(running.job.key) : 0;
  if (deaths >= RetryPolicy::poison_crashes) {
    Outcome poison;
    poison.reason = "poison";
    poison.message =
        "rbit died " + std::to_string(deaths) + " times within 72 hours during this job";
    co_return poison;
  }
  RunContext context{
      [&](Status status, std::string message) { note_status(running, status, std::move(message)); },
      running.stop, std::move(record_dir), std::move(envelope), [&slot] { slot.reset(); }};
  failpoint("X.before");
  Outcome outcome = co_await binding.runner->run(running.job, context);
  running.stop.listen(nullptr);
  outcome.message = secrets::redacted(outcome.message);  // it goes to journal and reports
  outcome.wall_micros =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - running.begun)
          .count();
  while (running.pumping) co_await running.pumped.wait();  // its own statuses come before its end
  co_return outcome;
}

void JobFlow::note_status(RunningJob& running, Status status, std::string message) {
  running.statuses.push_back(
      report_on(running.job, status, "", secrets::redacted(message), clock_));
  if (running.pumping) return;
  running.pumping = true;
  spawn(loop_, pump_statuses(running), "status report");
}

Task<void> JobFlow::pump_statuses(RunningJob& running) {
  while (!running.statuses.empty()) {
    const Report report = std::move(running.statuses.front());
    running.statuses.pop_front();
    const Result<void> written = co_await journal_.report(running.job, report);
    if (written)
      links_.told(report);
    else
      log::warning("a status was not recorded: " + written.error().text());
  }
  running.pumping = false;
  running.pumped.notify();
}

Task<JobFlow::Finished> JobFlow::finish(const Job& job, const std::string& record_dir,
                                        const Outcome& outcome, const Settlement& settlement,
                                        Tell tell) {
  std::optional<Report> verdict;
  // What goes back has nothing to tell.
  const bool died =
      outcome.kind == Outcome::Kind::crashed && settlement.kind == Settlement::Kind::requeue;
  if (outcome.kind != Outcome::Kind::interrupted && !died && tell == Tell::all)
    verdict =
        report_on(job, status_of(outcome, settlement), outcome.reason, outcome.message, clock_);
  Backoff backoff = patience();
  failpoint("J3.before");
  for (bool said = false;; said = true) {  // the verdict must get on record, however long it takes
    const Result<void> written = co_await journal_.finish(job, outcome, settlement, verdict);
    if (written) break;
    if (!said) {
      links_.journal_failed(written.error());
      links_.sync_record(record_dir);
    }
    if (hurried_) {
      log::error("job " + job.request.job_id + ": its verdict could not be written (" +
                 written.error().text() + "); its message goes back, and its record is read again");
      co_return Finished{};
    }
    co_await pause(backoff.next());
  }
  failpoint("J3.after");
  Finished finished{true, std::nullopt};
  if (verdict) {
    links_.told(*verdict);
    finished.told = verdict->status;
  }
  co_return finished;
}

/// Ends early when there is hurry.
Task<void> JobFlow::pause(milliseconds time) {
  constexpr milliseconds slice{250};
  for (; time.count() > 0 && !hurried_; time -= slice)
    co_await clock_.sleep_for(std::min(time, slice));
}

/// Whether the key is that of these bytes of this queue: of a job that runs, or in the journal.
JobFlow::Identity JobFlow::look_up(std::string key, std::string digest) const {
  Identity found{std::move(key), std::move(digest), std::nullopt, Identity::Holder::nobody};
  const RunningJob* running = running_.find(found.key);
  if (running == nullptr) found.known = journal_.find(found.key);
  if (running == nullptr && !found.known) return found;
  const std::string& held = running != nullptr ? running->job.digest : found.known->digest;
  const bool ours = held == found.digest;
  found.holder = ours ? Identity::Holder::itself : Identity::Holder::other;
  return found;
}

/// The key of the job, and the id of the message's copies. An id is the producer's text, and so is
/// every header that our copies carry: a message belongs to a job if it came from the same queue
/// with the same bytes, as our copies do. Where its id stands for something else, its name is made
/// of the id and of what it is.
JobFlow::Identity JobFlow::identify(Delivery& delivery) const {
  const std::string id = key_of(delivery.message());
  const auto name_after = [](const Identity& one) {
    return text::sha256_hex(one.key + '\0' + one.digest);
  };
  Identity identity = look_up(id, digest_of(delivery.message()));
  while (identity.holder == Identity::Holder::other)
    identity = look_up(name_after(identity), identity.digest);
  // What stood in the way of an earlier delivery of it may be forgotten by now.
  if (identity.holder == Identity::Holder::nobody) {
    Identity next = look_up(name_after(identity), identity.digest);
    if (next.holder == Identity::Holder::itself) identity = std::move(next);
  }
  if (identity.key == id) return identity;
  log::warning("queue " + delivery.message().queue + ": message id " + text::one_line(id, 80) +
               " was given to another message before; this one is called " + identity.key);
  delivery.rename(identity.key);
  return identity;
}

Task<void> JobFlow::settle_all(RunningJob& running, Settlement settlement) {
  const std::string key = running.job.key;
  bool reached = running.deliveries.empty();
  for (;;) {
    while (!running.deliveries.empty()) {  // others may join meanwhile
      Delivery delivery = std::move(running.deliveries.back());
      running.deliveries.pop_back();
      const bool settled = co_await settle(key, delivery, settlement);
      reached = settled || reached;  // those that are void came again, and are among the others
    }
    // What the broker took back is its own again, and will come or be done elsewhere.
    const bool goes_back = settlement.kind == Settlement::Kind::requeue;
    if (!reached || (goes_back && !running.job.owned)) co_return;
    // Of two messages the copy of one may have been refused: the other's comes.
    backlog_.remove(key);
    co_await note_settled(key);
    failpoint("A.noted");
    if (running.deliveries.empty()) co_return;
    if (!goes_back) settlement = Settlement::accept();  // as `recall`: there is a copy already
  }
}

/// Until it is on record; unnoted, the job would stay in the journal as one that waits for this.
Task<void> JobFlow::note_settled(std::string key) {
  Backoff backoff = patience();
  for (bool said = false;; said = true) {
    const Result<void> written = co_await journal_.settled(key);
    if (written) co_return;
    if (!said || hurried_)
      log::warning("a settlement is not on record yet: " + written.error().text());
    if (hurried_) co_return;
    co_await pause(backoff.next());
  }
}

Task<Result<void>> JobFlow::probe() {
  auto written = co_await journal_.probe();
  if (!written) co_return written;
  co_return links_.try_disk();
}

int JobFlow::stuck(const std::string& queue) const {
  const auto found = stuck_.find(queue);
  return found == stuck_.end() ? 0 : found->second;
}

/// `key` is the journal's name of it, which may be another than that of the message's copies.
/// False: the connection is gone and the message comes again; the journal knows the answer.
Task<bool> JobFlow::settle(const std::string& key, Delivery& delivery,
                           const Settlement& settlement) {
  Backoff backoff = patience();
  const std::string queue = delivery.message().queue;
  bool settled = false, counted = false;
  while (!settled && !delivery.is_void()) {
    failpoint("A.before");
    const Result<void> done = co_await delivery.settle(settlement);
    failpoint("A.after");
    settled = done.has_value();
    if (!settled && delivery.refusal() != CopyRefusal::none) {
      const bool kept = co_await keep_here(key, delivery, settlement, done.error());
      if (kept) break;
    }
    if (settled || delivery.is_void() || hurried_) break;
    if (!std::exchange(counted, true) && ++stuck_[queue] == 1)  // said once a state
      log::error("queue " + queue + ": could not " + std::string(to_string(settlement.kind)) +
                 " a message: " + done.error().text() +
                 "; it is kept and tried again, and nothing more is taken from there");
    co_await pause(backoff.next());
  }
  const bool copied = settlement.kind == Settlement::Kind::retry ||
                      settlement.kind == Settlement::Kind::dead_letter;
  if (settled && copied && refusing_.erase(queue) > 0)
    log::info("queue " + queue + ": its copies are taken again");
  if (counted && --stuck_[queue] == 0) log::info("queue " + queue + ": messages are settled again");
  co_return settled;
}

Task<void> JobFlow::answer_again(Delivery delivery, Settlement settlement) {
  const std::string key = key_of(delivery.message());
  log::info("message " + text::one_line(key, 80) + " of " + delivery.message().queue +
            " came again; its answer is known: " + std::string(to_string(settlement.kind)));
  // One that comes for the first time is a copy that was overtaken: nobody missed its answer.
  const bool tell = delivery.message().redelivered;
  RunningJobs::Busy busy(running_, key);
  const bool settled = co_await settle(key, delivery, settlement);
  if (!settled) co_return;
  co_await note_settled(key);
  const Result<void> reported = co_await journal_.report_again(key, tell);
  if (!reported) log::warning("an answer is not reported again: " + reported.error().text());
  if (const auto record = journal_.find(key)) {
    Report again;
    again.job_key = key;
    again.status = record->last_status;
    links_.told(again);
  }
}

Task<void> JobFlow::refuse(Delivery delivery, Error why) {
  const Message& message = delivery.message();
  links_.refused(message, why);
  log::warning("queue " + message.queue + ": a message of " +
               std::to_string(message.oversized ? message.size : message.body.size()) +
               " bytes is no job and becomes a dead letter: " + why.thing + ": " + why.reason);
  const std::string reason = text::one_line(why.thing + ": " + why.reason, 190);
  const Settlement dead = Settlement::dead_letter(reason);
  const std::string key = key_of(message);
  co_await settle(key, delivery, dead);
}

void JobFlow::give_back(const Identity& identity) {
  if (given_back_.size() >= 10'000) given_back_.clear();  // a hint only; it must not grow for ever
  given_back_.insert(identity.mark());
}

Task<bool> JobFlow::conclude(const Binding& binding, Job job, Outcome outcome,
                             std::string record_dir) {
  outcome.message = secrets::redacted(outcome.message);
  heed_cancel(job, false, outcome);
  const Settlement settlement = binding.retry.decide(outcome, job);
  const Finished finished = co_await finish(job, record_dir, outcome, settlement);
  if (finished.on_record) links_.finished(job, outcome, finished.told);
  co_return finished.on_record;
}

}  // namespace rbit
