#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/disk.h"
#include "rbit/base/names.h"
#include "rbit/core/health_settings.h"
#include "rbit/core/route.h"
#include "rbit/core/runner_policy.h"
#include "rbit/core/status.h"
#include "rbit/log/handler.h"

namespace rbit::config {

/// Where a value stands. Line 0: nowhere, it is the default.
struct Place {
  std::string file;
  int line = 0;

  /// "line 4", or "other.ini:4" if that is another file than the reader has before him.
  std::string seen_from(const Place& here) const;
};

/// Something to tell about the file. Errors stop the start (exit 78), warnings do not.
struct Finding {
  enum class Severity { warning, error };
  Severity severity = Severity::error;
  Place place;
  std::string text;
  bool strict = false;  // a warning that `rbit check --strict` takes for an error

  /// "rbit.ini:14: [runner:pdf] unknown key 'timout' (did you mean 'timeout'?)"
  std::string line() const;
};

struct BrokerSettings {
  bool local = false;  // url = local:, the embedded queue
  bool tls = false;
  std::vector<std::string> hosts{"localhost"};  // "host" or "host:port", v6 in brackets
  int port = 5672;
  std::string user = "guest", password = "guest", virtual_host = "/";
  std::chrono::seconds heartbeat{30};
  std::chrono::milliseconds reconnect_ceiling{30'000};
  std::string ca_file, cert_file, key_file;
  bool tls_verify = true;
};

struct StatusSettings {
  std::vector<std::string> report{"log"};  // of log, pybit, amqp, webhook
  bool said = false;                       // [status] report or the section is there
  std::string url;                         // of the PyBit front-end, http://HOST:PORT
  std::vector<std::string> allow_hosts;    // exact host:port of messages that may be reported to
  std::string username, password;
  std::string queue = "acme-status";
  bool check_before_build = true;
  std::string webhook_url;              // http(s)://...
  std::string webhook_secret;           // of the signature; empty: it is not signed
  bool webhook_body = false;            // the message's body is in it
  std::map<Status, std::string> names;  // name-STATE: how the front-end calls ours

