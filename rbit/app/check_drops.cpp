// Policies and arguments by which the broker drops messages of queues that rbit reads or makes. Of
// a limit that both name the lower one counts, so nothing that rbit declares keeps a policy off its
// queues; a policy of a higher priority does, for one queue has one policy. Measured on RabbitMQ
// 3.10.8: `expires` and `message-ttl` of a policy count on queues of ours; its `max-length` is
// harmless, for our queues refuse what is too much, unless its `overflow` says otherwise and they
// are quorum queues.
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>

#include "rbit/app/amqp_checks.h"
#include "rbit/app/management.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/intake/queue_names.h"

namespace rbit {

namespace {

using nlohmann::json;

enum class Role { work, delay, dead };

constexpr const char* guard =
    R"(give rbit's own queues a policy that comes first: rabbitmqctl set_policy --priority 1000 )"
    R"(rbit '^rbit\.(dead|retry)\.' '{"overflow":"reject-publish"}')";

/// A number that limits something, in JSON.
std::string number_in(const json& members, const std::string& name) {
  const auto found = members.is_object() ? members.find(name) : members.end();
  if (!members.is_object() || found == members.end() || !found->is_number_integer()) return "";
  return std::to_string(found->get<std::int64_t>());
}

/// What a queue's arguments, or its policy, say.
struct Limits {
  const json& members;
  std::string prefix;         // "x-" of arguments
  std::string who;            // "its argument", "policy 'p'"
  std::string by_operator{};  // the name of an operator policy that says it too; none: empty
  json operators_keys{};      // what that one says, if that is known

  /// Whether it is the operator policy's doing: of two numbers the lower one counts.
  bool is_operators(const std::string& key) const {
    if (by_operator.empty()) return false;
    return who.empty() || number_in(operators_keys, key) == number_in(members, key);
  }
  std::string number(const char* name) const { return number_in(members, prefix + name); }
  std::string overflow() const {
    return rbit::json::text_in(members, (prefix + "overflow").c_str());
  }
};

class Drops {
 public:
  Drops(const Management& management, Findings& findings)
      : management_(management), findings_(findings) {}

  /// The queue that reports go to.
  void ask_status(const std::string& queue) { ask_one(queue, Role::work); }

  void ask(const std::string& queue) {
    ask_one(queue, Role::work);
    ask_one(dead_queue(queue), Role::dead);
    const std::string delay = retry_queues(queue);
    const auto list =
        read("queues/" + management_.virtual_host() +
             "?page=1&page_size=100&use_regex=false&name=" + HttpClient::escape(delay));
    bool any = false;
    if (list && list->is_object() && list->contains("items") && (*list)["items"].is_array())
      for (const json& one : (*list)["items"]) {
        const std::string name = rbit::json::text_in(one, "name");
        if (!name.starts_with(delay)) continue;
        any = true;
        judge(name, one, Role::delay);
      }
    if (!any) judge_by_policies(delay + "60000", Role::delay);
  }

 private:
  std::optional<json> read(const std::string& path) {
    const auto answer = management_.get(path);
    if (!answer || answer->status != 200) return std::nullopt;
    auto parsed = rbit::json::parse(answer->body);
    if (!parsed) return std::nullopt;
    return *parsed;
  }

  void ask_one(const std::string& name, Role role) {
    const auto queue =
        read("queues/" + management_.virtual_host() + "/" + HttpClient::escape(name));
    if (queue && queue->is_object())
      judge(name, *queue, role);
    else
      judge_by_policies(name, role);
  }

  void judge(const std::string& name, const json& queue, Role role) {
    const json nothing = json::object();
    const auto member = [&](const char* key) -> const json& {
      const auto found = queue.find(key);
      return found == queue.end() ? nothing : *found;
    };
    const json& arguments = member("arguments");
    const bool quorum = rbit::json::text_in(arguments, "x-queue-type") == "quorum";
    const Limits own{arguments, "x-", "its argument"};
    judge(name, own, role, own.overflow());
    const Limits given = policies_of(queue, member("effective_policy_definition"));
    const bool argument_wins = !quorum && !own.overflow().empty();
    judge(name, given, role,
          argument_wins || given.overflow().empty() ? own.overflow() : given.overflow());
  }

