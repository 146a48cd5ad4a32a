#include "rbit/dispatch/dispatcher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rbit/log/log.h"

namespace rbit {

Dispatcher::Dispatcher(const asio::any_io_executor& loop, Clock& clock, Journal& journal,
                       Transport& transport, int slots, FlowMeans means, JobObserver& observer)
    : loop_(loop),
      clock_(clock),
      journal_(journal),
      transport_(transport),
      means_(std::move(means)),
      patience_(clock),
      slots_(slots, [this] { update_credit(); }),
      ledger_(loop),
      flows_(loop, [this] { update_credit(); }),
      journal_watch_(
          loop, clock, patience_, [this] { return probe(); }, [this] { update_credit(); }),
      shortage_watch_(loop, clock, patience_, slots_),
      readiness_(loop, clock, patience_, [this] { update_credit(); }),
      early_ack_(loop, clock, journal, ledger_,
                 [this](const Error& error) { journal_watch_.failed(error); }),
      recorder_(loop, clock, journal, journal_watch_, patience_, means_, observer),
      settling_(journal, journal_watch_, ledger_, patience_, observer,
                [this](const JobRecord& job) { owned_.keep(job); }),
      cancels_({loop, clock, journal, transport, ledger_, flows_, recorder_, settling_, observer}),
      before_(clock, journal, recorder_, settling_, cancels_, patience_, observer),
      attempts_(clock, journal, journal_watch_, shortage_watch_, recorder_, patience_, means_),
      flow_({clock, journal, slots_, ledger_, early_ack_, recorder_, settling_, cancels_, before_,
             attempts_, patience_, journal_watch_, readiness_, observer, means_}),
      owned_(means_of_owned()) {}

OwnedJobs::Means Dispatcher::means_of_owned() {
  return {loop_,
          clock_,
          journal_,
          transport_,
          ledger_,
          slots_,
          flows_,
          flow_,
          recorder_,
          settling_,
          [this](const std::string& queue) {
            const auto line = lines_.find(queue);
            return line == lines_.end() ? nullptr : &line->second->binding;
          },
          [this](const Binding& binding) {
            return takes() && readiness_.is_ready(binding.runner_name);
          }};
}

void Dispatcher::bind(const std::string& queue, const std::string& runner_name, Runner& runner,
                      const RunnerPolicy& policy) {
  slots_.add_runner(runner_name, policy.slots);
  readiness_.add(runner_name, runner);
  Binding binding{queue, runner_name, &runner, RetryPolicy(policy), std::nullopt};
  binding.can_own = transport_.has_acknowledgement_timeout();
  if (binding.can_own) binding.ack_after = policy.ack_after;
  lines_[queue] = std::make_unique<Line>(Line{std::move(binding)});
}

void Dispatcher::start() {
  std::vector<std::string> queues;
  for (const auto& [queue, line] : lines_) queues.push_back(queue);
  transport_.start(queues, [this](Delivery delivery) { deliver(std::move(delivery)); });
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
  auto slot = slots_.try_take(line->second->binding.runner_name);
  // The line lives as long as we do; the flow ends before.
  spawn(loop_, carry(*line->second, std::move(delivery), std::move(slot), flows_.enter()),
        "job flow");
}

Task<void> Dispatcher::carry(Line& line, Delivery delivery, std::optional<Slot> slot,
                             Flows::Token token) {
  const Flows::Token mine = std::move(token);
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
    const std::string& runner = line->binding.runner_name;
    const bool welcome = takes() && readiness_.is_ready(runner) && settling_.stuck(queue) == 0;
    const int credit = welcome ? std::max(0, slots_.free(runner)) : 0;
    if (credit == line->credit) continue;
    line->credit = credit;
    transport_.set_credit(queue, credit);
  }
}

Task<Result<void>> Dispatcher::probe() {
  auto written = co_await journal_.probe();
  if (!written) co_return written;
  co_return means_.try_disk();
}

void Dispatcher::hold(const std::string& why) {
  held_ = why;
  update_credit();
}

Task<bool> Dispatcher::finish_earlier(Job job, Outcome outcome, std::string record_dir) {
  const auto line = lines_.find(job.queue);
  // Of a queue that is not read any more: it was done all the same.
  const Binding stranger{job.queue, job.runner, nullptr, RetryPolicy(RunnerPolicy{}), std::nullopt};
  const Binding& binding = line == lines_.end() ? stranger : line->second->binding;
  co_return co_await flow_.finish_earlier(binding, std::move(job), std::move(outcome),
                                          std::move(record_dir));
}

Task<void> Dispatcher::drain(milliseconds limit) {
  draining_ = true;
  patience_.end();
  transport_.stop_taking();
  update_credit();
  owned_.end();
  const SteadyTime end = clock_.steady() + limit;
  bool interrupted = false;
  while (flows_.count() > 0) {
    const auto left = end - clock_.steady();
    if (interrupted) {
      co_await flows_.ended().wait();
    } else if (left <= SteadyTime::duration::zero()) {
      log::warning("drain-timeout has passed: the jobs that still run are interrupted and go back");
      stop_jobs(StopKind::interrupt);
      interrupted = true;
    } else {
      co_await flows_.ended().wait_for(left);
    }
  }
}

void Dispatcher::stop_jobs(StopKind kind) {
  for (const auto& [key, running] : ledger_.all_running())
    if (!running->has_verdict) running->stop.request(kind);
}

std::map<std::string, std::string> Dispatcher::paused() const {
  std::map<std::string, std::string> paused;
  for (const auto& [queue, line] : lines_)
    if (const std::string& why = readiness_.trouble(line->binding.runner_name); !why.empty())
      paused[queue] = why;
  return paused;
}

}  // namespace rbit
