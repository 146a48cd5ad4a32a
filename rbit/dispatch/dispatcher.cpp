#include "rbit/dispatch/dispatcher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rbit/core/returns.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {
// Of a queue whose messages have come back so often nothing waits here for a slot for a while:
// going back from there would bring them nearer to their end (rbit/doc/traps.rst,
// broker-delivery-limit).
constexpr std::int64_t returns_to_heed = 3;
constexpr std::chrono::minutes heed_returns_for{10};
}  // namespace

Dispatcher::Dispatcher(const asio::any_io_executor& loop, Clock& clock, Journal& journal,
                       Transport& transport, int slots, FlowMeans means, JobObserver& observer)
    : context_{loop,     clock,
               journal,  transport,
               observer, std::move(means),
               slots,    [this] { go_on(); }},
      readiness_(context_),
      early_ack_(context_),
      recorder_(context_),
      settling_(context_, [this](const JobRecord& job) { owned_.keep(job); }),
      cancels_(context_, recorder_, settling_),
      flow_(context_, early_ack_, recorder_, settling_, cancels_, readiness_),
      owned_(
          context_, flow_, recorder_, settling_,
          [this](const std::string& queue, const std::string& runner) {
            return binding_of(queue, runner);
          },
          [this](const Binding& binding) { return may_begin_of(binding); }),
      open_slot_(loop, clock, [this] { go_on(); }) {}

std::shared_ptr<const Binding> Dispatcher::binding_of(const std::string& queue,
                                                      const std::string& runner) const {
  const auto line = lines_.find(queue);
  if (line == lines_.end() || !line->second.binding) return nullptr;
  const std::shared_ptr<const Binding>& binding = line->second.binding;
  if (!binding->is_routed()) return binding;
  const auto its = binding->by_runner.find(runner);
  return its == binding->by_runner.end() ? nullptr : its->second;
}

std::shared_ptr<Binding> Dispatcher::made(const std::string& queue,
                                          const std::string& runner) const {
  const Crew& crew = crews_.at(runner);
  auto binding = std::make_shared<Binding>();
  binding->queue = queue;
  binding->runner_name = runner;
  binding->kind = crew.policy->message;
  binding->on_invalid = crew.policy->on_invalid;
  binding->runner = crew.runner;
  binding->policy = crew.policy;
  binding->retry = RetryPolicy(*crew.policy);
  binding->can_own = context_.transport.has_acknowledgement_timeout();
  if (binding->can_own) binding->ack_after = crew.policy->ack_after;
  return binding;
}

/// Of a route: equal messages without an id are one job only if all of them are build requests.
std::shared_ptr<Binding> Dispatcher::made(const std::string& queue, const QueueRunner& its) const {
  if (!its.route) return made(queue, its.runner);
  auto binding = std::make_shared<Binding>();
  binding->queue = queue;
  binding->route = its.route;
  binding->can_own = context_.transport.has_acknowledgement_timeout();
  for (const std::string& runner : its.all()) {
    const auto one = made(queue, runner);
    if (one->kind != MessageKind::pybit) binding->kind = one->kind;
    binding->by_runner[runner] = one;
  }
  return binding;
}

void Dispatcher::add_crew(const Crew& crew) {
  const auto known = crews_.find(crew.name);
  const bool is_same = known != crews_.end() && known->second.runner == crew.runner;
  context_.slots.add_runner(crew.name, crew.policy->slots);
  const int most = context_.transport.is_far() ? crew.policy->most_ahead() : 0;
  context_.ahead.add_runner(crew.name, most);
  const bool is_broken = is_same && !readiness_.trouble(crew.name).empty();
  if (is_broken) log::info("[runner:" + crew.name + "] is looked at again: it may be mended");
  if (!is_same || is_broken) readiness_.add(crew.name, crew.runner, crew.is_ready);
  crews_[crew.name] = crew;
}