  /// `definition`: what the queue's policy and its operator policy, if it has both, say together.
  Limits policies_of(const json& queue, const json& definition) {
    Limits given{definition, "", "policy '" + rbit::json::text_in(queue, "policy") + "'"};
    const std::string by_operator = rbit::json::text_in(queue, "operator_policy");
    if (by_operator.empty()) return given;
    if (rbit::json::text_in(queue, "policy").empty()) given.who.clear();
    given.by_operator = by_operator;
    const auto known =
        read("operator-policies/" + management_.virtual_host() + "/" +
             HttpClient::escape(by_operator));  // an operator's right, which ours may not have
    if (known && known->is_object() && known->contains("definition"))
      given.operators_keys = (*known)["definition"];
    else if (!given.who.empty())
      given.who += " or operator policy '" + by_operator + "'";
    return given;
  }

  /// Judges a queue that is not there yet by the policies that it will get.
  void judge_by_policies(const std::string& name, Role role) {
    if (!policies_) policies_ = read("policies/" + management_.virtual_host());
    if (!operators_) operators_ = read("operator-policies/" + management_.virtual_host());
    judge_by_first(policies_, false, name, role);
    judge_by_first(operators_, true, name, role);
  }

  void judge_by_first(const std::optional<json>& policies, bool operators, const std::string& name,
                      Role role) {
    if (!policies || !policies->is_array()) return;  // our user may not read them
    const json* first = nullptr;
    for (const json& one : *policies)
      if (fits(one, name) && (first == nullptr || priority_of(one) > priority_of(*first)))
        first = &one;
    if (first == nullptr || !first->contains("definition")) return;
    const std::string policy = rbit::json::text_in(*first, "name");
    Limits given{(*first)["definition"], "", operators ? "" : "policy '" + policy + "'"};
    if (operators) given.by_operator = policy;
    const bool ours = role != Role::work && given.overflow().empty();
    judge(name, given, role, ours ? "reject-publish" : given.overflow());
  }

  static bool fits(const json& policy, const std::string& name) {
    const std::string to = rbit::json::text_in(policy, "apply-to");
    if (to == "exchanges" || to == "streams") return false;
    try {
      return std::regex_search(name, std::regex(rbit::json::text_in(policy, "pattern")));
    } catch (const std::regex_error&) {
      return false;
    }
  }
  static std::int64_t priority_of(const json& policy) {
    const auto found = policy.find("priority");
    return found != policy.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  }

  /// `overflow`: what the queue does with one message too many.
  void judge(const std::string& name, const Limits& limits, Role role,
             const std::string& overflow) {
    const auto warn = [&](const char* key, const std::string& value, const std::string& what) {
      const bool operators = limits.is_operators(key);
      std::string cure =
          limits.prefix.empty()
              ? "take it out of the policy, or give this queue another one"
              : "delete the queue when it is empty, and make it without that argument";
      if (operators)
        cure = "no other policy helps against it: rabbitmqctl clear_operator_policy " +
               limits.by_operator + ", or set_operator_policy with a pattern that leaves it out";
      else if (role != Role::work)
        cure = guard;
      findings_.warn({"queue " + text::one_line(name, 300),
                      (operators ? "operator policy '" + limits.by_operator + "'" : limits.who) +
                          " (" + limits.prefix + key + " = " + value + ") " + what,
                      cure});
    };
    if (const auto value = limits.number("expires"); !value.empty())
      warn("expires", value, "deletes it with all that is in it when nobody reads it for so long");
    if (const auto value = limits.number("message-ttl"); !value.empty() && role != Role::delay)
      warn("message-ttl", value, "drops what waits there for longer");
    if (!overflow.starts_with("reject-publish"))
      for (const char* key : {"max-length", "max-length-bytes"})
        if (const auto value = limits.number(key); !value.empty())
          warn(key, value, "drops the oldest messages when there are more");
    if (const auto value = limits.number("delivery-limit"); !value.empty() && role != Role::delay)
      warn("delivery-limit", value, "drops what comes back more often than that");
  }

  const Management& management_;
  Findings& findings_;
  std::optional<json> policies_, operators_;
};

}  // namespace

void check_drops(const config::Settings& settings, int port, Findings& findings) {
  const auto management = Management::at(settings, port);
  if (!management) return;  // check_bindings has said why
  const auto overview = management->get("overview");
  if (!overview || overview->status != 200)
    return findings.warn(
        {"policies at " + management->base(),
         "are not known: " + (overview ? "it answered " + std::to_string(overview->status)
                                       : overview.error().reason),
         "enable the plugin rabbitmq_management, correct the port, or give the user the tag "
         "management"});
  Drops drops(*management, findings);
  for (const auto& mapping : settings.queues) drops.ask(mapping.queue);
  if (settings.status.reports_to("amqp")) drops.ask_status(settings.status.queue);
}

}  // namespace rbit
