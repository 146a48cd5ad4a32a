#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "rbit/base/backoff.h"
#include "rbit/base/clock.h"
#include "rbit/base/notice.h"
#include "rbit/core/delivery.h"
#include "rbit/core/journal.h"
#include "rbit/core/runner.h"
#include "rbit/core/standing.h"
#include "rbit/dispatch/backlog.h"
#include "rbit/dispatch/early_ack.h"
#include "rbit/dispatch/recall.h"
#include "rbit/dispatch/retry_policy.h"
#include "rbit/dispatch/running_jobs.h"
#include "rbit/dispatch/slots.h"

namespace rbit {

/// What a queue's messages are done by. Must outlive the flow.
struct Binding {
  std::string queue;
  std::string runner_name;
  Runner* runner = nullptr;
  RetryPolicy retry;
  std::optional<milliseconds> ack_after;  // none: a message is acknowledged when its job has ended
  bool can_own = false;  // messages can be acknowledged before that: the journal stands for them
};

/// What others may want to know of the flow, and what it needs of other rooms. All but `ask` are
/// set.
struct FlowLinks {
  /// Message to request; the Error's thing is the reason word `undecodable` or `invalid`.
  std::function<Result<BuildRequest>(const Message&)> read;
  /// A fresh directory for the leader's record of this attempt, and its removal after J3.
  std::function<Result<std::string>(const Job&)> make_record;
  std::function<void(const std::string&)> remove_record;
  /// Makes it survive a power cut: its verdict could not be written into the journal yet.
  std::function<void(const std::string&)> sync_record;
  /// A status of a job is on record; the outbox has it for every target.
  std::function<void(const Report&)> told;
  /// How the job's front-end has it, within seconds. None: it is not asked before a build.
  std::function<Task<Standing>(const Job&)> ask;
  /// Whether a job could have its record and its workspace on the disk; tried out.
  std::function<Result<void>()> try_disk;
  /// The journal or the disk could not take a job: no more, please, until they can.
  std::function<void(const Error&)> journal_failed;
  /// A job could not begin for want of something that this machine has too little of; it keeps its
  /// slot and is tried again. `waiting` is how many do so.
  std::function<void(const Outcome&, int waiting)> short_of;
  /// Nothing of the job ran. True: its runner cannot work at all, and its queues wait until it can.
  std::function<Task<bool>(const Binding&)> is_broken;
  /// A message whose copy is refused stays with us: a retry until its time comes, a dead letter
  /// until somebody takes it.
  std::function<void(const JobRecord&)> kept;

  std::function<void(const Message&)> received;
  std::function<void(const Message&, const Error&)> refused;
  /// `told` is the status that was reported of it; none of an interrupted attempt.
  std::function<void(const Job&, const Outcome&, std::optional<Status> told)> finished;
};

/// The story of one message, from its delivery to its settlement. Several are under way at once, on
/// the loop's thread.
class JobFlow {
 public:
  JobFlow(const asio::any_io_executor& loop, Clock& clock, Journal& journal, Slots& slots,
          RunningJobs& running, Backlog& backlog, EarlyAck& early_ack, FlowLinks links)
      : loop_(loop),
        clock_(clock),
        journal_(journal),
        slots_(slots),
        running_(running),
        backlog_(backlog),
        early_ack_(early_ack),
        links_(std::move(links)),
        read_one_(loop) {}

  Task<void> run(const Binding& binding, Delivery delivery);

  /// An owned job of an earlier life that has no verdict runs again, from the journal. `delivery`
  /// is adopted. False: it could not be begun, and is as it was.
  Task<bool> resume(const Binding& binding, const OwnedJob& owned, Delivery delivery, Slot slot);
  /// One that has a verdict: what was to become of its message becomes of it.
  Task<void> settle_owned(const OwnedJob& owned, Delivery delivery);
  /// One that waits here and shall not run any more. Told to stop before that is on record: it is
  /// as it was.
  Task<void> cancel(const OwnedJob& owned, Delivery delivery);
  /// One whose message waits at the broker. It is over at once, and its message answered when it
  /// comes.
  Task<void> cancel_away(const JobRecord& record);
  /// One that has no verdict and will not run here: goes back to its queue.
  Task<void> hand_back(const OwnedJob& owned, Delivery delivery);

  /// Whether the journal and the disk can take a job.
  Task<Result<void>> probe();

  /// How many messages of a queue have a verdict that the broker does not take.
  int stuck(const std::string& queue) const;