void Dispatcher::bind(const std::vector<Crew>& crews,
                      const std::map<std::string, QueueRunner>& queues) {
  going_on_ = true;  // not before all of it is as it shall be
  for (const Crew& crew : crews) add_crew(crew);
  for (auto& [queue, line] : lines_)
    if (line.binding && !queues.contains(queue)) leave(queue, line);
  teams_.clear();
  used_up_.clear();
  for (const auto& [queue, its] : queues) {
    Line& line = lines_[queue];
    const bool is_fresh = line.binding == nullptr;
    // Messages that wait here for a slot are counted as their runner's.
    if (!is_fresh && line.binding->runner_name != its.runner) context_.ahead.give_back_queue(queue);
    line.binding = made(queue, its);
    line.told.reset();
    for (const std::string& runner : its.all()) {
      Team& team = teams_[runner];
      (its.route ? team.routed : team.lines).push_back(&line);
    }
    if (started_ && is_fresh) context_.transport.add_queue(queue);
  }
  std::erase_if(crews_, [&](const auto& one) {
    if (teams_.contains(one.first)) return false;
    readiness_.remove(one.first);
    return true;
  });
  going_on_ = false;
  if (!started_) return;
  readiness_.begin();
  go_on_again_ = false;
  for (const auto& [queue, its] : queues) use_up(lines_.at(queue));
  go_on();
}

/// Nothing of it is taken any more. What runs goes on, and its messages are settled when it ends.
void Dispatcher::leave(const std::string& queue, Line& line) {
  context_.ahead.give_back_queue(queue);
  context_.slot_queue.give_back_queue(queue);
  line.binding.reset();
  line.told.reset();
  line.paused_since = 0;
  if (started_) context_.transport.remove_queue(queue);
}

void Dispatcher::start() {
  std::vector<std::string> queues;
  for (const auto& [queue, line] : lines_)
    if (line.binding) queues.push_back(queue);
  context_.transport.start(queues, [this](Delivery delivery) { deliver(std::move(delivery)); });
  started_ = true;
  readiness_.begin();
}

void Dispatcher::open() {
  open_ = true;
  owned_.take_over();
  go_on();
}

void Dispatcher::deliver(Delivery delivery) {
  const auto found = lines_.find(delivery.message().queue);
  if (found == lines_.end() || !found->second.binding || draining_)
    return;  // dropped, it goes back
  Line& line = found->second;
  if (line.paused_since > 0) return context_.ledger.note_unread(delivery);  // the same
  const bool took = takes();
  context_.outside.arriving();
  if (took && !takes()) return use_up(line);  // it goes back
  if (line.binding->is_routed()) {
    SlotQueue::Coming coming(context_.slot_queue, line.binding->queue);
    context_.flows.start(carry_routed(line.binding, std::move(delivery), std::move(coming)),
                         "job flow");
    return;
  }
  const std::string& runner = line.binding->runner_name;
  Slot slot;
  // What is ahead was here first.
  if (context_.ahead.count(runner) == 0) slot = slot_for(runner);
  if (slot == nullptr && waits_ahead(line, delivery)) return;
  if (slot == nullptr) slot = slot_for(runner);
  begin(line, std::move(delivery), std::move(slot));
}

/// One for a message that begins now. Null: there is none.
Slot Dispatcher::slot_for(const std::string& runner) {
  Slot slot;
  if (may_take_slot(runner)) slot = context_.slots.try_take(runner);
  if (slot != nullptr && is_guest(runner)) open_slot_.taken();
  return slot;
}

/// Keeps the message for its turn, if one of its runner may be here ahead of the slots.
bool Dispatcher::waits_ahead(Line& line, Delivery& delivery) {
  const std::string& runner = line.binding->runner_name;
  const SteadyTime now = context_.clock.steady();
  if (returns_of(delivery.message()) >= returns_to_heed) {
    line.nothing_ahead_until = now + heed_returns_for;
    use_up(line);
  }
  const bool welcome = takes_for(runner) && now >= line.nothing_ahead_until &&
                       !settling_.is_stuck(line.binding->queue);
  const int most = context_.ahead.allowance(runner, context_.slots.most(runner));
  if (!welcome || context_.ahead.count(runner) >= most) return false;
  context_.ahead.add(runner, std::move(delivery));
  use_up(line);
  go_on();
  return true;
}

