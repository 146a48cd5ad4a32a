#include "rbit/app/slots.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include "rbit/base/descriptor_limit.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

// Of descriptors. Of a job its leader (2), its pipes (2 or 3), its place (2), its log, its record
// (another one while its verdict is being written) and what it takes to begin and to keep its
// artifacts, which is soon given back.
constexpr std::int64_t of_a_job = 12;
// The place of another user's job, which waits while the slot is used by a job of this one's.
constexpr std::int64_t of_a_place = 2;
// A host that waits for its next job while its slot is used by another runner's.
constexpr std::int64_t of_a_warm_host = 5;
// What comes in and goes out: the control socket and a few who ask, the monitor's visitors,
// front-ends, files that are open for a moment.
constexpr std::int64_t of_others = 20;
/// Who listens to the monitor's page.
constexpr std::int64_t of_listeners = 128;
/// Hooks that hear of ends run beside the jobs, as many at once as the outbox sends.
constexpr std::int64_t of_a_hook = 4 * of_a_job;

std::int64_t of_a_slot(const Configuration& configuration) {
  std::int64_t hosted = 0;
  for (const auto* lines : {&configuration.lines, &configuration.hooks})
    for (const auto& [name, line] : *lines)
      if (line.kind != RunnerLine::Kind::shell) ++hosted;
  std::set<std::string> users;
  for (const auto& [name, runner] : configuration.settings().runners)
    users.insert(runner.policy.user);
  const auto other_users = std::max<std::int64_t>(0, static_cast<std::int64_t>(users.size()) - 1);
  return of_a_job + of_a_warm_host * std::max<std::int64_t>(0, hosted - 1) +
         of_a_place * other_users;
}

int wanted_slots(const config::Settings& settings) {
  if (settings.slots > 0) return settings.slots;
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

int slots_with_room(const Configuration& configuration, const BrokerTraits& broker,
                    std::int64_t in_use) {
  const config::Settings& settings = configuration.settings();
  const int wanted = wanted_slots(settings);
  const std::int64_t each = of_a_slot(configuration);
  const std::int64_t rest = in_use + of_others + broker.descriptors +
                            (settings.monitor.listen.empty() ? 0 : of_listeners) +
                            of_a_hook * static_cast<std::int64_t>(settings.hooks.size());
  const rlim_t limit = raise_descriptor_limit();
  const auto needed = static_cast<rlim_t>(rest + each * wanted);
  if (limit == RLIM_INFINITY || limit >= needed) return wanted;
  const auto room = (static_cast<std::int64_t>(limit) - rest) / each;
  const int slots = static_cast<int>(std::max<std::int64_t>(1, room));
  log::warning(std::to_string(wanted) + " slots need " + std::to_string(needed) +
               " descriptors and there may be " + std::to_string(limit) + ", so " +
               std::to_string(needed - limit) + " are missing: no more than " +
               std::to_string(slots) +
               " jobs are taken at once (raise LimitNOFILE= of the service or ulimit -Hn, or have "
               "fewer slots)");
  return slots;
}

}  // namespace rbit
