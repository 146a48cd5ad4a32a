#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rbit/core/kept_attempt.h"
#include "rbit/core/runner_policy.h"
#include "rbit/dispatch/open_slot.h"
#include "rbit/dispatch/owned_jobs.h"

namespace rbit {

/// Brings messages and runners together: asks the transport for as many messages as there are free
/// slots, and for some more where jobs are short (`Ahead`), starts a JobFlow for each, and stops it
/// all in order. On the loop's thread.
class Dispatcher {
 public:
  /// All but `means` must outlive this.
  Dispatcher(const asio::any_io_executor& loop, Clock& clock, Journal& journal,
             Transport& transport, int slots, FlowMeans means, JobObserver& observer);

  /// How a runner's jobs are done. Several queues may have one runner.
  struct Crew {
    std::string name;
    std::shared_ptr<Runner> runner;
    std::shared_ptr<const RunnerPolicy> policy;
    bool is_ready = false;  // it was found so; else it is looked at first
  };
  /// What is to be read, and who does it. Before `start`, and then again when that changes: what
  /// has begun goes on as it began; what is here and has not goes as it would from now on.
  void bind(const std::vector<Crew>& crews, const std::map<std::string, QueueRunner>& queues);
  /// How many slots there are from now on.
  void resize(int slots) { context_.slots.resize(slots); }

  /// Connects and prepares the runners; takes nothing yet.
  void start();
  /// Begins to take messages of each queue, as soon as its runner says that it can work.
  void open();

  /// An attempt of an earlier life whose verdict was found in its leader's record. Returns false if
  /// it was told to stop before that was on record.
  Task<bool> finish_earlier(Job job, Outcome outcome, std::string record_dir);

  /// Goes on with an attempt of an earlier life that its rbit keeps: it runs here as all others do,
  /// and has a slot even if none is free.
  void follow(OpenAttempt open, std::unique_ptr<KeptAttempt> kept);

  /// For a hand-over, while we drain: ends when all that runs is on record as ours, where its
  /// broker would give it to others, and nothing else is under way. Attempts that end from now on
  /// wait. An Error: that did not come about within `limit`, and all goes on as before.
  Task<Result<void>> come_to_rest(milliseconds limit);
  /// After that, at the same turn of the loop: leaves what runs to the keeper. The journal is not
  /// touched any more.
  void keep(Keeper& keeper) { context_.keeping.begin(keeper); }
  /// Or all goes on.
  void give_up_rest() { context_.keeping.give_up(); }

  /// What the broker was found to allow as `ack-after`; none: nothing is known of it.
  void limit_ack_after(std::optional<milliseconds> limit) { early_ack_.set_limit(limit); }

  /// From now on what cannot be done at once is left to the next start, and nothing more is taken.
  /// `drain` says so too.
  void hurry();
  /// Takes no more, requeues what has not begun, and ends when no job runs. Jobs that still run
  /// after `limit` are interrupted.
  Task<void> drain(milliseconds limit);
  /// Asks all running jobs to stop.
  void stop_jobs(StopKind kind);
  /// The same of one.
  void stop_job(const std::string& key, StopKind kind);

  /// As those of Cancels.
  bool cancel(const std::string& key_or_id) { return cancels_.cancel(key_or_id); }
  Task<Result<void>> cancel_for_front_end(std::string job_id) {
    return cancels_.cancel_for_front_end(std::move(job_id));
  }
  Task<Result<void>> cancel_by_key(std::string key) {
    return cancels_.cancel_by_key(std::move(key));
  }
  /// As that of OwnedJobs.
  Task<Result<void>> end_dead_letter(std::string key, std::optional<Message> again) {
    return owned_.end_dead_letter(std::move(key), std::move(again));
  }

  const Ledger& ledger() const { return context_.ledger; }
  const Slots& slots() const { return context_.slots; }
  /// Messages that wait here for a slot of their runner.
  int ahead() const { return context_.ahead.count() + context_.slot_queue.size(); }

  /// Takes nothing new from that queue until it is resumed: what waits here ahead of a slot goes
  /// back, what is ours waits, what runs goes on. `since`: microseconds since 1970, not 0. Nothing
  /// is done for a queue that is not read here.
  void pause(const std::string& queue, std::int64_t since);
  void resume(const std::string& queue);
  /// 0: it is not paused.
  std::int64_t paused_since(const std::string& queue) const;