void Dispatcher::begin(Line& line, Delivery delivery, Slot slot) {
  // The line lives as long as we do; the flow ends before. It keeps the binding that it began with.
  context_.flows.start(carry(line, std::move(delivery), std::move(slot)), "job flow");
}

Task<void> Dispatcher::carry(Line& line, Delivery delivery, Slot slot) {
  const std::shared_ptr<const Binding> binding = line.binding;
  co_await flow_.run(*binding, std::move(delivery), std::move(slot));
  use_up(line);  // a message that took no slot has used the credit up all the same
}

Task<void> Dispatcher::carry_routed(std::shared_ptr<const Binding> binding, Delivery delivery,
                                    SlotQueue::Coming coming) {
  co_await flow_.run(*binding, std::move(delivery), nullptr, std::move(coming));
  context_.slot_queue.touch(binding->queue);
}

/// Whether anything may begin now.
bool Dispatcher::takes() const {
  return open_ && !draining_ && trouble().empty();
}

bool Dispatcher::takes_for(const std::string& runner) const {
  return takes() && readiness_.is_ready(runner);
}

bool Dispatcher::may_begin_of(const Binding& binding) const {
  return takes_for(binding.runner_name) && paused_since(binding.queue) == 0;
}

/// Whether its queues may have nothing here ahead of the slots, though others may.
bool Dispatcher::is_guest(const std::string& runner) const {
  return context_.ahead.most(runner) == 0 || context_.ahead.count(runner) == 0;
}

/// Not if the last free slot is left open for another runner's message.
bool Dispatcher::may_take_slot(const std::string& runner) {
  if (context_.slots.free(runner) == 0) return false;
  return !open_slot_.is_open() || is_guest(runner) || context_.slots.free_in_all() > 1;
}

/// Whatever may happen now does: jobs of ours that are due begin, then messages that are here, and
/// then more are asked for.
void Dispatcher::go_on() {
  if (!started_ || std::exchange(go_on_again_, true) || going_on_) return;
  going_on_ = true;
  while (std::exchange(go_on_again_, false)) {
    owned_.start_due();
    serve_slot_queue();
    begin_ahead();
    update_credit();
  }
  going_on_ = false;
}

/// Where nothing may begin what waits for a slot goes back.
void Dispatcher::serve_slot_queue() {
  if (context_.slot_queue.size() == 0) return;
  if (!takes()) return context_.slot_queue.give_back_all();
  context_.slot_queue.serve(
      [this](const std::string& runner) { return takes_for(runner) ? slot_for(runner) : nullptr; });
}

void Dispatcher::begin_ahead() {
  if (context_.ahead.count() == 0) return;
  if (!takes()) return context_.ahead.give_back_all();
  if (readiness_.changes() != common_.readiness)
    for (const auto& [runner, team] : teams_)
      if (!readiness_.is_ready(runner)) context_.ahead.give_back_runner(runner);
  const auto may_begin = [this](const std::string& runner) { return may_take_slot(runner); };
  while (context_.slots.free_in_all() > 0) {
    if (context_.slots.free_in_all() == 1 && has_guests()) open_slot_.offer();
    std::optional<Delivery> next = context_.ahead.next(may_begin);
    if (!next) break;
    Line& line = lines_.at(next->message().queue);
    begin(line, std::move(*next), context_.slots.try_take(line.binding->runner_name));
  }
}

/// Whether the last free slot might be wanted by a runner that has nothing here.
bool Dispatcher::has_guests() const {
  return std::any_of(teams_.begin(), teams_.end(), [this](const auto& one) {
    return is_guest(one.first) && readiness_.is_ready(one.first) &&
           context_.slots.free(one.first) > 0;
  });
}