  bool reports_to(std::string_view sink) const {
    return std::find(report.begin(), report.end(), sink) != report.end();
  }
};

struct MonitorSettings {
  std::string listen;  // HOST:PORT; empty: off
  std::string token_file;
  std::string metrics_path = "/metrics";  // empty: not served
  HealthSettings health;
  std::string metrics_namespace = "rbit";
  std::map<std::string, std::string> labels;
};

struct LogSettings {
  std::string level = "INFO";             // DEBUG INFO WARNING ERROR CRITICAL
  bool json = false, with_facts = false;  // as log::HandlerSettings
  std::vector<std::string> redact;        // texts that are never shown
  std::string file;                       // empty: stderr
  std::string shown_as;                   // what our own logger is called in it; empty: rbit
  // What Python's logging sections say; empty where [log] file does.
  std::vector<log::HandlerSettings> handlers;
  std::vector<log::LoggerSettings> loggers;
  // Of the logs of jobs; 0: no limit.
  int keep_days = 30;
  std::int64_t keep_size = 10LL << 30;
};

struct RunnerSettings {
  std::string name;
  Place place;                     // of the section
  std::string line;                // the value of `runner`; of a script the line that runs it
  std::string script;              // absolute; empty: none
  std::vector<std::string> shell;  // of a shell line: program and options
  Place line_place;
  RunnerPolicy policy;
};

/// When a hook runs.
enum class HookEvent { before, done, failed, blocked, cancelled, connection_fail };

inline constexpr Named<HookEvent> hook_event_names[] = {
    {HookEvent::before, "before"},       {HookEvent::done, "done"},
    {HookEvent::failed, "failed"},       {HookEvent::blocked, "blocked"},
    {HookEvent::cancelled, "cancelled"}, {HookEvent::connection_fail, "connection-fail"}};

/// Between the first signal to a hook and SIGKILL.
inline constexpr std::chrono::milliseconds hook_grace{2'000};

struct HookSettings {
  std::string name;
  Place place;       // of the section
  std::string line;  // the value of `run`, as that of a runner
  Place line_place;
  std::set<HookEvent> on;
  std::vector<std::string> runners;  // whose jobs it is about; empty: all
  bool required = false;             // of `before`: what fails it fails the job
  RunnerPolicy policy;

  bool is_about(std::string_view runner) const {
    return runners.empty() || std::find(runners.begin(), runners.end(), runner) != runners.end();
  }
  /// Whether it hears of ends of attempts: of what the outbox brings it.
  bool hears_ends() const {
    return std::any_of(on.begin(), on.end(), [](HookEvent event) {
      return event != HookEvent::before && event != HookEvent::connection_fail;
    });
  }
};

struct RouteSettings {
  std::string name;
  Place place;                         // of the section
  std::shared_ptr<const Route> route;  // none: it is mistaken
  // queue-of: where tasks of these names go that follow another.
  std::map<std::string, std::string> queues;
};

struct QueueMapping : QueueRunner {
  std::string queue;
  Place place;
  bool legacy = false;       // from distribution/architecture/suites/format
  std::string dotted_route;  // DIST.ARCH.SUITE.FORMAT, legacy only

  /// Its runner, or its route, as the file names it.
  std::string shown() const { return route ? "route:" + route->name() : runner; }
};

enum class Declare { yes, passive, no };

/// The whole file, checked, with every default filled in.
struct Settings {
  std::string file;       // as named on the command line; "-": standard input
  std::string directory;  // absolute, of the file: relative paths in it start there
  bool coyote = false;    // [coyote] instead of [rbit]
  std::string name;       // default: the host name
  std::vector<QueueMapping> queues;
  std::optional<std::chrono::seconds> poll_time;  // none: subscribe
  int slots = 0;                                  // 0: as many as processors
  std::string state_dir, work_dir;                // absolute
  disk::Limit min_free_disk;
  std::chrono::milliseconds drain_timeout{600'000};
  Declare declare = Declare::yes;
  bool quorum = false;  // queue-type
  std::string exchange = "pybit";
  std::string python = "/usr/bin/python3";   // the interpreter of `python!` runners, absolute
  std::optional<std::string> command_queue;  // PyBit's name of us; none: there is none
  std::string event_key = "iniesta_pass";    // the header that names an event
  BrokerSettings broker;
  StatusSettings status;
  MonitorSettings monitor;
  LogSettings log;
  std::map<std::string, RunnerSettings> runners;  // by NAME, used or not
  std::map<std::string, RouteSettings> routes;    // by NAME
  std::map<std::string, HookSettings> hooks;      // by NAME

  /// The runners that queues name, themselves or by a route.
  std::set<std::string> runners_in_use() const {
    std::set<std::string> names;
    for (const QueueMapping& mapping : queues)
      for (const std::string& runner : mapping.all()) names.insert(runner);
    return names;
  }
  std::vector<std::string> queue_names() const {
    std::vector<std::string> names;
    for (const QueueMapping& mapping : queues) names.push_back(mapping.queue);
    return names;
  }
};

/// `Place::file` of what the environment says.
inline constexpr const char* environment_place = "environment";

/// One value in force, as it was or would be written. For `show`.
struct Value {
  std::string section, key, text;  // section without its brackets
  Place place;                     // file empty: the default
  bool secret = false;
  std::string digest{};  // of a secret, or of the named file's content: to see that it has changed
};

struct Loaded {
  Settings settings;
  std::vector<std::string> files;  // as findings name them: the first, then those it includes
  std::vector<Finding> findings;   // in the order of the files
  std::vector<Finding> doubts;     // warnings that only `rbit check` tells, strict ones all
  std::vector<Value> values;       // in the order `show` prints them
  bool ok() const;                 // no errors among them
  /// Whether it stands before the other one.
  bool is_before(const Place& one, const Place& other) const;
  void sort_findings();
  void error(const Place& place, std::string text);
  void warning(const Place& place, std::string text, bool strict = false);
  void doubt(const Place& place, std::string text);
};

/// What the command line says instead of the file.
struct Overrides {
  std::optional<std::string> name;  // the default of state-dir follows it
  std::optional<std::chrono::seconds> poll_time;
  bool debug = false;  // log level DEBUG
};

/// Reads and checks the file and those it includes; "-" is standard input. All mistakes are
/// collected, none thrown; a file that cannot be read is one finding. Reads the password files it
/// names, writes nothing.
Loaded load(const std::string& path, const Overrides& overrides = {});

/// Every value in force and where it comes from, for `rbit config`: "(rbit.ini:14) grace = 30s",
/// "(default) attempts = 5", grouped under their [section] lines; secrets as ***.
std::string show(const Loaded& loaded);

}  // namespace rbit::config
