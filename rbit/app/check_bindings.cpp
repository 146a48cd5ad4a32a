#include <algorithm>
#include <nlohmann/json.hpp>

#include "rbit/app/amqp_checks.h"
#include "rbit/app/management.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

/// The keys by which the exchange sends to the queue. Returns none if nobody knows, and then
/// `findings` say why.
std::optional<std::vector<std::string>> keys_of(const std::string& queue,
                                                const config::Settings& settings,
                                                const Management& management, Findings& findings) {
  const std::string thing = "management at " + management.base();
  const auto answer = management.get("queues/" + management.virtual_host() + "/" +
                                     HttpClient::escape(queue) + "/bindings");
  if (!answer) {
    findings.fail({thing, answer.error().what(),
                   "enable the plugin rabbitmq_management, or correct the port"});
  } else if (answer->status == 401) {
    findings.fail({thing, "refuses user '" + settings.broker.user + "'",
                   "rabbitmqctl set_user_tags " + settings.broker.user + " management"});
  } else if (answer->status == 404) {
    findings.ok("queue " + text::one_line(queue, 300) + ": no bindings, for it is not there yet");
  } else if (const auto parsed = json::parse(answer->body);
             answer->status != 200 || !parsed || !parsed->is_array()) {
    findings.fail({thing, "does not answer as RabbitMQ does: " + std::to_string(answer->status),
                   "correct the port"});
  } else {
    std::vector<std::string> keys;
    for (const auto& one : *parsed)
      if (one.is_object() && one.value("source", nlohmann::json()) == settings.exchange &&
          one.contains("routing_key") && one["routing_key"].is_string())
        keys.push_back(one["routing_key"]);
    return keys;
  }
  return std::nullopt;
}

/// PyBit's web publishes with dots, and the Blocked jobs of the oldest rbits with the queue's name.
void judge(const config::QueueMapping& mapping, const std::vector<std::string>& keys,
           const config::Settings& settings, Findings& findings) {
  const std::string thing = "queue " + text::one_line(mapping.queue, 300);
  const std::string from = " from exchange " + text::one_line(settings.exchange, 300);
  std::vector<std::string> missing;
  for (const auto& key : {mapping.dotted_route, mapping.queue})
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) missing.push_back(key);
  if (missing.empty())
    findings.ok(thing + ": bound" + from + " by both keys");
  else if (settings.declare == config::Declare::yes)
    findings.ok(thing + ": not bound" + from + " by " + text::join(missing, ", ") +
                " yet; rbit does it");
  else if (missing.front() == mapping.dotted_route)
    findings.fail({thing, "nothing comes" + from + " by PyBit's key " + mapping.dotted_route,
                   "bind it, or write [rbit] declare = yes"});
  else
    findings.warn({thing, "nothing comes" + from + " by its own name, the key of the oldest rbits",
                   "bind it too if one of them still runs"});
}

}  // namespace

void check_bindings(const config::Settings& settings, int port, Findings& findings) {
  const auto management = Management::at(settings, port);
  if (!management) return findings.warn(management.error());
  for (const auto& mapping : settings.queues) {
    if (!mapping.legacy) continue;  // whoever publishes binds these, by keys of his own
    const auto keys = keys_of(mapping.queue, settings, *management, findings);
    if (keys) judge(mapping, *keys, settings, findings);
  }
}

}  // namespace rbit