/// Tells the transport what has changed. There may be a thousand queues, and this is asked several
/// times a job.
void Dispatcher::update_credit() {
  for (const std::string& queue : context_.slot_queue.take_touched()) {
    Line& line = lines_.at(queue);
    line.told.reset();
    if (line.binding && line.binding->is_routed())
      tell(line, credit_of_routed(*line.binding));
    else
      use_up(line);  // it had a route when its message came
  }
  touched_.merge(context_.slots.take_touched());
  touched_.merge(context_.ahead.take_touched());
  const std::set<std::string> touched = std::exchange(touched_, {});
  const std::vector<Line*> used_up = std::exchange(used_up_, {});
  const Common before = std::exchange(common_, common());
  const bool stuck = before.settling != common_.settling;
  if (before != common_)
    for (auto& [runner, team] : teams_) update_credit_of(runner, team, stuck);
  else
    for (const std::string& runner : touched)
      if (const auto its = teams_.find(runner); its != teams_.end())
        update_credit_of(runner, its->second, false);
  for (Line* line : used_up) {
    if (!line->binding) continue;
    if (const auto& told = teams_.at(line->binding->runner_name).told; go_on_again_ || !told)
      used_up_.push_back(line);
    else if (!line->told)
      tell(*line, *told);
  }
}

Dispatcher::Common Dispatcher::common() const {
  return {takes(), context_.slots.free_in_all(), open_slot_.is_open(), readiness_.changes(),
          settling_.changes()};
}

/// Queues of one runner have the same credit; they are told only what matters to those that are
/// asked in turn.
void Dispatcher::update_credit_of(const std::string& runner, Team& team, bool all) {
  for (Line* line : team.routed) tell(*line, credit_of_routed(*line->binding));
  const Credit credit = credit_of(runner, team);
  if (team.told == credit && !all) return;
  team.told = credit;
  for (Line* line : team.lines) {
    tell(*line, credit);
    if (!go_on_again_) continue;
    team.told.reset();  // a message came at once: the others are told anew
    touched_.insert(runner);
    return;
  }
}

Credit Dispatcher::credit_of(const std::string& runner, Team& team) {
  if (!takes_for(runner)) return Credit{};
  const int slots = context_.slots.most(runner);
  const int allowance = context_.ahead.allowance(runner, slots);
  int free = std::max(0, context_.slots.free(runner));
  if (open_slot_.is_open() && free > 0 && !may_take_slot(runner)) --free;
  int room = std::max(0, allowance - context_.ahead.count(runner));
  if (team.lines.size() > 1) {
    const int enough = team.is_full ? std::max(1, allowance / 4) : 1;
    team.is_full = room < enough;
    room = team.is_full ? 0 : 1;
  }
  return Credit(free, room, slots + allowance);
}

/// As many as its runners have free in all. A message may be any runner's, and may have to wait
/// here: for as many as its runners have slots others are asked for all the same.
Credit Dispatcher::credit_of_routed(const Binding& binding) {
  int free = 0, most = 0;
  for (const auto& [runner, its] : binding.by_runner) {
    most += context_.slots.most(runner);
    if (takes_for(runner) && may_take_slot(runner)) free += context_.slots.free(runner);
  }
  const bool is_full =
      context_.slot_queue.of_queue(binding.queue) >= std::min(most, context_.slots.total());
  const int welcome = std::min(free, context_.slots.free_in_all());
  return is_full ? 0 : std::max(0, welcome - context_.slot_queue.coming(binding.queue));
}

void Dispatcher::tell(Line& line, const Credit& of_its_runner) {
  Credit credit = of_its_runner;
  if (credit.ahead > 0 && context_.clock.steady() < line.nothing_ahead_until) credit.ahead = 0;
  const std::string& queue = line.binding->queue;
  if (settling_.is_stuck(queue) || line.paused_since > 0) {
    if (context_.ahead.give_back_queue(queue)) go_on_again_ = true;
    context_.slot_queue.give_back_queue(queue);
    credit = Credit{};
  }
  if (line.told == credit) return;
  line.told = credit;
  context_.transport.set_credit(queue, credit);
}

