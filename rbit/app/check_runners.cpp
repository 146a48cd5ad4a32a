#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <set>

#include "rbit/app/app.h"
#include "rbit/app/checks.h"
#include "rbit/app/run_alone.h"
#include "rbit/base/shortage.h"
#include "rbit/run/leader_pool.h"
#include "rbit/run/make_runner.h"

namespace rbit {

namespace {

Task<Result<void>> prepare(Runner& runner, LeaderPool& leaders) {
  const Result<void> able = co_await runner.prepare();
  co_await runner.close();
  co_await leaders.close();
  co_return able;
}

/// Starts what it would start before its first job; no message is touched. `section`:
/// "runner:NAME" or "hook:NAME".
Result<void> can_work(const config::Settings& settings, const RunnerLine& line,
                      const std::string& section, const RunnerPolicy& policy) {
  const RunPlace place = run_place(settings, settings.state_dir);
  asio::io_context loop{1};
  LeaderPool leaders(loop.get_executor(), place.leader_program);
  const auto runner = make_runner(loop.get_executor(), line, section, policy, place, leaders);
  Result<void> able = run_alone(loop, prepare(*runner, leaders));
  if (able) return able;
  Error why = able.error();
  if (is_shortage(why.number) && why.cure.empty()) why.cure = cure_of_shortage(why.number);
  return why;
}

/// Whether a broker of such patience would take the message of a long job back while it runs.
void check_patience(const std::string& thing, const RunnerPolicy& policy,
                    std::chrono::milliseconds broker_patience, CheckFindings& findings) {
  const bool ends_in_time = policy.timeout.count() > 0 && policy.timeout < broker_patience;
  if (ends_in_time || (policy.ack_after && *policy.ack_after < broker_patience)) return;
  const std::string patience = duration_text(broker_patience);
  const std::string length = policy.timeout.count() == 0
                                 ? "a job may run for ever (timeout = 0)"
                                 : "a job may run for " + duration_text(policy.timeout);
  const std::string acked = policy.ack_after
                                ? "is acknowledged after " + duration_text(*policy.ack_after)
                                : "is not acknowledged before its end (ack-after = never)";
  findings.warn({thing,
                 length + " and " + acked + ", but the broker takes a message back after " +
                     patience + " unless its consumer_timeout is longer",
                 "set ack-after or timeout below " + patience});
}

}  // namespace

void check_runners(const Configuration& configuration, const BrokerTraits& broker,
                   CheckFindings& findings) {
  const config::Settings& settings = configuration.settings();
  const std::set<std::string> in_use = settings.runners_in_use();
  for (const auto& [name, line] : configuration.lines) {
    const bool used = in_use.contains(name);
    const std::string thing = "[runner:" + name + "]";
    const RunnerPolicy& policy = settings.runners.at(name).policy;
    const Result<void> able = can_work(settings, line, "runner:" + name, policy);
    const Error why = able ? Error() : able.error();
    if (able)
      findings.ok(thing + (used ? " can work" : " can work, and no queue names it"));
    else if (used)
      findings.fail({"", thing + " " + why.what(), why.cure});
    else  // rbit starts without it, and no job can be lost
      findings.warn({"", thing + ", which no queue names: " + why.what(), why.cure});
    if (used && broker.patience) check_patience(thing, policy, *broker.patience, findings);
  }
}

void check_hooks(const Configuration& configuration, const BrokerTraits& broker,
                 CheckFindings& findings) {
  const config::Settings& settings = configuration.settings();
  for (const auto& [name, hook] : settings.hooks) {
    const std::string section = "hook:" + name, thing = "[" + section + "]";
    const Result<void> able =
        can_work(settings, configuration.hooks.at(name), section, hook.policy);
    if (able)
      findings.ok(thing + " can work");
    else
      findings.fail({"", thing + " " + able.error().what(), able.error().cure});
    const bool is_connected = broker.descriptors > 0;
    if (!is_connected && hook.on.contains(config::HookEvent::connection_fail))
      findings.warn({thing, "connection-fail never comes: the embedded queue needs no connection",
                     "leave it out of 'on', or name a broker"});
  }
}

}  // namespace rbit
