#include <boost/asio/io_context.hpp>
#include <iostream>

#include "rbit/app/amqp_wiring.h"
#include "rbit/app/app.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/amqp_tls_check.h"
#include "rbit/base/disk.h"
#include "rbit/base/loopback.h"
#include "rbit/base/secrets.h"
#include "rbit/base/text.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/make_runner.h"

namespace rbit {

namespace {

Task<void> try_runner(Runner& runner, LeaderPool& leaders, std::string name, bool& failed) {
  const Result<void> able = co_await runner.prepare();
  if (able) {
    std::cout << "ok   [runner:" << name << "] can work\n";
  } else {
    std::cout << "FAIL [runner:" << name << "] "
              << text::one_line(secrets::redacted(able.error().text())) << "\n";
    failed = true;
  }
  co_await runner.close();
  co_await leaders.close();
}

/// Starts what the runner would start before its first job; no message is touched.
bool check_runner(const Configuration& configuration, const std::string& name) {
  const config::Settings& settings = configuration.settings();
  const RunPlace place = run_place(settings, settings.state_dir);
  asio::io_context loop{1};
  LeaderPool leaders(loop.get_executor(), place.leader_program);
  const auto runner = make_runner(loop.get_executor(), configuration.lines.at(name), name,
                                  settings.runners.at(name).policy, place, leaders);
  bool failed = false;
  spawn(loop.get_executor(), try_runner(*runner, leaders, name, failed), "check");
  loop.run();
  return !failed;
}

/// Where rbit will write: on a disk that can be relied on, with room enough to begin.
bool check_disk(const config::Settings& settings) {
  if (disk::is_on_network(settings.state_dir)) {
    std::cout << "FAIL " << StateDir::network_error(settings.state_dir).text() << "\n";
    return false;
  }
  for (const auto& [key, path] :
       {std::pair{"state-dir", settings.state_dir}, std::pair{"work-dir", settings.work_dir}}) {
    const auto space = disk::space_at(path);
    if (!space) {
      std::cout << "warn [rbit] " << key << ": " << space.error().text() << "\n";
      continue;
    }
    const std::int64_t limit = settings.min_free_disk.of(space->total);
    if (space->free < limit)
      std::cout << "warn [rbit] " << key << ": " << path << " has " << disk::size_text(space->free)
                << " free, and rbit takes nothing below " << disk::size_text(limit)
                << " (make room, or set [rbit] min-free-disk lower)\n";
  }
  return true;
}

/// What can be known of the way to the broker without asking it.
bool check_broker(const config::Settings& settings) {
  if (settings.broker.local) return true;
  const amqp::ConnectionSettings connection = connection_settings(settings, "check");
  std::string hosts;
  for (const auto& endpoint : connection.endpoints)
    hosts += (hosts.empty() ? "" : ", ") + endpoint.text();
  std::cout << "ok   [amqp] " << hosts << ", user '" << connection.user << "', virtual host '"
            << connection.virtual_host << "'\n";
  if (!connection.tls) {
    for (const auto& endpoint : connection.endpoints)
      if (!is_loopback(endpoint.host))
        std::cout << "warn [amqp] the password travels to " << endpoint.text()
                  << " unencrypted (amqps:// and port 5671 would protect it)\n";
    return true;
  }
  if (!connection.tls->verify)
    std::cout << "warn [amqp] tls-verify = no: nobody knows who answers\n";
  bool good = true;
  for (const auto& finding : amqp::check_tls_files(*connection.tls)) {
    std::cout << (finding.fatal ? "FAIL " : "warn ") << "[amqp] " << finding.error.text() << "\n";
    good = good && !finding.fatal;
  }
  return good;
}

}  // namespace

ExitCode check_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit check CONFIG";
  line.about =
      "Finds what can be known before a job is lost, one line a finding: ok, warn or FAIL.\n"
      "Ends with 0, with 1 if something failed, with 78 if the file itself does not load.";
  line.positions = {"CONFIG"};
  const auto values = parse(line, arguments);
  const Configuration configuration = read_configuration(values["CONFIG"].as<std::string>());
  for (const auto& finding : configuration.loaded.findings) {
    const bool warning = finding.severity == config::Finding::Severity::warning;
    std::cout << (warning ? "warn " : "FAIL ") << finding.line() << "\n";
  }
  if (!configuration.ok()) return ExitCode::config;
  std::cout << "ok   " << configuration.settings().file << ": "
            << configuration.settings().queues.size() << " queues, "
            << configuration.settings().runners.size() << " runners\n";
  bool all_work = check_disk(configuration.settings());
  all_work = check_broker(configuration.settings()) && all_work;
  for (const auto& [name, runner] : configuration.lines)
    all_work = check_runner(configuration, name) && all_work;
  return all_work ? ExitCode::ok : ExitCode::failed;
}

}  // namespace rbit
