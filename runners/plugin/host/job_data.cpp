#include "runners/plugin/host/job_data.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string_view>

#include "rbit/base/base64.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "rbit/core/task_message.h"

namespace rbit::plugin_host {
namespace {

using Json = nlohmann::json;

// The properties of a message by AMQP's names, which are the names of their fields. That of its
// time stamp is not: the name was taken.
constexpr std::array kProperties{
    "content_type", "content_encoding", "correlation_id", "reply_to",   "message_id",
    "type",         "app_id",           "user_id",        "expiration", "priority"};

// Text as a plugin gets it: null is empty, a number as it is written, a truth value 0 or 1.
std::string to_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  return value.is_number() ? value.dump() : std::string();
}

// The member at `path`, through objects only; null if a part is missing.
Json member(const Json& root, const std::vector<std::string>& path) {
  const Json* here = &root;
  for (const std::string& name : path) {
    if (!here->is_object()) return nullptr;
    const auto found = here->find(name);
    if (found == here->end()) return nullptr;
    here = &*found;
  }
  return *here;
}

std::string text_at(const Json& root, const std::vector<std::string>& path) {
  return to_text(member(root, path));
}

// Of a message of that kind, which rbit has looked at; of others they are empty.
void add_task(JobData& data) {
  const auto parsed = data.kind == "task" ? json::parse(data.payload) : Error{};
  const auto task = parsed ? task_of(*parsed) : Error{};
  data.fields["task_name"] = task ? task->name : "";
  data.fields["task_kwargs"] = task ? task->kwargs.dump() : "";
  data.fields["callback"] = task ? task->callback : "";
}

// What every message has, or else is empty.
void add_facts(JobData& data, const Json& job) {
  if (const std::string kind = text_at(job, {"kind"}); !kind.empty()) data.kind = kind;
  data.fields["kind"] = data.kind;
  data.fields["key"] = data.id;
  for (const char* name : {"exchange", "routing_key"}) data.fields[name] = text_at(job, {name});
  const Json properties = member(job, {"properties"});
  for (const char* name : kProperties) data.fields[name] = text_at(properties, {name});
  data.fields["message_timestamp"] = text_at(properties, {"timestamp"});
  const Json headers = member(job, {"headers"});
  for (const auto& [name, value] : headers.items())
    data.headers[name] = value.is_string() ? value.get<std::string>() : value.dump();
  add_task(data);
}

Result<JobData> from_job(const Json& job) {
  JobData data;
  data.token = text_at(job, {"token"});
  data.id = text_at(job, {"id"});
  data.queue = text_at(job, {"queue"});
  data.payload = text_at(job, {"payload"});
  if (job.contains("payload_base64")) {
    auto bytes = base64::decoded(text_at(job, {"payload_base64"}));
    if (!bytes) return Error{"job", "payload_base64 is no base64", ""};
    data.payload = std::move(*bytes);
  }
  data.work_dir = text_at(job, {"work_dir"});
  data.tmp_dir = text_at(job, {"tmp_dir"});
  data.home_dir = text_at(job, {"home_dir"});
  data.record.file = text_at(job, {"record_file"});
  if (const Json serial = member(job, {"record_serial"}); serial.is_number_unsigned())
    data.record.serial = serial.get<std::uint64_t>();
  const Json attempt = member(job, {"attempt"});
  if (attempt.is_number_unsigned()) data.attempt = attempt.get<std::uint32_t>();
  for (const char* name :
       {"queue", "runner", "attempt", "redelivered", "timestamp", "work_dir", "output_dir"})
    data.fields[name] = text_at(job, {name});
  // Json objects are ordered by key, and so are the settings.
  const Json fields = member(job, {"fields"});
  for (const auto& [name, value] : fields.items()) data.fields[name] = to_text(value);
  const Json settings = member(job, {"settings"});
  for (const auto& [key, value] : settings.items()) data.settings.emplace_back(key, to_text(value));
  add_facts(data, job);
  return data;
}

// A job of somebody's own, in the current directory.
JobData job_here(std::string id, std::string payload) {
  JobData data;
  data.id = std::move(id);
  data.payload = std::move(payload);
  data.queue = "once";
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) != nullptr) data.work_dir = here.data();
  auto& fields = data.fields;
  fields["timestamp"] = std::to_string(std::time(nullptr));
  fields["queue"] = data.queue;
  fields["runner"] = data.queue;
  fields["attempt"] = "1";
  fields["redelivered"] = "0";
  fields["work_dir"] = fields["output_dir"] = data.work_dir;
  return data;
}

// PyBit's build request. Nothing is checked here: this is an author's own file, and not rbit's way
// in.
JobData from_request(const Json& request, const std::string& text) {
  JobData data = job_here(text_at(request, {"job", "id"}), text);
  auto& fields = data.fields;
  for (const JobField& field : job_fields) {
    const std::string place = field.place;
    fields.emplace(field.name, *field.model == '\0'
                                   ? text_at(request, text::split(place, '.'))
                                   : text_at(request, {"job", "packageinstance", place, "name"}));
  }
  fields["master"] = fields["master"] == "1" ? "1" : "0";
  add_facts(data, Json{{"routing_key", data.queue}});
  return data;
}

}  // namespace

Result<JobData> parse_job(const std::string& line) {
  const Json root = Json::parse(line, nullptr, false);
  const Json job = member(root, {"job"});
  if (!job.is_object()) return Error{"job", "the line is no JSON object with a member job", ""};
  return from_job(job);
}

Result<JobData> parse_job_or_request(const std::string& text) {
  const Json root = Json::parse(text, nullptr, false);
  if (member(root, {"job", "packageinstance"}).is_object()) return from_request(root, text);
  if (member(root, {"job"}).is_object()) return parse_job(text);
  return Error{"standard input", "neither a job line nor a PyBit build request",
               "see rbit-runner(7); --message json, raw or task takes others"};
}

JobData job_of_message(const std::string& kind, std::string body) {
  JobData data = job_here("once", std::move(body));
  for (const JobField& field : job_fields) data.fields.emplace(field.name, "");
  data.fields["master"] = "0";
  add_facts(data, Json{{"kind", kind}, {"routing_key", data.queue}});
  return data;
}

}  // namespace rbit::plugin_host
