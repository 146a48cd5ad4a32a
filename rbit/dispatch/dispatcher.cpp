#include "rbit/dispatch/dispatcher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rbit/log/log.h"

namespace rbit {

Dispatcher::Dispatcher(const asio::any_io_executor& loop, Clock& clock, Journal& journal,
                       Transport& transport, int slots, FlowMeans means, JobObserver& observer)
    : context_{loop,     clock,
               journal,  transport,
               observer, std::move(means),
               slots,    [this] { update_credit(); }},
      readiness_(context_),
      early_ack_(context_),
      recorder_(context_),
      settling_(context_, [this](const JobRecord& job) { owned_.keep(job); }),
      cancels_(context_, recorder_, settling_),
      flow_(context_, early_ack_, recorder_, settling_, cancels_, readiness_),
      owned_(
          context_, flow_, recorder_, settling_,
          [this](const std::string& queue) { return binding_of(queue); },
          [this](const Binding& binding) {
            return takes() && readiness_.is_ready(binding.runner_name);
          }) {}

const Binding* Dispatcher::binding_of(const std::string& queue) const {
  const auto line = lines_.find(queue);
  return line == lines_.end() ? nullptr : &line->second.binding;
}

void Dispatcher::bind(const std::string& queue, const std::string& runner_name, Runner& runner,
                      const RunnerPolicy& policy) {
  context_.slots.add_runner(runner_name, policy.slots);
  readiness_.add(runner_name, runner);
  Binding binding;
  binding.queue = queue;
  binding.runner_name = runner_name;
  binding.kind = policy.message;
  binding.on_invalid = policy.on_invalid;
  binding.runner = &runner;
  binding.retry = RetryPolicy(policy);
  binding.can_own = context_.transport.has_acknowledgement_timeout();
  if (binding.can_own) binding.ack_after = policy.ack_after;
  lines_.insert_or_assign(queue, Line{std::move(binding)});
}

void Dispatcher::start() {
  std::vector<std::string> queues;
  for (const auto& [queue, line] : lines_) queues.push_back(queue);
  context_.transport.start(queues, [this](Delivery delivery) { deliver(std::move(delivery)); });
  started_ = true;
  readiness_.begin();
}

void Dispatcher::open() {
  open_ = true;
  owned_.take_over();
  update_credit();
}

void Dispatcher::deliver(Delivery delivery) {
  const auto line = lines_.find(delivery.message().queue);
  if (line == lines_.end() || draining_) return;  // dropped, it goes back
  Slot slot = context_.slots.try_take(line->second.binding.runner_name);
  // The line lives as long as we do; the flow ends before.
  context_.flows.start(carry(line->second, std::move(delivery), std::move(slot)), "job flow");
}

Task<void> Dispatcher::carry(Line& line, Delivery delivery, Slot slot) {
  co_await flow_.run(line.binding, std::move(delivery), std::move(slot));
  line.credit = unknown;  // a message that took no slot has used the credit up all the same
}

/// Whether anything may begin now.
bool Dispatcher::takes() const {
  return open_ && !draining_ && trouble().empty();
}

void Dispatcher::update_credit() {
  if (!started_) return;
  owned_.start_due();
  for (auto& [queue, line] : lines_) {
    const std::string& runner = line.binding.runner_name;
    const bool welcome = takes() && readiness_.is_ready(runner) && settling_.stuck(queue) == 0;
    const int credit = welcome ? std::max(0, context_.slots.free(runner)) : 0;
    if (credit == line.credit) continue;
    line.credit = credit;
    context_.transport.set_credit(queue, credit);
  }
}

void Dispatcher::hold(const std::string& why) {
  held_ = why;
  update_credit();
}

Task<bool> Dispatcher::finish_earlier(Job job, Outcome outcome, std::string record_dir) {
  // Of a queue that is not read any more: it was done all the same.
  Binding stranger;
  stranger.queue = job.queue;
  stranger.runner_name = job.runner;
  const Binding* known = binding_of(job.queue);
  co_return co_await flow_.finish_earlier(known != nullptr ? *known : stranger, std::move(job),
                                          std::move(outcome), std::move(record_dir));
}

Task<void> Dispatcher::drain(milliseconds limit) {
  draining_ = true;
  context_.patience.end();
  context_.transport.stop_taking();
  update_credit();
  owned_.end();
  const SteadyTime end = context_.clock.steady() + limit;
  bool interrupted = false;
  while (context_.flows.count() > 0) {
    const auto left = end - context_.clock.steady();
    if (interrupted) {
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

std::map<std::string, std::string> Dispatcher::paused() const {
  std::map<std::string, std::string> paused;
  for (const auto& [queue, line] : lines_)
    if (const std::string& why = readiness_.trouble(line.binding.runner_name); !why.empty())
      paused[queue] = why;
  return paused;
}

}  // namespace rbit
