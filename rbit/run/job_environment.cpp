#include "rbit/run/job_environment.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "rbit/core/job_field.h"
#include "rbit/core/runner_words.h"

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

}  // namespace

JobEnvironment job_environment(const Job& job, const std::map<std::string, std::string>& settings,
                               const JobPlaces& places) {
  JobEnvironment environment;
  std::size_t room = job_environment_limit - 1;
  const auto add = [&](std::string_view name, std::string_view value) {
    const std::size_t size = name.size() + 1 + value.size() + 1;  // "NAME=value" and its NUL
    if (value.find('\0') != std::string_view::npos || size > room) {
      environment.left_out.emplace_back(name);
      return;
    }
    room -= size;
    environment.variables.push_back(std::string(name).append("=").append(value));
  };
  // What we and the configuration say comes first: a message cannot crowd it out. The old member
  // `commands` has no bound of its own, so it comes last.
  add("RBIT_QUEUE", job.queue);
  add("RBIT_RUNNER", job.runner);
  add("RBIT_ATTEMPT", std::to_string(job.attempt));
  add("RBIT_REDELIVERED", job.redelivered ? "1" : "0");
  add("RBIT_WORK_DIR", places.work_dir);
  add("RBIT_MESSAGE_FILE", places.message_file);
  add("RBIT_OUTPUT_DIR", places.output_dir);
  if (!places.config_dir.empty()) add("RBIT_CONFIG_DIR", places.config_dir);
  for (const auto& [key, value] : settings)
    if (key != runner_key) add(setting_variable(key), value);
  for (const JobField& field : job_fields)
    if (!field.variable.empty()) add(field.variable, field.value(job));
  return environment;
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
      {"routing_key", message.exchange.empty() ? queue : message.routing_key}};
  const ordered_json metadata{{"properties", properties}, {"delivery_info", delivery}};
  return metadata.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace rbit
