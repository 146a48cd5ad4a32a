#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/task.h"
#include "rbit/core/journal.h"
#include "rbit/core/progress_text.h"
#include "rbit/core/queue_count.h"
#include "rbit/monitor/page_source.h"

namespace rbit {

/// One report target, for /metrics and the page.
struct TargetView {
  std::string target;  // "log", "pybit", "amqp"
  std::string state;   // "up", "down", "paused"
  std::string reason;  // why it is not up
  std::uint64_t sent = 0, dropped = 0, failed = 0;
  std::optional<std::int64_t> oldest;  // microseconds since 1970, of the oldest report that waits
};

/// The file system below one of our directories.
struct DiskView {
  std::string name;                  // "state-dir", "work-dir"
  std::int64_t free = 0, total = 0;  // bytes
};

/// One queue of the configuration.
struct QueueNumbers {
  std::string queue;
  int running = 0;
  QueueCount count;
  bool is_paused = false;  // by hand
  std::string unread;      // why no message of it may be taken at this moment; empty: one may
};

/// What /metrics and the checks of health show beside the counters. Asked for at each scrape:
/// cheap, however long journal and queues are.
struct MonitorNumbers {
  bool connected = false;
  std::string away;      // why not
  bool blocked = false;  // the broker takes no messages for now
  int running = 0, slots = 0;
  int ahead = 0;  // messages that wait here for a slot
  std::int64_t reports_waiting = 0;
  bool outbox_well = true;   // the health module "outbox"; false too while the intake is paused
  bool runners_well = true;  // false: queues wait for a broken one; then a health module "runners"
  /// Queues that are not read, and why; then a health module "queues".
  std::map<std::string, std::string> unread;
  std::string paused;      // why nothing is taken from any queue; empty: it is
  std::string standstill;  // why no job begins though all is well: rbit starts, or drains
  std::vector<QueueNumbers> queues;
  std::vector<DiskView> disks;
  std::vector<TargetView> targets;
};

struct QueueView {
  std::string queue, runner;
  std::string state;  // "consuming", "paused", "not read"
  int running = 0;
  std::string why = "";           // it is not consuming: "libfoo.so is missing"
  std::int64_t paused_since = 0;  // somebody paused it then, microseconds since 1970; 0: nobody has

  /// "paused: libfoo.so is missing"
  std::string text() const { return why.empty() ? state : state + ": " + why; }
};

/// What the plain page shows. Texts may hold anything: the page escapes them.
struct MonitorDetails {
  std::string name;    // of this rbit
  std::string broker;  // "localhost:5672, connected", without user and password
  std::vector<QueueView> queues;
  std::vector<JobRecord> running, last;
  std::map<std::string, ToldProgress> progress;  // of those that run and have told it, by key
};

/// Where the monitor asks; filled by the app, called on the loop's thread.
struct MonitorSource {
  std::function<MonitorNumbers()> numbers;
  std::function<MonitorDetails()> details;
  /// Sees to it that the counts of the queues are fresh in `numbers`; takes a moment at the most.
  std::function<Task<void>()> count_queues = []() -> Task<void> { co_return; };
  PageSource page;
};

}  // namespace rbit
