#include "rbit/config/settings.h"

#include <unistd.h>

#include "config_file.h"
#include "tests/support/environment.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

TEST_CASE("what the file does not say is as settings.h and runner_policy.h have it") {
  const auto got = settings(sound);
  const Settings want;
  CHECK(got.slots == want.slots);
  CHECK(got.poll_time == want.poll_time);
  CHECK(got.drain_timeout == want.drain_timeout);
  CHECK(got.declare == want.declare);
  CHECK(got.exchange == want.exchange);
  CHECK(got.broker.local == want.broker.local);
  CHECK(got.broker.tls == want.broker.tls);
  CHECK(got.broker.hosts == want.broker.hosts);
  CHECK(got.broker.port == want.broker.port);
  CHECK(got.broker.user == want.broker.user);
  CHECK(got.broker.password == want.broker.password);
  CHECK(got.broker.virtual_host == want.broker.virtual_host);
  CHECK(got.broker.heartbeat == want.broker.heartbeat);
  CHECK(got.broker.reconnect_ceiling == want.broker.reconnect_ceiling);
  CHECK(got.broker.tls_verify == want.broker.tls_verify);
  CHECK(got.status.report == want.status.report);
  CHECK(got.status.said == want.status.said);
  CHECK(got.status.queue == want.status.queue);
  CHECK(got.status.url == "");
  CHECK(got.monitor.listen == "");
  CHECK(got.monitor.health.success_rate == doctest::Approx(want.monitor.health.success_rate));
  CHECK(got.monitor.health.window == want.monitor.health.window);
  CHECK(got.monitor.health.max_connection_fails == want.monitor.health.max_connection_fails);
  CHECK(got.monitor.metrics_namespace == want.monitor.metrics_namespace);
  CHECK(got.log.level == want.log.level);
  CHECK(got.log.json == want.log.json);
  CHECK(got.log.file == want.log.file);

  const auto plugin = settings("[rbit]\nqueue-mappings = q:p\n[runner:p]\nrunner = plugin!a.so\n");
  const RunnerPolicy& policy = plugin.runners.at("p").policy;
  const RunnerPolicy fresh;
  CHECK(policy.slots == fresh.slots);
  CHECK(policy.timeout == fresh.timeout);
  CHECK(policy.idle_timeout == fresh.idle_timeout);
  CHECK(policy.grace == fresh.grace);
  CHECK(policy.cancel_signal == fresh.cancel_signal);
  CHECK(policy.attempts == fresh.attempts);
  CHECK(policy.retry_delay == fresh.retry_delay);
  CHECK(policy.retry_ceiling == fresh.retry_ceiling);
  CHECK(policy.blocked_exit_codes == fresh.blocked_exit_codes);
  CHECK(policy.strict_exit_codes == fresh.strict_exit_codes);
  CHECK(policy.metadata_fd == fresh.metadata_fd);
  CHECK(policy.keep_warm == fresh.keep_warm);
  CHECK(policy.artifacts == fresh.artifacts);
  CHECK(policy.output_dir == fresh.output_dir);
  CHECK(policy.keep_work == fresh.keep_work);
  CHECK(policy.log_limit == fresh.log_limit);
  CHECK(policy.output_limit == fresh.output_limit);
  CHECK(policy.env == fresh.env);
  CHECK(policy.pass_env == fresh.pass_env);
  CHECK(policy.user == fresh.user);
  CHECK(policy.nice == fresh.nice);
  CHECK(policy.max_memory == fresh.max_memory);
  CHECK(policy.max_processes == fresh.max_processes);
}

TEST_CASE("the interpreter of Python functions, which old files never meant by `python`") {
  CHECK(settings(sound).python == "/usr/bin/python3");
  CHECK(settings("[DEFAULT]\npython = /usr/bin/python2.4\n" + sound).python == "/usr/bin/python3");
  CHECK(settings(sound + "python = /usr/bin/python2.4\n").python == "/usr/bin/python3");
  const auto named = [](const std::string& path) {
    return settings("[rbit]\nqueue-mappings = q:r\npython = " + path +
                    "\n[runner:r]\nrunner = shell!x\n")
        .python;
  };
  CHECK(named("/opt/python/bin/python3") == "/opt/python/bin/python3");
  CHECK(named("venv/bin/python").ends_with("/venv/bin/python"));
  CHECK(named("venv/bin/python").starts_with("/"));
}

TEST_CASE("the name is the host's unless somebody says otherwise") {
  char host[256] = "";
  REQUIRE(::gethostname(host, sizeof host - 1) == 0);
  const std::string text = "[rbit]\nqueue-mappings = q:r\n[runner:r]\nrunner = shell!x\n";
  CHECK(settings(text).name == host);
  CHECK(settings(sound).name == "bench");
  Overrides overrides;
  overrides.name = "other";
  CHECK(ConfigFile(sound).load(overrides).settings.name == "other");
}

TEST_CASE("the state directory: systemd's, root's, the user's") {
  {
    const Variable given("STATE_DIRECTORY", "/run/a:/run/b");
    const auto got = settings(sound);
    CHECK(got.state_dir == "/run/a");
    CHECK(got.work_dir == "/run/a/work");
  }
  const Variable none("STATE_DIRECTORY", nullptr);
  const Variable home("HOME", "/home/u");
  const Variable xdg("XDG_STATE_HOME", nullptr);
  const bool root = ::geteuid() == 0;
  CHECK(settings(sound).state_dir ==
        (root ? "/var/lib/rbit/bench" : "/home/u/.local/state/rbit/bench"));
  if (!root) {
    const Variable state("XDG_STATE_HOME", "/home/u/state");
    CHECK(settings(sound).state_dir == "/home/u/state/rbit/bench");
  }
}

