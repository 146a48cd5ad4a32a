#include "rbit/dispatch/dispatcher.h"

#include <algorithm>
#include <set>
#include <utility>

#include "rbit/base/log.h"
#include "rbit/base/shortage.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {
// A broken runner is looked at again this often, a sick journal with these pauses.
constexpr milliseconds runner_pause{60'000};
constexpr milliseconds shortage_pause{5'000};  // if that is all it lacks
constexpr milliseconds first_journal_pause{250};
constexpr milliseconds longest_journal_pause{5'000};
// Dead letters that nobody took are offered again this often.
constexpr milliseconds dead_letter_pause{60'000};
}  // namespace

Dispatcher::Dispatcher(const asio::any_io_executor& loop, Clock& clock, Journal& journal,
                       Transport& transport, int slots, FlowLinks links)
    : loop_(loop),
      clock_(clock),
      journal_(journal),
      transport_(transport),
      slots_(slots, [this] { update_credit(); }),
      running_(loop),
      backlog_alarm_(loop, clock, [this] { update_credit(); }),
      early_ack_(loop, clock, journal, running_,
                 [this](const Error& error) { journal_failed(error); }),
      flow_(loop, clock, journal, slots_, running_, backlog_, early_ack_,
            [&] {
              links.journal_failed = [this](const Error& error) { journal_failed(error); };
              links.short_of = [this](const Outcome& outcome, int waiting) {
                short_of(outcome, waiting);
              };
              links.kept = [this](const JobRecord& job) { kept(job); };
              links.is_broken = [this](const Binding& binding) {
                return is_broken(binding.runner_name);
              };
              return std::move(links);
            }()),
      seats_changed_(loop),
      flow_ended_(loop) {}

void Dispatcher::bind(const std::string& queue, const std::string& runner_name, Runner& runner,
                      const RunnerPolicy& policy) {
  slots_.add_runner(runner_name, policy.slots);
  seats_[runner_name].runner = &runner;
  Binding binding{queue, runner_name, &runner, RetryPolicy(policy), std::nullopt};
  binding.can_own = transport_.has_acknowledgement_timeout();
  if (binding.can_own) binding.ack_after = policy.ack_after;
  lines_[queue] = std::make_unique<Line>(Line{std::move(binding), -1});
}

void Dispatcher::start() {
  std::vector<std::string> queues;
  for (const auto& [queue, line] : lines_) queues.push_back(queue);
  transport_.start(queues, [this](Delivery delivery) { deliver(std::move(delivery)); });
  started_ = true;
  for (const auto& [name, seat] : seats_) prepare(name);
}

void Dispatcher::open() {
  open_ = true;
  take_over();
  update_credit();
}

/// What an earlier life owned: jobs without a verdict wait for a slot, the others are settled.
void Dispatcher::take_over() {
  bool has_dead_letters = false;
  for (const std::string& key : journal_.owned_jobs()) {
    const auto record = journal_.find(key);
    if (!record) continue;
    const bool unfinished = is_unfinished(record->state);
    const bool is_read = lines_.contains(record->queue);
    if (record->state == JobRecord::State::blocked && is_read) {
      kept(*record);
    } else if (!unfinished && record->settlement.kind == Settlement::Kind::dead_letter) {
      has_dead_letters = true;  // there may be thousands: one after the other
    } else if (unfinished && is_read) {
      log::info("job " + record->job_id + " is ours since an earlier life: it runs again");
      backlog_.add(key, record->queue, clock_.steady());
    } else {
      if (unfinished)
        log::warning("job " + record->job_id + " is ours since an earlier life, but queue " +
                     record->queue + " is not read here any more");
      let_go(key);
    }
  }
  if (has_dead_letters && !std::exchange(has_dead_letters_, true))
    spawn(loop_, move_dead_letters(milliseconds{0}), "dead letters from before");
}

/// One that will not run here: goes back, or gets what its verdict wants.
void Dispatcher::let_go(std::string key) {
  ++flows_;
  spawn(loop_, finish_owned(std::move(key)), "an owned job");
}

/// Our own stop (RELIABILITY.md 2.6): jobs of ours that have not begun go back to their queues, for
/// others or for our next life. Those that wait here for a retry were refused by the broker; they
/// stay, and keep their time.
void Dispatcher::give_backlog_back() {
  for (const std::string& key : backlog_.keys()) {
    const auto record = journal_.find(key);
    if (!record || !is_unfinished(record->state)) continue;
    backlog_.remove(key);
    let_go(key);
  }
}

/// Owned jobs come first: nobody else can do them.
void Dispatcher::start_owned() {
  if (!open_ || draining_ || !trouble().empty() || starting_owned_) return;
  starting_owned_ = true;  // a slot that is taken calls us again
  const auto fits = [this](const std::string& key, const std::string& queue) {
    // Its last attempt may still be on its way out.
    if (!lines_.contains(queue) || running_.find(key) != nullptr) return false;
    const std::string& runner = lines_.at(queue)->binding.runner_name;
    return seats_.at(runner).ready && slots_.free(runner) > undecided_;
  };
  while (auto next = backlog_.take(clock_.steady(), fits)) {
    ++flows_;
    spawn(loop_, resume(*lines_.at(next->queue), std::move(next->key)), "an owned job");
  }
  starting_owned_ = false;
  if (const auto next = backlog_.next_due(clock_.steady())) backlog_alarm_.set(*next);
}

Task<void> Dispatcher::resume(Line& line, std::string key) {
  const auto read = journal_.owned_job(key);
  auto slot = slots_.try_take(line.binding.runner_name);
  bool begun = read.has_value() && slot.has_value();
  if (begun && *read) {
    const OwnedJob& owned = **read;
    begun = co_await flow_.resume(line.binding, owned, transport_.adopt(owned.message),
                                  std::move(*slot));
  }
  if (!begun) backlog_.add(key, line.binding.queue, clock_.steady() + longest_journal_pause);
  flow_ended();
}

Task<void> Dispatcher::finish_owned(std::string key) {
  if (const auto read = journal_.owned_job(key); read && *read) {
    const OwnedJob& owned = **read;
    Delivery delivery = transport_.adopt(owned.message);
    if (is_unfinished(owned.state))
      co_await flow_.hand_back(owned, std::move(delivery));
    else
      co_await flow_.settle_owned(owned, std::move(delivery));
  }
  flow_ended();
}

/// Of a job whose copy is refused. A retry takes no slot until its time has come.
void Dispatcher::kept(const JobRecord& job) {
  if (job.settlement.kind == Settlement::Kind::retry) {
    const auto due = from_micros(job.ended) + job.settlement.delay;
    // Of an earlier life its delay at most: the wall clock may have been set back since.
    const auto left = std::clamp<WallTime::duration>(
        due - clock_.wall(), WallTime::duration::zero(), job.settlement.delay);
    backlog_.add(job.key, job.queue, clock_.steady() + std::chrono::ceil<milliseconds>(left));
    update_credit();                                              // sets the alarm
  } else if (job.settlement.kind == Settlement::Kind::requeue) {  // it could not go back: it stays
    backlog_.add(job.key, job.queue, clock_.steady() + longest_journal_pause);
    update_credit();
  } else if (!std::exchange(has_dead_letters_, true)) {
    spawn(loop_, move_dead_letters(dead_letter_pause), "dead letters that wait here");
  }
}

/// Offers them, after `pause` and then again and again, one of each queue that still refuses.
Task<void> Dispatcher::move_dead_letters(milliseconds pause) {
  while (has_dead_letters_) {
    co_await clock_.sleep_for(pause);
    pause = dead_letter_pause;
    if (draining_) co_return;
    has_dead_letters_ = false;
    std::set<std::string> refusing;
    for (const std::string& key : journal_.owned_jobs()) {
      const auto job = journal_.find(key);
      const bool waits = job && job->settlement.kind == Settlement::Kind::dead_letter &&
                         running_.find(key) == nullptr;
      if (!waits || draining_) continue;
      has_dead_letters_ = true;
      if (refusing.contains(job->queue)) continue;
      ++flows_;
      co_await finish_owned(key);
      const auto after = journal_.find(key);
      if (after && !after->settled) refusing.insert(job->queue);
    }
  }
}

void Dispatcher::flow_ended() {
  --flows_;
  flow_ended_.notify();
  update_credit();
}

void Dispatcher::deliver(Delivery delivery) {
  const auto line = lines_.find(delivery.message().queue);
  if (line == lines_.end() || draining_) return;  // dropped, it goes back
  ++flows_;
  ++undecided_;
  // The line lives as long as we do; the flow ends before.
  spawn(
      loop_,
      [](Dispatcher& self, Line& its, Delivery mine) -> Task<void> {
        --self.undecided_;  // it takes its slot, if it wants one, before it first waits
        co_await self.flow_.run(its.binding, std::move(mine));
        --self.flows_;
        self.flow_ended_.notify();
        its.credit = unknown;  // a message that took no slot has used the credit up all the same
        self.update_credit();
      }(*this, *line->second, std::move(delivery)),
      "job flow");
}

void Dispatcher::update_credit() {
  if (!started_) return;
  start_owned();
  for (auto& [queue, line] : lines_) {
    const Seat& seat = seats_.at(line->binding.runner_name);
    const bool takes =
        open_ && seat.ready && !draining_ && trouble().empty() && flow_.stuck(queue) == 0;
    const int free = slots_.free(line->binding.runner_name) - undecided_;
    const int credit = takes ? std::max(0, free) : 0;
    if (credit == line->credit) continue;
    line->credit = credit;
    transport_.set_credit(queue, credit);
  }
}

void Dispatcher::prepare(const std::string& runner_name) {
  Seat& seat = seats_.at(runner_name);
  if (seat.preparing || draining_) return;
  seat.preparing = true;
  seat.ready = false;
  spawn(loop_, prepare_until_ready(runner_name), "runner preparation");
}

Task<void> Dispatcher::prepare_until_ready(std::string runner_name) {
  Seat& seat = seats_.at(runner_name);
  while (!draining_) {
    const Result<void> able = co_await seat.runner->prepare();
    ++seat.looks;
    if (able) break;
    Error why = able.error();
    if (is_shortage(why.number) && why.cure.empty()) why.cure = cure_of_shortage(why.number);
    const std::string trouble = why.text();
    if (seat.trouble != trouble)
      log::error("[runner:" + runner_name + "] cannot work" +
                 (is_shortage(why.number) ? " for a shortage of this machine's" : "") +
                 ", its queues wait: " + trouble);
    seat.trouble = trouble;
    update_credit();
    seats_changed_.notify();
    co_await clock_.sleep_for(is_shortage(why.number) ? shortage_pause : runner_pause);
  }
  seat.preparing = false;
  seats_changed_.notify();
  if (draining_) co_return;
  if (!seat.trouble.empty()) log::info("[runner:" + runner_name + "] can work again");
  seat.trouble.clear();
  seat.ready = true;
  update_credit();
}

/// For a job that could not be started: looks at its runner now. One that can work after all has
/// failed this job only. While rbit stops, nobody is told: the job goes back.
Task<bool> Dispatcher::is_broken(std::string runner_name) {
  Seat& seat = seats_.at(runner_name);
  if (draining_) co_return true;
  const int looks = seat.looks;
  const bool known = seat.preparing && !seat.trouble.empty();
  prepare(runner_name);
  while (!known && seat.preparing && seat.looks == looks) co_await seats_changed_.wait();
  co_return !seat.ready;
}

void Dispatcher::journal_failed(const Error& error) {
  const bool known = !journal_trouble_.empty();
  journal_trouble_ = error.text();
  if (!known || sick_place_ != error.thing)
    log::error("nothing is taken until this works again: " + error.text());
  sick_place_ = error.thing;
  if (known) return;
  update_credit();
  spawn(loop_, wait_for_journal(), "journal watch");
}

Task<void> Dispatcher::wait_for_journal() {
  milliseconds pause = first_journal_pause;
  for (;;) {  // with writes of our own: no job shall be the one that finds out
    co_await clock_.sleep_for(pause);
    if (draining_) co_return;
    const Result<void> works = co_await flow_.probe();
    if (works) break;
    journal_failed(works.error());
    pause = std::min(2 * pause, longest_journal_pause);
  }
  journal_trouble_.clear();
  log::info(sick_place_ + " works again: taking messages");
  update_credit();
}

void Dispatcher::hold(const std::string& why) {
  held_ = why;
  update_credit();
}

Task<bool> Dispatcher::conclude(Job job, Outcome outcome, std::string record_dir) {
  const auto line = lines_.find(job.queue);
  // Of a queue that is not read any more: it was done all the same.
  const Binding stranger{job.queue, job.runner, nullptr, RetryPolicy(RunnerPolicy{}), std::nullopt};
  const Binding& binding = line == lines_.end() ? stranger : line->second->binding;
  co_return co_await flow_.conclude(binding, std::move(job), std::move(outcome),
                                    std::move(record_dir));
}

Task<void> Dispatcher::drain(milliseconds limit) {
  draining_ = true;
  flow_.hurry();
  transport_.stop_taking();
  update_credit();
  give_backlog_back();
  const SteadyTime end = clock_.steady() + limit;
  bool interrupted = false;
  while (flows_ > 0) {
    const auto left = end - clock_.steady();
    if (interrupted) {
      co_await flow_ended_.wait();
    } else if (left <= SteadyTime::duration::zero()) {
      log::warning("drain-timeout has passed: the jobs that still run are interrupted and go back");
      stop_jobs(StopKind::interrupt);
      interrupted = true;
    } else {
      co_await flow_ended_.wait_for(left);
    }
  }
}

void Dispatcher::stop_jobs(StopKind kind) {
  for (const auto& [key, running] : running_.all())
    if (!running->has_verdict) running->stop.request(kind);
}

bool Dispatcher::cancel(const std::string& key_or_id) {
  if (key_or_id.empty()) return false;  // not the job whose request has no id
  for (const auto& [key, running] : running_.all()) {
    if (key != key_or_id && running->job.request.job_id != key_or_id) continue;
    if (running->has_verdict) return false;
    running->stop.request(StopKind::cancel);
    return true;
  }
  std::string waiting = waiting_job(key_or_id);
  if (waiting.empty()) return false;
  backlog_.remove(waiting);
  ++flows_;
  spawn(loop_, cancel_owned(std::move(waiting)), "a cancel");
  return true;
}

/// The key of that job in the backlog; empty if there is none.
std::string Dispatcher::waiting_job(const std::string& key_or_id) const {
  if (backlog_.holds(key_or_id)) return key_or_id;
  for (const std::string& key : journal_.owned_jobs()) {
    if (!backlog_.holds(key)) continue;
    const auto job = journal_.find(key);
    if (job && job->job_id == key_or_id) return key;
  }
  return "";
}

Task<Result<void>> Dispatcher::end_dead_letter(std::string key, std::optional<Message> again) {
  const std::string what = "message " + text::one_line(key, 80);
  if (running_.find(key) != nullptr || running_.is_busy(key))
    co_return Error{what, "is being moved just now", "look again"};
  RunningJobs::Busy busy(running_, key);
  const auto known = journal_.find(key);
  if (!known || known->settled || known->settlement.kind != Settlement::Kind::dead_letter)
    co_return Error{what, "does not wait here any more", "look again"};
  if (again) {
    Delivery delivery = transport_.adopt(std::move(*again));
    const Settlement fresh = Settlement::requeue(0);
    const Result<void> sent = co_await delivery.settle(fresh);
    if (!sent) co_return sent;
  }
  co_return co_await journal_.settled(key);
}

Task<void> Dispatcher::cancel_owned(std::string key) {
  const auto known = journal_.find(key);
  const auto read = journal_.owned_job(key);
  if (read && *read)
    co_await flow_.cancel(**read, transport_.adopt((*read)->message));
  else if (!read && known)  // the journal is sick: it stays, and will run
    backlog_.add(key, known->queue, clock_.steady() + longest_journal_pause);
  flow_ended();
}

std::map<std::string, std::string> Dispatcher::paused() const {
  std::map<std::string, std::string> paused;
  for (const auto& [queue, line] : lines_) {
    const Seat& seat = seats_.at(line->binding.runner_name);
    if (!seat.trouble.empty()) paused[queue] = seat.trouble;
  }
  return paused;
}

}  // namespace rbit
