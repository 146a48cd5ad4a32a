#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/core/journal.h"
#include "rbit/core/runner.h"
#include "rbit/core/runner_policy.h"
#include "rbit/core/transport.h"
#include "rbit/dispatch/backlog.h"
#include "rbit/dispatch/early_ack.h"
#include "rbit/dispatch/job_flow.h"
#include "rbit/dispatch/running_jobs.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// Brings messages and runners together: asks the transport for as many messages as there are free
/// slots, starts a JobFlow for each, and stops it all in order. On the loop's thread.
class Dispatcher {
 public:
  /// `links.journal_failed`, `is_broken` and `kept` are the dispatcher's own and need not be set.
  Dispatcher(const asio::any_io_executor& loop, Clock& clock, Journal& journal,
             Transport& transport, int slots, FlowLinks links);

  /// `runner` must outlive this. Several queues may have one runner.
  void bind(const std::string& queue, const std::string& runner_name, Runner& runner,
            const RunnerPolicy& policy);

  /// Connects and prepares the runners; takes nothing yet.
  void start();
  /// Begins to take messages of each queue, as soon as its runner says that it can work.
  void open();

  /// An attempt of an earlier life whose verdict was found in its leader's record. False: told to
  /// hurry before that was on record.
  Task<bool> conclude(Job job, Outcome outcome, std::string record_dir);

  /// What the broker was found to allow as `ack-after`; none: nothing is known of it.
  void limit_ack_after(std::optional<milliseconds> limit) { early_ack_.set_limit(limit); }

  /// From now on what cannot be done at once is left to the next start. `drain` says so too.
  void hurry() { flow_.hurry(); }
  /// Takes no more, gives back what has not begun, and ends when no job runs. Jobs that still run
  /// after `limit` are interrupted.
  Task<void> drain(milliseconds limit);
  /// Asks all running jobs to stop.
  void stop_jobs(StopKind kind);
  /// Of a job that runs, or that waits in the journal for a slot or for its time. False: there is
  /// no such job here. By key or by PyBit's job id.
  bool cancel(const std::string& key_or_id);

  /// A front-end wants the job of this id cancelled, wherever it is: it runs here, waits here or at
  /// the broker, or was not seen yet. One that is over is left alone. An Error: it is not on
  /// record, ask again; what runs is asked to stop all the same.
  Task<Result<void>> cancel_for_front_end(std::string job_id);

  /// A dead letter that waits here until the broker takes it: `again` goes into its queue, as a new
  /// message and first, or nothing does, and then it is gone. An Error: it stays.
  Task<Result<void>> end_dead_letter(std::string key, std::optional<Message> again);

  const RunningJobs& running() const { return running_; }
  const Slots& slots() const { return slots_; }
  /// Takes no more messages while `why` is not empty; what runs goes on.
  void hold(const std::string& why);
  /// Why nothing is taken from any queue: the journal, the disk. Empty: it is.
  const std::string& trouble() const { return journal_trouble_.empty() ? held_ : journal_trouble_; }
  /// Queues whose runner cannot work now, with the reason.
  std::map<std::string, std::string> paused() const;

 private:
  struct Seat {  // a runner and its state
    Runner* runner = nullptr;
    bool ready = false;
    bool preparing = false;
    int looks = 0;  // how often it was tried whether it can work
    std::string trouble;
  };
  static constexpr int unknown = -1;
  struct Line {  // a queue
    Binding binding;
    int credit = unknown;  // last told to the transport
  };

  void deliver(Delivery delivery);
  void take_over();
  void start_owned();
  Task<void> resume(Line& line, std::string key);
  void let_go(std::string key);
  void give_backlog_back();
  Task<void> finish_owned(std::string key);
  std::string waiting_job(const std::string& key_or_id) const;
  Task<void> cancel_owned(std::string key);
  Task<bool> stop_running(std::string job_id);
  bool ask_to_stop(const std::string& job_id);
  void flow_ended();
  void kept(const JobRecord& job);
  Task<void> move_dead_letters(milliseconds pause);
  void update_credit();
  void prepare(const std::string& runner_name);
  Task<void> prepare_until_ready(std::string runner_name);
  Task<bool> is_broken(std::string runner_name);
  void journal_failed(const Error& error);
  void short_of(const Outcome& outcome, int waiting);
  Task<void> wait_for_room();
  Task<void> wait_for_journal();

  asio::any_io_executor loop_;
  Clock& clock_;
  Journal& journal_;
  Transport& transport_;
  Slots slots_;
  RunningJobs running_;
  Backlog backlog_;
  Alarm backlog_alarm_;
  EarlyAck early_ack_;
  JobFlow flow_;
  std::map<std::string, std::unique_ptr<Line>> lines_;  // by queue
  std::map<std::string, Seat> seats_;                   // by runner name
  Notice seats_changed_;                                // a look at a runner has ended
  bool started_ = false;
  bool open_ = false;
  bool draining_ = false;
  std::string journal_trouble_;  // or of a disk that jobs need; empty: they work
  std::string sick_place_;       // the file or directory that was told of for it
  std::string held_;             // why others want us to take nothing
  bool short_ = false;           // of something that jobs need to begin
  SteadyTime last_short_;
  bool starting_owned_ = false;
  bool has_dead_letters_ = false;  // that nobody took so far
  int flows_ = 0;                  // under way, the quick ones too
  int undecided_ = 0;              // of them, those that may yet take a slot
  Notice flow_ended_;
};

}  // namespace rbit
