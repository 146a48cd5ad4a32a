#include "rbit/run/job_environment.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "rbit/base/json.h"
#include "rbit/core/job_field.h"
#include "rbit/core/runner_words.h"
#include "rbit/core/task_message.h"
#include "rbit/run/shell_rewrite.h"

namespace rbit {

namespace {

using nlohmann::ordered_json;

/// As RFC 3339, in UTC. No time, and one beyond the years 1 to 9999, is the zero time of its shape.
std::string time_text(std::optional<std::int64_t> seconds) {
  constexpr std::int64_t year_one = -62'135'596'800, year_10000 = 253'402'300'800;
  if (!seconds || *seconds < year_one || *seconds >= year_10000) return "0001-01-01T00:00:00Z";
  const auto time = static_cast<std::time_t>(*seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

ordered_json headers_of(const MessageHead& message) {
  ordered_json headers;  // null where there are none
  for (const auto& [name, value] : message.headers)
    std::visit([&, &key = name](const auto& one) { headers[key] = one; }, value);
  return headers;
}

/// Fills a JobEnvironment in, in the order of what matters most.
class Filler {
 public:
  void add(std::string_view name, std::string_view value) {
    const std::size_t size = name.size() + 1 + value.size() + 1;  // "NAME=value" and its NUL
    if (value.find('\0') != std::string_view::npos) return leave_out(name, "has a NUL in it");
    if (size > room_) return leave_out(name, "is too long for the environment");
    set(name, value);
  }
  void leave_out(std::string_view name, std::string why) {
    made_.left_out.push_back({std::string(name), std::move(why)});
    if (name.size() + 2 <= room_) set(name, "");
  }

  /// Variables with names of the message's making: bounded, and of two that give one name the first
  /// counts.
  template <class Entries, class Name, class Text>
  void add_named(const Entries& entries, Name name_of, Text text_of) {
    std::set<std::string> names;
    for (const auto& [key, value] : entries) {
      const std::optional<std::string> text = text_of(value);
      if (!text) continue;
      const std::string name = name_of(key);
      if (name.size() > longest_fact_variable || names.size() == most_fact_variables)
        unnamed_ = true;
      else if (names.insert(name).second)
        add(name, *text);
    }
  }

  JobEnvironment take() {
    std::string names;
    for (const auto& one : made_.left_out) {
      unnamed_ = unnamed_ || names.size() + 1 + one.name.size() > most_names;
      if (names.size() + 1 + one.name.size() > most_names) break;
      names += (names.empty() ? "" : " ") + one.name;
    }
    if (unnamed_) names += names.empty() ? "..." : " ...";
    if (!names.empty()) made_.variables.push_back(left_out_variable + ("=" + names));
    return std::move(made_);
  }

 private:
  static constexpr const char* left_out_variable = "RBIT_LEFT_OUT";
  static constexpr std::size_t most_names = longest_left_out - sizeof "RBIT_LEFT_OUT= ...";

  void set(std::string_view name, std::string_view value) {
    room_ -= name.size() + 1 + value.size() + 1;
    made_.variables.push_back(std::string(name).append("=").append(value));
  }

  std::size_t room_ = job_environment_limit - 1 - longest_left_out;
  bool unnamed_ = false;  // something is left out that has no name here
  JobEnvironment made_;
};

/// The body as JSON, where somebody wants to know of it.
std::optional<nlohmann::json> document_of(const Job& job, const std::vector<MessageFact>& facts) {
  if (!has_members(job.kind) && std::none_of(facts.begin(), facts.end(), is_in_body))
    return std::nullopt;
  auto parsed = json::parse(job.body);
  if (!parsed) return std::nullopt;
  return job.kind == MessageKind::task ? without_envelope(std::move(*parsed)) : std::move(*parsed);
}

void add_task(Filler& filler, const nlohmann::json& document) {
  const auto task = task_of(document);
  if (!task) return;  // the reader would not have taken it
  filler.add("RBIT_TASK_NAME", task->name);
  filler.add("RBIT_TASK_KWARGS", task->kwargs.dump());
  filler.add("RBIT_CALLBACK", task->callback);
}

/// What the line of the runner asks for.
void add_facts(Filler& filler, const Job& job, const std::vector<MessageFact>& facts,
               const nlohmann::json* document) {
  for (std::size_t index = 0; index < facts.size(); ++index) {
    const auto value = fact_of(job, facts[index], document);
    // The reader would not have taken it; but the file may have changed since.
    if (!value && facts[index].required)
      filler.leave_out(fact_variable(index), "is missing");
    else
      filler.add(fact_variable(index), value.value_or(""));
  }
}

void add_properties(Filler& filler, const MessageHead& head) {
  filler.add("RBIT_CORRELATION_ID", head.correlation_id);
  filler.add("RBIT_REPLY_TO", head.reply_to);
  filler.add("RBIT_CONTENT_TYPE", head.content_type);
  filler.add("RBIT_TYPE", head.type);
  filler.add("RBIT_MESSAGE_ID", head.message_id);
  filler.add("RBIT_APP_ID", head.app_id);
  filler.add("RBIT_PRIORITY", head.priority ? std::to_string(*head.priority) : "");
  filler.add("RBIT_MESSAGE_TIMESTAMP", head.timestamp ? std::to_string(*head.timestamp) : "");
  filler.add_named(head.headers, header_variable,
                   [](const HeaderValue& value) { return std::optional(plain_text(value)); });
}

}  // namespace

JobEnvironment job_environment(const Job& job, const std::map<std::string, std::string>& settings,
                               const JobPlaces& places, const std::vector<MessageFact>& facts) {
  const std::optional<nlohmann::json> document = document_of(job, facts);
  Filler filler;
  const auto add = [&](std::string_view name, std::string_view value) { filler.add(name, value); };
  // What we and the configuration say comes first: a message cannot crowd it out. Then what the
  // line needs. The old member `commands` has no bound of its own, so it comes last of its kind.
  add("RBIT_QUEUE", job.queue);
  add("RBIT_RUNNER", job.runner);
  add("RBIT_ATTEMPT", std::to_string(job.attempt));
  add("RBIT_REDELIVERED", job.redelivered ? "1" : "0");
  add("RBIT_WORK_DIR", places.work_dir);
  add("RBIT_MESSAGE_FILE", places.message_file);
  add("RBIT_OUTPUT_DIR", places.output_dir);
  if (!places.config_dir.empty()) add("RBIT_CONFIG_DIR", places.config_dir);
  add("RBIT_MESSAGE_KIND", to_string(job.kind));
  for (const auto& [key, value] : settings)
    if (key != runner_key) add(setting_variable(key), value);
  add("RBIT_KEY", job.key);
  add("RBIT_ROUTING_KEY", routing_key_of(job.head, job.queue));
  add("RBIT_EXCHANGE", job.head.exchange);
  add_facts(filler, job, facts, document ? &*document : nullptr);
  for (const JobField& field : job_fields) {
    const bool is_there = job.kind == MessageKind::pybit || field.placeholder == "STAMP";
    if (is_there && !field.variable.empty()) add(field.variable, field.value(job));
  }
  if (job.kind == MessageKind::task && document) add_task(filler, *document);
  add_properties(filler, job.head);
  if (job.kind == MessageKind::json && document && document->is_object())
    filler.add_named(document->get_ref<const nlohmann::json::object_t&>(), body_variable,
                     [](const nlohmann::json& value) {
                       return value.is_structured() ? std::nullopt
                                                    : std::optional(json::plain_text(value));
                     });
  return filler.take();
}

std::vector<std::string> base_environment(const Account& account, const RunnerPolicy& policy) {
  std::map<std::string, std::string> variables{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"USER", account.name},
      {"LOGNAME", account.name},
      {"SHELL", account.shell},
      {"TERM", "dumb"},
      {"LANG", "C.UTF-8"}};
  if (!account.home.empty()) variables["HOME"] = account.home;
  if (const char* zone = std::getenv("TZ")) variables["TZ"] = zone;
  for (const std::string& name : policy.pass_env)
    if (const char* value = std::getenv(name.c_str())) variables[name] = value;
  for (const auto& [name, value] : policy.env) variables[name] = value;

  std::vector<std::string> environment;
  for (const auto& [name, value] : variables)
    if (!name.starts_with("RBIT_")) environment.push_back(name + "=" + value);
  return environment;
}

bool has_variable(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& variable : environment)
    if (variable.starts_with(name + "=")) return true;
  return false;
}

void set_default(std::vector<std::string>& environment, const std::string& name,
                 const std::string& value) {
  if (!has_variable(environment, name)) environment.push_back(name + "=" + value);
}

std::string message_metadata(const MessageHead& message, const std::string& queue) {
  const ordered_json properties{{"application_headers", headers_of(message)},
                                {"content_type", message.content_type},
                                {"content_encoding", message.content_encoding},
                                {"delivery_mode", message.persistent ? 2 : 1},
                                {"priority", message.priority.value_or(0)},
                                {"correlation_id", message.correlation_id},
                                {"reply_to", message.reply_to},
                                {"expiration", message.expiration},
                                {"message_id", message.message_id},
                                {"timestamp", time_text(message.timestamp)},
                                {"type", message.type},
                                {"user_id", message.user_id},
                                {"app_id", message.app_id}};
  const ordered_json delivery{
      {"message_count", 0},  // only an answer to basic.get has one, and nobody needs it
      {"consumer_tag", message.consumer_tag},
      {"delivery_tag", message.delivery_tag},
      {"redelivered", message.redelivered},
      {"exchange", message.exchange},
      {"routing_key", routing_key_of(message, queue)}};
  const ordered_json metadata{{"properties", properties}, {"delivery_info", delivery}};
  return metadata.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace rbit