  /// Takes no more messages while `why` is not empty; what runs goes on.
  void hold(const std::string& why);
  /// Why nothing is taken from any queue: the journal, the disk. Empty: it is.
  const std::string& trouble() const {
    const std::string& trouble = context_.journal_watch.trouble();
    return trouble.empty() ? held_ : trouble;
  }
  /// Why no job begins though journal and disk are well: rbit has not begun, or drains. Empty: they
  /// may.
  std::string standstill() const;
  /// Queues whose runner cannot work now, with the reason.
  std::map<std::string, std::string> paused() const;
  /// The same, and those whose runner has not said yet that it can.
  std::map<std::string, std::string> unready() const;

 private:
  struct Line {  // a queue; one that is not read any more stays, with nobody
    std::shared_ptr<const Binding> binding;
    std::optional<Credit> told;  // to the transport; none: it may have used that up
    SteadyTime nothing_ahead_until{};
    std::int64_t paused_since = 0;
  };
  /// What the credit of all queues comes of. That of one runner's comes of its slots too, and of
  /// what it has ahead.
  struct Common {
    bool takes = false;
    int free_slots = 0;
    bool slot_is_open = false;
    int readiness = 0, settling = 0;  // changes of theirs
    bool operator==(const Common&) const = default;
  };
  struct Team {  // a runner and its queues
    std::vector<Line*> lines;
    std::vector<Line*> routed;  // whose messages may be its
    std::optional<Credit> told;
    bool is_full = false;  // no more may be ahead
  };

  Task<void> follow_to_its_end(OpenAttempt open, std::unique_ptr<KeptAttempt> kept);
  std::string unrest() const;
  /// None: that queue is not read here, or none of its messages are that runner's any more.
  std::shared_ptr<const Binding> binding_of(const std::string& queue,
                                            const std::string& runner) const;
  void add_crew(const Crew& crew);
  std::shared_ptr<Binding> made(const std::string& queue, const std::string& runner) const;
  std::shared_ptr<Binding> made(const std::string& queue, const QueueRunner& its) const;
  void leave(const std::string& queue, Line& line);
  static std::vector<std::string> runners_of(const Line& line);
  void deliver(Delivery delivery);
  bool waits_ahead(Line& line, Delivery& delivery);
  void begin(Line& line, Delivery delivery, Slot slot);
  Task<void> carry(Line& line, Delivery delivery, Slot slot);
  Task<void> carry_routed(std::shared_ptr<const Binding> binding, Delivery delivery,
                          SlotQueue::Coming coming);
  bool takes() const;
  bool takes_for(const std::string& runner) const;
  bool may_begin_of(const Binding& binding) const;
  bool may_take_slot(const std::string& runner);
  Slot slot_for(const std::string& runner);
  bool is_guest(const std::string& runner) const;
  bool has_guests() const;
  void go_on();
  void serve_slot_queue();
  void begin_ahead();
  void update_credit();
  Common common() const;
  void update_credit_of(const std::string& runner, Team& team, bool all);
  Credit credit_of(const std::string& runner, Team& team);
  Credit credit_of_routed(const Binding& binding);
  void tell(Line& line, const Credit& of_its_runner);
  void use_up(Line& line);

  DispatchContext context_;
  Readiness readiness_;
  EarlyAck early_ack_;
  Recorder recorder_;
  Settling settling_;
  Cancels cancels_;
  JobFlow flow_;
  OwnedJobs owned_;
  OpenSlot open_slot_;
  std::map<std::string, Line> lines_;  // by queue
  std::map<std::string, Crew> crews_;  // by name
  std::map<std::string, Team> teams_;  // by runner
  std::vector<Line*> used_up_;         // those the transport may wait for
  std::set<std::string> touched_;      // runners whose credit may have changed
  Common common_;                      // as the transport was told of it
  bool going_on_ = false, go_on_again_ = false;
  bool started_ = false;
  bool open_ = false;
  bool draining_ = false;
  std::string held_;  // why others want us to take nothing
};

}  // namespace rbit
