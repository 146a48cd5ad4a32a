#pragma once

#include <cstddef>
#include <cstdint>

/// What rbit and rbit-leader say to each other: one struct a packet on a SOCK_SEQPACKET pair, or
/// its Command alone where there is no more to it, in the byte order of the machine they share.
/// Used by both sides, so nothing here needs the C++ library.
///
/// rbit sends            meaning                                          answer
/// Start and 3 to 5 fds  run a job or a host                              ended, not_started
/// Note                  the host is ready: as it stands now each job     noted
///                       is to leave it
/// Attach and 1 fd       the warm host's next job: its record             none
/// Release               the host's job is over: kill all but the host    released
/// Stop                  the ladder: signal, grace, SIGKILL               none
///
/// A closed socket or a dead rbit is a Stop with what Start or Attach gave, and the leader's end.
namespace rbit::wire {

/// Of everything in this file and of the record. Another rbit-leader than this rbit's is refused.
inline constexpr std::uint32_t version = 5;
/// A packet, strings included; rbit refuses to send a longer one.
inline constexpr std::size_t max_packet = 128 * 1024;
inline constexpr std::size_t max_groups = 256;
inline constexpr int max_fds = 5;
/// Its exit code if it has done nothing at all, for want of something this machine has too little
/// of.
inline constexpr int could_not_begin = 71;  // EX_OSERR
/// What a descriptor more than 0 to 3 may be called: a digit, for more a shell cannot say.
inline constexpr int least_extra = 4, most_extra = 9;

enum class Command : std::uint32_t { start = 1, attach, release, stop, note };

/// Why a job is made to end before its time; in the record by number.
enum class Cause : std::int32_t { none = 0, cancel, interrupt, timeout, idle, output };

/// Which step of setting up a job failed.
enum class Step : std::int32_t {
  none = 0,
  protocol,  // not this rbit's leader
  record,
  process,
  session,
  descriptors,
  directory,
  limits,
  priority,
  user,
  parent,
  exec,
};

/// Descriptors that come with it, in this order: stdin, output (1 and 2), events (3), the record
/// slot's file unless it is a host, and one more if `extra_as` says which number the child knows it
/// by. After the struct: `groups` numbers of 4 bytes, then strings, each ended by NUL: the leader's
/// id, the working directory, `arguments`, `variables`.
struct Start {
  Command command;
  std::uint32_t version;
  std::int32_t stop_signal;
  std::int32_t nice;
  std::int64_t grace_ms;
  std::uint64_t max_memory;  // bytes: address space of each, memory of all in a cgroup; 0: no limit
  std::uint64_t descriptors;    // the job may have open: its soft limit
  std::uint64_t serial;         // of its record
  std::uint32_t uid, gid;       // used if change_user
  std::uint32_t max_processes;  // of the job in a cgroup, else of the job's user; 0: no limit
  std::uint32_t groups;
  std::uint32_t arguments, variables;
  std::uint8_t change_user, is_host;
  std::uint8_t extra_as;  // 0: there is none
  std::uint8_t unused[5];
};

struct Attach {
  Command command;
  std::int32_t stop_signal;
  std::int64_t grace_ms;
  std::uint64_t serial;
};

struct Stop {
  Command command;
  Cause cause;
  std::int32_t signal;  // SIGKILL: no ladder
  std::uint32_t unused;
  std::int64_t grace_ms;
};

enum class Kind : std::int32_t { ended = 1, not_started, released, unkillable, noted };

/// What the job of a host left otherwise than it was noted: bits of Answer::left.
enum Left : std::uint32_t {
  left_thread = 1 << 0,
  left_child = 1 << 1,  // one that has ended and that the host has not waited for
  left_timer = 1 << 2,
  left_descriptor = 1 << 3,
  lost_descriptor = 1 << 4,  // closed, or open to something else
  changed_umask = 1 << 5,
  changed_signals = 1 << 6,
  changed_limits = 1 << 7,
  changed_place = 1 << 8,      // current directory, root
  changed_rights = 1 << 9,     // user, groups, capabilities, seccomp
  changed_priority = 1 << 10,  // niceness, processors, how readily it is killed for memory
  is_hidden = 1 << 11,         // it cannot be looked at any more
  changed_namespaces = 1 << 12,
  left_locked_memory = 1 << 13,  // which is never swapped out
};

/// The last bit of Left.
inline constexpr std::uint32_t last_left = left_locked_memory;

struct Answer {
  Kind kind;
  std::int32_t exit_code;     // -1: by a signal
  std::int32_t signal;        // 0: by exit
  Cause cause;                // of the ladder if it began before the end
  Step step;                  // not_started: where, and ...
  std::int32_t error;         // ... errno
  std::int32_t outlived;      // processes that were left and killed; unkillable: that could not be
  std::int32_t record_error;  // errno of writing the record; 0: it is there
  std::int32_t oom_kills;     // of its processes by the kernel, for want of memory
  std::uint32_t left;         // released: bits of Left
  std::int64_t cpu_micros;    // released: of this job alone
  std::int64_t peak_memory_kib;  // of its largest process
};

/// The record (record_layout.h) is text. Begin: "rbit-leader 5\npid N\nstart N\nboot UUID\nid
/// HEX\n" and how many this leader has begun; end: the sum of the begin it belongs to, and one of
/// the lines below that.
inline constexpr const char* record_begin_format =
    "rbit-leader %u\npid %d\nstart %llu\nboot %s\nid %s\n";
inline constexpr const char* record_number_format = "number %u\n";
inline constexpr const char* record_of_format = "of %08x\n";
inline constexpr const char* record_end_format =
    "end exit %d signal %d cause %d outlived %d cpu %lld peak %lld oom %d\n";
inline constexpr const char* record_failed_format = "failed step %d errno %d\n";
inline constexpr const char* record_released_line = "released\n";
/// Up to version 4 all that was one file of an attempt's own: begin, end, and this line, the FNV-1a
/// sum of all before it.
inline constexpr std::uint32_t last_without_slots = 4;
inline constexpr const char* record_sum_format = "sum %016llx\n";

inline std::uint64_t sum(const char* bytes, std::size_t count) {
  std::uint64_t value = 14695981039346656037ull;
  for (std::size_t i = 0; i < count; ++i)
    value = (value ^ static_cast<unsigned char>(bytes[i])) * 1099511628211ull;
  return value;
}

}  // namespace rbit::wire
