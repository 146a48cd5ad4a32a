#include "rbit/config/key_table.h"

#include "rbit/base/text.h"
#include "rbit/config/settings.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

using T = KeyType;

std::string name(Status status) {
  return std::string(to_string(status));
}

// A default stands where its value is kept; here it is only written. But those of choices and of
// artifacts-when have no other words.
const Settings usual;
const RunnerPolicy policy;

// What 0 means where it is allowed stands in the text of the key.
const Key table[] = {
    {"rbit", "name", T::text, "",
     "The name of this rbit: PyBit's \"BuildBox\". Default: the host's name."},
    {"rbit", "include", T::list, "",
     "Further files to read, with blanks or commas between, * and ? in their last part as in a "
     "shell. Their sections are added to those here; a key that is said again replaces the one "
     "before, but queue-mappings are added. A relative path starts at this file."},
    {"rbit", "queue-mappings", T::list, "",
     "Which runner does the jobs of which queue: QUEUE:RUNNER, one a line. RUNNER is the NAME of a "
     "section [runner:NAME]. QUEUE:route:NAME has them shared out by [route:NAME]."},
    {"rbit", "distribution", T::text, "",
     "The older way to name queues, with architecture, suites and format: each suite gives the "
     "queue DISTRIBUTION_ARCHITECTURE_SUITE_FORMAT, done by the runner of the same name."},
    {"rbit", "architecture", T::text, "", "See distribution."},
    {"rbit", "suites", T::list, "", "See distribution. Several, with commas between."},
    {"rbit", "format", T::text, "", "See distribution."},
    {"rbit", "poll-time", T::duration, "",
     "Look for messages every so many seconds instead of subscribing to the queues. Default: "
     "subscribe, which is faster.",
     1, 2'000'000, "", "polling_time"},
    {"rbit", "slots", T::number, std::to_string(usual.slots),
     "How many jobs run at once. 0: as many as there are processors.", 0, 1024},
    {"rbit", "state-dir", T::path, "",
     "Where the journal, the job logs and kept artifacts lie. Default: what systemd gives, else "
     "/var/lib/rbit/NAME for root and ~/.local/state/rbit/NAME for others."},
    {"rbit", "work-dir", T::path, "",
     "Where each job gets its own directory. Default: work below state-dir."},
    {"rbit", "min-free-disk", T::space, written(usual.min_free_disk),
     "How much of the disk must be free, below state-dir and below work-dir, for rbit to take "
     "messages: a size, a share, or both, of which the smaller counts. When there is less, jobs "
     "that run go on; when there is half as much again, rbit does too. 0: take them all the same."},
    {"rbit", "drain-timeout", T::duration, written(usual.drain_timeout),
     "How long running jobs may go on after rbit was asked to stop."},
    {"rbit", "declare", T::choice, "yes",
     "Whether rbit makes missing queues (yes), only looks whether they are there (passive), or "
     "leaves all that to others (no).",
     0, 0, "yes|passive|no"},
    {"rbit", "queue-type", T::choice, "classic",
     "The type of rbit's own queues at the broker, rbit.retry.* and rbit.dead.*: classic, or "
     "quorum for a cluster. One that exists with the other type is used as it is.",
     0, 0, "classic|quorum"},
    {"rbit", "python", T::path, usual.python,
     "The interpreter of Python functions, Python 3.7 or later. Not read from [DEFAULT]."},
    {"rbit", "exchange", T::text, usual.exchange,
     "The direct exchange that queues named by distribution are bound to, and the command queue."},
    {"rbit", "command-queue", T::text, "",
     "The queue that a PyBit front-end's cancels come by; it exists while rbit runs, and shows the "
     "front-end that its client is active. Default: build_client_NAME where report has pybit, else "
     "none. yes: that one all the same. no: none, and a running job cannot be cancelled from "
     "there."},

    {"amqp", "url", T::text, "",
     "The broker in one line: amqp://USER:PASSWORD@HOST:PORT/VIRTUAL_HOST, amqps:// for TLS, or "
     "local: for the queue built into rbit. Several hosts with commas between. Replaces host and "
     "port.",
     0, 0, "", "", true},
    {"amqp", "host", T::list, text::join(usual.broker.hosts, ", "),
     "The broker's host, or several of one cluster: HOST or HOST:PORT, with commas or blanks "
     "between."},
    {"amqp", "port", T::number, std::to_string(usual.broker.port),
     "The port of hosts that name none.", 1, 65535},
    {"amqp", "user", T::text, usual.broker.user, "Who logs in."},
    {"amqp", "password", T::text, usual.broker.password,
     "With which password. Better in a password-file.", 0, 0, "", "", true},
    {"amqp", "password-file", T::path, "",
     "A file that holds the password and nothing else, readable by its owner only. Without it and "
     "password: the variable RBIT_AMQP_PASSWORD, or systemd's credential amqp-password."},
    {"amqp", "virtual_host", T::text, usual.broker.virtual_host, "The virtual host."},
    {"amqp", "heartbeat", T::duration, written(usual.broker.heartbeat),
     "Time between signs of life on the connection; the broker may ask for less."},
    {"amqp", "reconnect-ceiling", T::duration, written(usual.broker.reconnect_ceiling),
     "The longest pause between tries to reach a broker that is away. The first pauses are below "
     "half a second, and each may be twice as long."},
    {"amqp", "ca-file", T::path, "",
     "Certificates of the authorities to trust (PEM). Default: the system's. With amqps:// only, "
     "as the next three."},
    {"amqp", "cert-file", T::path, "", "Our own certificate (PEM)."},
    {"amqp", "key-file", T::path, "", "Our own private key (PEM)."},
    {"amqp", "tls-verify", T::flag, written(usual.broker.tls_verify),
     "Whether the broker must prove who it is. no: TLS with whoever answers, on this machine only, "
     "with a warning at each connect."},

    {"runner", "runner", T::text, "",
     "What does the job: shell!COMMAND LINE, plugin!LIBRARY.so:NAME or python!MODULE:FUNCTION. "
     "This or script is required."},
    {"runner", "script", T::text, "",
     "Instead of runner: a program and its arguments. The program starts at the file's directory, "
     "must be executable, and is looked for by rbit check; the arguments are words of a shell "
     "line, placeholders too, on one line or several. Nothing else is run, so ; & | < > ( ) ` and "
     "# stand in quotes. With a runner it is a setting."},
    {"runner", "shell", T::text, "/bin/sh",
     "What runs a shell line, with its options, such as /bin/bash -euo pipefail. Known are sh, "
     "dash, ash and bash, and without placeholders ksh, mksh and zsh. No script is run by it."},
    {"runner", "message", T::choice, "pybit",
     "What its messages are. pybit: build requests. json: any JSON text, whose members are reached "
     "by %{/POINTER}. raw: any bytes. task: the name of a task and its arguments. See "
     "rbit-messages(7).",
     0, 0, "pybit|json|raw|task"},
    {"runner", "schema", T::path, "",
     "A JSON Schema (drafts 4, 6 and 7) that its messages must fit; with message = json or pybit. "
     "A "
     "$ref leads to a file beside it."},
    {"runner", "on-invalid", T::choice, "dead",
     "What becomes of a message of its kind that does not fit: a dead letter (dead), nothing "
     "(drop: "
     "it is counted and gone), or another try after retry-delay, attempts times (retry), then a "
     "dead letter. One that is not even of its kind is a dead letter in any case.",
     0, 0, "dead|drop|retry"},
    {"runner", "may-publish", T::list, "",
     "Where its jobs may publish, as EXCHANGE:KEY with blanks between them; * in the key stands "
     "for "
     "anything within a word, # for any rest. :QUEUE is a queue, by the default exchange. Without "
     "it they may publish nothing."},
    {"runner", "reply", T::flag, written(policy.reply),
     "Whether the end of a job is sent to the queue that its message names in reply_to, with its "
     "correlation_id: status, message and result as JSON."},
    {"runner", "on-done-publish", T::text, "",
     "EXCHANGE KEY: where the result of a job that is done is published, or an empty message if it "
     "has none. KEY alone is a queue, by the default exchange."},
    {"runner", "metrics", T::list, "",
     "The metrics that its jobs may change, as NAME or NAME(LABEL,LABEL) with blanks between them. "
     "They are served beside rbit's own, under these names; jobs of several runners may share one. "
     "A name that ends in _total is a counter, any other a gauge. At most 100 sets of label values "
     "each."},
    {"runner", "slots", T::number, std::to_string(policy.slots),
     "How many jobs of this runner run at once. 0: no limit but that of [rbit].", 0, 1024},
    {"runner", "prefetch-ahead", T::number, "",
     "How many messages may be here ahead of the slots while jobs of this runner are short, so "
     "that the next one begins at once: at most this many, and no more than begin within a tenth "
     "of a second by what its jobs took lately. They stay the broker's, and go back when a job "
     "turns out long. 0: none. Default: 16 where message is json or raw, none for builds. The "
     "embedded queue needs none.",
     0, 1000},
    {"runner", "timeout", T::duration, written(policy.timeout),
     "How long one attempt may take. 0: for ever."},
    {"runner", "idle-timeout", T::duration, written(policy.idle_timeout),
     "How long a job may go without output or event. 0: for ever."},
    {"runner", "grace", T::duration, written(policy.grace),
     "How long a job has between the signal that asks it to end and SIGKILL."},
    {"runner", "cancel-signal", T::text, "",
     "The signal that asks a job to end: TERM, INT, HUP, a number ... Default: INT for a cancel, "
     "as PyBit's client sent it, TERM for a timeout and for rbit's own stop."},
    {"runner", "ack-after", T::text, written(*policy.ack_after),
     "A message whose job takes longer than this is acknowledged while the job runs, once the job "
     "is on record as ours; the broker would take it back after its acknowledgement timeout, 30 "
     "minutes by default. never: only when the job has ended. Not for the embedded queue, which "
     "has no such timeout."},
    {"runner", "attempts", T::number, std::to_string(policy.attempts),
     "How often a blocked job is tried before it has failed.", 1, 1000},
    {"runner", "retry-delay", T::duration, written(policy.retry_delay),
     "How long after its first attempt a blocked job is tried again; doubled each time."},
    {"runner", "retry-ceiling", T::duration, written(policy.retry_ceiling),
     "Where that doubling ends."},
    {"runner", "blocked-exit-codes", T::list, std::to_string(*policy.blocked_exit_codes.begin()),
     "Exit codes of a shell line that mean: not now, try again later. Numbers, and ranges such as "
     "1-255."},
    {"runner", "exit-codes", T::choice, "plain",
     "How the exit codes of a shell line are read. plain: 0 is Done, blocked-exit-codes are "
     "Blocked, others Failed. strict: as rabbitmq-cli-consumer does with --strict-exit-code; 0 is "
     "Done, 3 and 5 are Failed, 4 and 6 Blocked, any other is tried once more.",
     0, 0, "plain|strict"},
    {"runner", "metadata-fd", T::number, std::to_string(policy.metadata_fd),
     "The descriptor on which a shell line finds the message's properties as JSON, 3 to 9, see "
     "rbit-runner(7). 3: in place of the events. 0: none.",
     0, 9},
    {"runner", "keep-warm", T::number, std::to_string(policy.keep_warm),
     "How many jobs the process of a plugin or of a Python function does before a new one takes "
     "its place. A shell line is always started anew.",
     1, 1'000'000},
    {"runner", "artifacts", T::list, "",
     "Which files of the work directory to keep, as patterns such as *.pdf, with blanks between "
     "them; one that holds a blank is quoted. ** stands for directories of any depth, dist/ for "
     "all that is in dist. What matches and is no file of the job's own is passed over; more than "
     "100,000 files or 64 GiB a job are an error."},
    {"runner", "artifacts-required", T::list, "",
     "The same; a job that is done and leaves nothing for one of these patterns is Failed. "
     "artifacts-when must have done."},
    {"runner", "artifacts-when", T::list, "done failed",
     "How a job must have ended for its artifacts to be kept: any of done, failed, timeout, "
     "blocked and crashed."},
    {"runner", "output-dir", T::path, "",
     "Where artifacts go; an older file of the same name is replaced. %ID, %VERSION and the other "
     "placeholders of shell lines are fields of the job, each one text within a name, %(key)s is a "
     "setting: /srv/out/%ID/%JOB has a directory for each job, /srv/out/%{/order} one for each "
     "order "
     "(see rbit-messages(7)). Default: output below state-dir."},
    {"runner", "keep-work", T::flag, written(policy.keep_work),
     "Whether the work directory of a job stays when the job is over, as QUEUE+KEY-ATTEMPT below "
     "work-dir."},
    {"runner", "log-limit", T::size, written_size(policy.log_limit),
     "How much of a job's output is kept: the first and the last half.", 4096, 1LL << 40},
    {"runner", "output-limit", T::size, written_size(policy.output_limit),
     "How much a job may write, to its output or to descriptor 3, kept or not; one that writes "
     "more is stopped and has failed. 0: any number, what is not kept is counted and thrown away.",
     0, 1LL << 50},
    {"runner", "env.", T::text, "", "A variable for the job's environment: env.NAME = VALUE."},
    {"runner", "pass-env", T::list, "",
     "Names of variables that jobs get from rbit's own environment."},
    {"runner", "user", T::text, "",
     "Which user jobs run as; needs root, and a work-dir he can get to. Default: the one rbit runs "
     "as."},
    {"runner", "nice", T::number, std::to_string(policy.nice),
     "The priority of jobs, from -20 to 19; a higher number is a lower priority.", -20, 19},
    {"runner", "max-memory", T::size, written_size(policy.max_memory),
     "The address space each process of a job may have and, where rbit has control groups, the "
     "memory of the job as a whole. 0: no limit.",
     0, 1LL << 50},
    {"runner", "max-processes", T::number, std::to_string(policy.max_processes),
     "How many processes and threads a job may have where rbit has control groups; elsewhere the "
     "user it runs as, unless that is root. 0: no limit.",
     0, 4'000'000},

    {"status", "report", T::list, "",
     "Where statuses go: log, pybit, amqp, webhook. Default: log; pybit too if url or allow-hosts "
     "is "
     "given, amqp if queue is, or in a [coyote] file without this section, webhook if webhook-url "
     "is."},
    {"status", "url", T::text, "", "The PyBit front-end: http://HOST:PORT."},
    {"status", "allow-hosts", T::list, "",
     "Without url: which hosts, as HOST:PORT, a message may name for its reports."},
    {"status", "username", T::text, "", "Who logs in at PyBit."},
    {"status", "password", T::text, "", "With which password. Better in a password-file.", 0, 0, "",
     "", true},
    {"status", "password-file", T::path, "",
     "A file that holds the password and nothing else, readable by its owner only. Without it and "
     "password: the variable RBIT_STATUS_PASSWORD, or systemd's credential status-password."},
    {"status", "queue", T::text, usual.status.queue, "The queue that report = amqp sends to."},
    {"status", "check-before-build", T::flag, written(usual.status.check_before_build),
     "Whether PyBit is asked how it has a job before that is built: one that is done, has failed "
     "or was cancelled there is not built, one that another client builds is put back for "
     "retry-delay, attempts times. Within 5 seconds; a PyBit that gives no answer holds nothing "
     "up. Only where report has pybit."},
    {"status", "webhook-url", T::text, "",
     "http://HOST... or https://HOST...: gets each status as one JSON object by POST, with report "
     "= "
     "webhook; see rbit-messages(7). It holds no user and no password."},
    {"status", "webhook-secret-file", T::path, "",
     "A file that holds a secret and nothing else, readable by its owner only: each POST is signed "
     "with it, X-Rbit-Signature: sha256=HMAC of the body."},
    {"status", "webhook-body", T::flag, written(usual.status.webhook_body),
     "Whether the body of the job's message is in it, as member body, in base64 if it is not "
     "UTF-8."},
    {"status", "name-waiting", T::text, name(Status::waiting),
     "What the front-end calls a job that waits."},
    {"status", "name-building", T::text, name(Status::building), "What it calls a job that runs."},
    {"status", "name-done", T::text, name(Status::done), "What it calls a job that succeeded."},
    {"status", "name-failed", T::text, name(Status::failed), "What it calls a job that did not."},
    {"status", "name-blocked", T::text, name(Status::blocked),
     "What it calls a job that is tried again later."},
    {"status", "name-cancelled", T::text, name(Status::cancelled),
     "What it calls a job that somebody stopped."},

    {"route", "by", T::text, "",
     "Which part of a message says whose it is: task, event, routing-key, header:NAME, or a JSON "
     "Pointer such as /order/kind."},
    {"route", "runners", T::list, "",
     "Which runner does which messages: VALUE: RUNNER, one a line. VALUE is all of that part, or "
     "what it begins with and *; the longest that fits counts, and * alone takes the rest. A "
     "message that fits none is a dead letter, reason no-route."},
    {"route", "queue-of", T::list, "",
     "Where tasks go that follow another in its chain and are done elsewhere: TASK: QUEUE, one a "
     "line."},

    {"events", "key", T::text, std::string(usual.event_key),
     "The header that names a message's event; without it the routing key does."},

    {"hook", "run", T::text, "",
     "What a hook does: shell!COMMAND LINE, plugin!LIBRARY.so:NAME or python!MODULE:FUNCTION, as "
     "runner of a [runner:NAME]. Exit code 75: once more later."},
    {"hook", "on", T::list, "",
     "When: any of before, done, failed, blocked, cancelled and connection-fail. before runs in "
     "the "
     "job's slot, before its process; the others when that is on record."},
    {"hook", "runners", T::list, "",
     "Whose jobs it is about, with blanks between the names of runners. Default: all."},
    {"hook", "timeout", T::duration, "10s", "How long it may take; then it is killed."},
    {"hook", "required", T::flag, "no",
     "Of before: whether its failure is the job's. Exit code 75 makes that Blocked, any other "
     "Failed, reason hook."},
    {"hook", "user", T::text, "", "Which user it runs as; needs root. Default: rbit's own."},
    {"hook", "env.", T::text, "", "A variable for its environment: env.NAME = VALUE."},
    {"hook", "pass-env", T::list, "",
     "Names of variables that it gets from rbit's own environment."},

    {"monitor", "listen", T::text, "",
     "HOST:PORT of the page with health and metrics, such as 127.0.0.1:8080. Default: none. Other "
     "than loopback only with token-file."},
    {"monitor", "token-file", T::path, "",
     "A file that holds the token visitors must bring, readable by its owner only. Who brings it "
     "may "
     "also act from the page: cancel, retry, pause, replay, drop. Without a token nobody may."},
    {"monitor", "success-rate", T::fraction, written(usual.monitor.health.success_rate),
     "Which share of the jobs must succeed for rbit to be healthy."},
    {"monitor", "health-window", T::duration, written(usual.monitor.health.window),
     "Over which time that is counted."},
    {"monitor", "max-connection-fails", T::number,
     std::to_string(usual.monitor.health.max_connection_fails),
     "How many failures in a row to reach the broker make rbit unhealthy.", 1, 1'000'000},
    {"monitor", "metrics-namespace", T::text, usual.monitor.metrics_namespace,
     "What the names of the metrics begin with."},
    {"monitor", "label.", T::text, "",
     "A label for every metric: label.NAME = VALUE. None that metrics of rbit have already."},

    {"log", "level", T::choice, usual.log.level, "The least important records that are written.", 0,
     0, "DEBUG|INFO|WARNING|ERROR|CRITICAL"},
    {"log", "format", T::choice, "generic",
     "Lines as Python's generic format has them, with levels cut to five letters (generic); lines "
     "with levels written whole and, where they are about a job, its facts behind them: job, "
     "queue, "
     "runner, attempt, key, package, version (text); or one JSON object a line with the same facts "
     "(json).",
     0, 0, "generic|text|json"},
    {"log", "redact", T::list, "",
     "Texts that the log, errors, the journal and reports must not show, beside the passwords that "
     "rbit knows of: *** takes their place, also where they are percent-encoded, in base64 or go "
     "over the end of a line. Those of less than 4 bytes are not hidden.",
     0, 0, "", "", true},
    {"log", "file", T::path, "", "The file the log goes to. Default: standard error."},
    {"log", "keep-days", T::number, std::to_string(usual.log.keep_days),
     "The logs of jobs, below state-dir, that are older are removed. 0: never for their age.", 0,
     36500},
    {"log", "keep-size", T::size, written_size(usual.log.keep_size),
     "What the logs of jobs may take together; the oldest are removed first. 0: no limit.", 0,
     1LL << 50},
};