void Dispatcher::use_up(Line& line) {
  line.told.reset();
  if (!line.binding) return;
  if (line.binding->is_routed()) return context_.slot_queue.touch(line.binding->queue);
  used_up_.push_back(&line);
  touched_.insert(line.binding->runner_name);
}

void Dispatcher::pause(const std::string& queue, std::int64_t since) {
  const auto line = lines_.find(queue);
  if (line == lines_.end() || !line->second.binding) return;
  line->second.paused_since = since;
  use_up(line->second);
  go_on();
}

void Dispatcher::resume(const std::string& queue) {
  pause(queue, 0);
}

std::int64_t Dispatcher::paused_since(const std::string& queue) const {
  const auto line = lines_.find(queue);
  return line == lines_.end() ? 0 : line->second.paused_since;
}

void Dispatcher::hold(const std::string& why) {
  held_ = why;
  go_on();
}

Task<bool> Dispatcher::finish_earlier(Job job, Outcome outcome, std::string record_dir) {
  // Of a queue that is not read any more: it was done all the same.
  Binding stranger;
  stranger.queue = job.queue;
  stranger.runner_name = job.runner;
  const std::shared_ptr<const Binding> known = binding_of(job.queue, job.runner);
  co_return co_await flow_.finish_earlier(known != nullptr ? *known : stranger, std::move(job),
                                          std::move(outcome), std::move(record_dir));
}

/// What were delivered now would go back at once, to be delivered again.
void Dispatcher::hurry() {
  context_.patience.end();
  context_.slot_queue.give_back_all();
  context_.transport.stop_taking();
}

Task<void> Dispatcher::drain(milliseconds limit) {
  draining_ = true;
  hurry();
  go_on();
  owned_.end();
  const SteadyTime end = context_.clock.steady() + limit;
  bool interrupted = false;
  while (context_.flows.count() > 0) {
    const auto left = end - context_.clock.steady();
    if (interrupted || context_.keeping.keeper() != nullptr) {  // nobody waits for a keeper
      co_await context_.flows.ended().wait();
    } else if (left <= SteadyTime::duration::zero()) {
      log::warning("drain-timeout has passed: the jobs that still run are interrupted and go back");
      stop_jobs(StopKind::interrupt);
      interrupted = true;
    } else {
      co_await context_.flows.ended().wait_for(left);
    }
  }
}

void Dispatcher::stop_jobs(StopKind kind) {
  for (const auto& [key, running] : context_.ledger.all_running())
    if (!running->has_verdict) running->stop.request(kind);
}

std::string Dispatcher::standstill() const {
  if (draining_ || context_.patience.has_ended())
    return "it was told to stop and takes no new jobs";
  return open_ ? "" : "it starts: what an earlier life left is looked after first";
}

std::map<std::string, std::string> Dispatcher::unready() const {
  std::map<std::string, std::string> unready = paused();
  for (const auto& [queue, line] : lines_)
    for (const std::string& runner : runners_of(line))
      if (!readiness_.is_ready(runner))
        unready.try_emplace(queue, "[runner:" + runner + "] is being made ready");
  return unready;
}

std::map<std::string, std::string> Dispatcher::paused() const {
  std::map<std::string, std::string> paused;
  for (const auto& [queue, line] : lines_) {
    const std::vector<std::string> runners = runners_of(line);
    for (const std::string& runner : runners)
      if (const std::string& why = readiness_.trouble(runner); !why.empty())
        paused[queue] = runners.size() == 1 ? why : "[runner:" + runner + "]: " + why;
  }
  return paused;
}

/// None: the queue is not read any more.
std::vector<std::string> Dispatcher::runners_of(const Line& line) {
  std::vector<std::string> runners;
  if (line.binding && !line.binding->is_routed()) runners.push_back(line.binding->runner_name);
  if (line.binding)
    for (const auto& [runner, its] : line.binding->by_runner) runners.push_back(runner);
  return runners;
}

}  // namespace rbit