TEST_CASE("relative paths start at the file's directory") {
  const ConfigFile file(sound + "output-dir = out/../there\n[rbit]\nstate-dir = state\n");
  const auto got = file.load().settings;
  CHECK(got.directory == file.directory());
  CHECK(got.state_dir == file.directory() + "/state");
  CHECK(got.work_dir == file.directory() + "/state/work");
  CHECK(got.runners.at("echo").policy.output_dir == file.directory() + "/there");
}

TEST_CASE("poll time: whole seconds, 1 or more; the command line's wins") {
  const auto with = [](const std::string& line) {
    return "[rbit]\nqueue-mappings = q:r\n" + line + "\n[runner:r]\nrunner = shell!x\n";
  };
  CHECK(settings(with("polling_time = 60")).poll_time == std::chrono::seconds(60));
  CHECK(settings(with("poll-time: 2m")).poll_time == std::chrono::seconds(120));
  CHECK(findings(with("poll-time = 0")) ==
        "rbit.ini:3: [rbit] poll-time: '0' is not a whole number of seconds from 1\n");
  CHECK(findings(with("polling_time = 1500ms")) ==
        "rbit.ini:3: [rbit] polling_time: '1500ms' is not a whole number of seconds from 1\n");
  CHECK(findings(with("poll-time = 30\npolling_time = 60")) ==
        "rbit.ini:4: [rbit] 'polling_time' and 'poll-time' (line 3) differ\n");
  CHECK(findings(with("poll-time = 30\npolling_time = 30")) == "");
  Overrides overrides;
  overrides.poll_time = std::chrono::seconds(5);
  CHECK(ConfigFile(with("poll-time = 9")).load(overrides).settings.poll_time ==
        std::chrono::seconds(5));
}

TEST_CASE("[rbit] or [coyote], and not both") {
  CHECK(findings("[amqp]\n") ==
        "rbit.ini: no section [rbit] (write it, with queue-mappings = QUEUE:RUNNER)\n");
  CHECK(findings(sound + "[coyote]\n") ==
        "rbit.ini:6: [coyote] stands beside [rbit] (line 1): only one of them may be there\n");
}

TEST_CASE("other mistakes in [rbit]") {
  CHECK(findings(sound + "[rbit]\nslots = -1\n") ==
        "rbit.ini:6: warning: [rbit] begins again; its keys are added to those from line 1\n"
        "rbit.ini:7: [rbit] slots: '-1' is not a number from 0 to 1024\n");
  const auto with = [](const std::string& line) {
    return findings("[rbit]\n" + line + "\nqueue-mappings = q:r\n[runner:r]\nrunner = shell!x\n");
  };
  CHECK(with("declare = maybe") ==
        "rbit.ini:2: [rbit] declare: 'maybe' is not one of yes, passive, no\n");
  CHECK(with("declare = Passive") == "");
  CHECK(with("drain-timeout = soon") ==
        "rbit.ini:2: [rbit] drain-timeout: 'soon' is not a duration such as 30, 500ms, 90s, 2m, "
        "1h\n");
  CHECK(with("exchange =") == "rbit.ini:2: [rbit] exchange: must be a name of 1 to 255 bytes\n");
}

TEST_CASE("a file that cannot be read is one finding") {
  const ConfigFile file;
  const auto loaded = load(file.directory() + "/none.ini");
  REQUIRE(loaded.findings.size() == 1);
  CHECK(loaded.findings[0].line() ==
        file.directory() +
            "/none.ini: No such file or directory (correct the path, or write the "
            "file: rbit.ini(5) tells how)");
  CHECK_FALSE(loaded.ok());
  const auto directory = load(file.directory());
  REQUIRE(directory.findings.size() == 1);
  CHECK(directory.findings[0].line() == file.directory() + ": is no regular file (name a file)");
}

TEST_CASE("a file that others may change is refused") {
  const ConfigFile file(sound);
  file.write("rbit.ini", sound, 0666);
  const auto loaded = file.load();
  REQUIRE(loaded.findings.size() == 1);
  CHECK(loaded.findings[0].line() ==
        file.path() + ": anybody may change " + file.path() + " (chmod go-w " + file.path() + ")");
  CHECK_FALSE(loaded.ok());
  file.write("rbit.ini", sound, 0660);
  CHECK_FALSE(file.load().ok());
  CHECK(file.load().findings.size() == 1);
}

TEST_CASE("all mistakes come at once, in the order of the file, warnings do not stop") {
  CHECK(findings("early = 1\n[rbit]\nqueue-mappings = q:p\njunk line\n[amqp]\nport = abc\n"
                 "[runner:p]\ntimout = 3\nrunner = shell!x\nattempts = 0\n") ==
        "rbit.ini:1: text before the first [section]\n"
        "rbit.ini:4: not a [section], not 'key = value', not a continuation: 'junk line'\n"
        "rbit.ini:6: [amqp] port: 'abc' is not a number from 1 to 65535\n"
        "rbit.ini:8: warning: [runner:p] unknown key 'timout' (did you mean 'timeout'?)\n"
        "rbit.ini:10: [runner:p] attempts: '0' is not a number from 1 to 1000\n");
  CHECK(ConfigFile(sound + "timout = 3\n").load().ok());
}