std::string hyphenated(std::string_view name) {
  return text::replaced(name, {{'_', "-"}});
}

}  // namespace

std::span<const Key> key_table() {
  return table;
}

const Key* find_key(std::string_view section, std::string_view written) {
  for (const Key& key : table) {
    if (key.section != section) continue;
    if (key.name == written || (!key.old_name.empty() && key.old_name == written)) return &key;
    if (key.family() && written.size() > key.name.size() && written.starts_with(key.name))
      return &key;
    // A runner's `output_dir` may be a setting of that name: only rbit's own sections are lenient.
    if (section != "runner" && hyphenated(key.name) == hyphenated(written)) return &key;
  }
  return nullptr;
}

std::vector<std::string> key_names(std::string_view section) {
  std::vector<std::string> names;
  for (const Key& key : table)
    if (key.section == section && !key.family()) names.emplace_back(key.name);
  return names;
}

std::string_view table_section(std::string_view section) {
  if (section == "coyote") return "rbit";
  if (section.starts_with("runner:")) return "runner";
  if (section.starts_with("hook:")) return "hook";
  if (section.starts_with("route:")) return "route";
  for (const Key& key : table)
    if (key.section == section && section != "runner" && section != "hook" && section != "route")
      return key.section;
  return "";
}

bool is_logging_section(std::string_view section) {
  return section == "loggers" || section == "handlers" || section == "formatters" ||
         section.starts_with("logger_") || section.starts_with("handler_") ||
         section.starts_with("formatter_");
}

bool is_secret_name(std::string_view key) {
  const std::string name = text::lower(key);
  for (const char* word : {"password", "secret", "token", "key"})
    if (name.find(word) != std::string::npos) return true;
  return false;
}

std::string wanted(const Key& key) {
  switch (key.type) {
    case KeyType::number:
      return "a number from " + std::to_string(key.least) + " to " + std::to_string(key.most);
    case KeyType::fraction:
      return "a number from 0 to 1";
    case KeyType::duration:
      return "a duration such as 30, 500ms, 90s, 2m, 1h";
    case KeyType::size:
      return "a size such as 512K, 16M, 2G";
    case KeyType::space:
      return "a size such as 512M, a share such as 5%, or both with a comma between";
    case KeyType::flag:
      return "yes or no";
    case KeyType::choice:
      return "one of " + text::join(text::split(key.choices, '|'), ", ");
    case KeyType::path:
      return "a path";
    case KeyType::list:
      return "a list";
    case KeyType::text:
      break;
  }
  return "text";
}

}  // namespace rbit::config
