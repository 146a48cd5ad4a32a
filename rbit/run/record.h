#pragma once

#include <sys/types.h>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/journal.h"
#include "rbit/core/outcome.h"
#include "rbit/core/runner_policy.h"
#include "rbit/run/leader.h"
#include "rbit/run/run_place.h"

namespace rbit {

/// What a leader wrote into the record of an attempt (rbit/doc/formats.rst, leader-record).
struct LeaderRecord {
  bool running = false;  // it is locked: its leader is still at it, or about to begin
  pid_t pid = 0;         // the leader's, 0: the next two tell whether it is the same
  std::uint64_t start_time = 0;
  std::string boot_id;
  std::string leader_id;  // RBIT_LEADER of all its job's processes
  std::optional<JobEnd> end;
  bool host_released = false;  // a host's: the job was over, its verdict is in its own part
};

/// Returns none if no leader ever began there, so nothing of the attempt ran. An Error: it is not
/// readable. `record` is what the journal has as record_dir, here and below (run/record_slots.h).
Result<std::optional<LeaderRecord>> read_leader_record(const std::string& record);

/// How an attempt of an earlier life of rbit ended, from its record: waits for a leader that is
/// still at it (`grace` and 10 s, then it is killed), ends what a dead one left behind, collects
/// the artifacts, removes the workspace. Returns none if the crash left no verdict, or one that is
/// done without a note of what it sends (run/outcome_file.h) where it may send, or `stop` became
/// true, and the next life finds all as it was. Interrupted: nothing of it ran. Never throws.
Task<std::optional<Outcome>> recover_attempt(OpenAttempt attempt, RunnerPolicy policy,
                                             RunPlace place,
                                             const std::atomic<bool>* stop = nullptr);

/// Ends what is left of something else that an earlier life ran with a record in `directory`, of
/// that alone (`make_record`), `what` for people, and that nobody goes on with: waits for its
/// leader as `recover_attempt` does, and removes workspace and record. Never throws.
Task<void> end_leftover(std::string directory, std::string what, std::chrono::milliseconds grace,
                        RunPlace place);

/// Says where the attempt has its workspace, so that the next life finds it there.
Result<void> note_workspace(const std::string& record, const std::string& root);

/// Says where the attempt's artifacts go, where its message decides that: the next life may not
/// have the message.
Result<void> note_output_dir(const std::string& record, const std::string& output_dir);

/// Makes what is in a record survive a power cut; as well as it can, for the disk may be what is
/// wrong.
void sync_record(const std::string& record);

}  // namespace rbit