  /// J3 and its report for an attempt that ended in an earlier life of rbit. False: told to hurry
  /// before it was on record, and its leader's record is still needed.
  Task<bool> conclude(const Binding& binding, Job job, Outcome outcome, std::string record_dir);

  /// From now on everything is tried once. A settlement that fails goes back, and the journal knows
  /// the answer; a verdict that cannot be written is found in its leader's record at the next
  /// start.
  void hurry() { hurried_ = true; }

 private:
  Task<bool> carry_out(const Binding& binding, RunningJob& running, std::optional<Slot> slot);

  // Before J1: cancels that came first, and the front-end's word (job_flow_before.cpp).
  enum class Before {
    begin,
    over,  // nothing is built: its message is settled, or comes again
    back,  // told to stop meanwhile; nothing has happened
  };
  Task<Before> look_before(const Binding& binding, RunningJob& running, std::optional<Slot>& slot);
  Task<void> accept_unbuilt(RunningJob& running, std::optional<Slot>& slot, Standing standing);
  Task<void> accept_cancelled(RunningJob& running, std::optional<Slot>& slot);
  Task<bool> put_back(const Binding& binding, RunningJob& running, int waited);
  bool is_cancelled(const RunningJob& running) const;
  void heed_cancel(const Job& job, bool asked, Outcome& outcome) const;

  Task<Outcome> attempt(const Binding& binding, RunningJob& running, std::string record_dir,
                        Message envelope, std::optional<Slot>& slot);
  Task<Outcome> attempt_with_patience(const Binding& binding, RunningJob& running,
                                      const std::string& record_dir, const Message& envelope,
                                      std::optional<Slot>& slot);
  bool blame_the_disk(Outcome& outcome);
  Task<void> wait_for_room(const RunningJob& running, milliseconds time);
  Task<bool> begin(RunningJob& running, const std::string& record_dir);
  struct Finished {
    bool on_record = false;
    std::optional<Status> told;
  };
  /// Which job a message is of.
  struct Identity {
    enum class Holder { nobody, itself, other };
    std::string key, digest;
    std::optional<JobRecord> known;  // what the journal has of the key; not read if it runs here
    Holder holder = Holder::nobody;  // what the key stands for already
    /// Of this message alone, also while its key is nobody's.
    std::string mark() const { return key + '#' + digest; }
  };
  Identity look_up(std::string key, std::string digest) const;
  Identity identify(Delivery& delivery) const;
  Task<void> keep_waiting(const Binding& binding, Delivery delivery, BuildRequest request,
                          const Recall& past);
  Task<Result<bool>> may_read(const Identity& identity, Delivery& delivery);
  void end_reading();
  static Backoff patience();
  Task<void> pause(milliseconds time);
  enum class Tell { all, nobody };  // of the verdict
  Task<Finished> finish(const Job& job, const std::string& record_dir, const Outcome& outcome,
                        const Settlement& settlement, Tell tell = Tell::all);
  Task<void> settle_all(RunningJob& running, Settlement settlement);
  Task<void> note_settled(std::string key);
  Task<bool> settle(const std::string& key, Delivery& delivery, const Settlement& settlement);
  Task<bool> keep_here(const std::string& key, Delivery& delivery, const Settlement& settlement,
                       const Error& why);
  Task<void> join(RunningJob& running, Delivery delivery);
  Task<void> acknowledge(Delivery delivery);
  Task<void> answer_again(Delivery delivery, Settlement settlement);
  Task<void> refuse(Delivery delivery, Error why);
  Task<void> pump_statuses(RunningJob& running);
  void note_status(RunningJob& running, Status status, std::string message);
  Job accept(const Binding& binding, const Message& message, BuildRequest request,
             const Recall& past) const;
  void give_back(const Identity& identity);

  asio::any_io_executor loop_;
  Clock& clock_;
  Journal& journal_;
  Slots& slots_;
  RunningJobs& running_;
  Backlog& backlog_;
  EarlyAck& early_ack_;
  FlowLinks links_;
  /// Marks of messages we gave back unread: the broker will call them redelivered, and they are
  /// not.
  std::set<std::string> given_back_;
  std::map<std::string, int> stuck_;  // by queue
  int short_ = 0;                     // jobs that wait for what this machine has too little of
  std::set<std::string> refusing_;    // queues whose copies are refused, said once
  bool hurried_ = false;
  // A message that came before is read alone, else a death would be on record of all of them.
  bool reading_ = false;
  Notice read_one_;
};

}  // namespace rbit
