#include "runners/plugin/host/plugin_job.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string_view>

#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "runners/plugin/host/cancel_flag.h"

namespace rbit::plugin_host {
namespace {

using Json = nlohmann::json;

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

JobData from_job(const Json& job) {
  JobData data;
  data.token = text_at(job, {"token"});
  data.id = text_at(job, {"id"});
  data.queue = text_at(job, {"queue"});
  data.payload = text_at(job, {"payload"});
  data.work_dir = text_at(job, {"work_dir"});
  data.tmp_dir = text_at(job, {"tmp_dir"});
  data.home_dir = text_at(job, {"home_dir"});
  data.record_dir = text_at(job, {"record_dir"});
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
  return data;
}

// PyBit's build request. Nothing is checked here: this is an author's own file, and not rbit's way
// in.
JobData from_request(const Json& request, const std::string& text) {
  JobData data;
  data.payload = text;
  data.id = text_at(request, {"job", "id"});
  data.queue = "once";
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) != nullptr) data.work_dir = here.data();
  auto& fields = data.fields;
  for (const JobField& field : job_fields) {
    const std::string place = field.place;
    fields.emplace(field.name, *field.model == '\0'
                                   ? text_at(request, text::split(place, '.'))
                                   : text_at(request, {"job", "packageinstance", place, "name"}));
  }
  fields["master"] = fields["master"] == "1" ? "1" : "0";
  fields["timestamp"] = std::to_string(std::time(nullptr));
  fields["queue"] = data.queue;
  fields["runner"] = data.queue;
  fields["attempt"] = "1";
  fields["redelivered"] = "0";
  fields["work_dir"] = fields["output_dir"] = data.work_dir;
  return data;
}

const PluginJob& of(const rbit_job* job) {
  return *static_cast<const PluginJob*>(job);
}
std::string_view or_empty(const char* given) {
  return given == nullptr ? "" : given;
}

extern "C" {

static const char* get_id(const rbit_job* job) {
  return of(job).data().id.c_str();
}
static const char* get_queue(const rbit_job* job) {
  return of(job).data().queue.c_str();
}
static std::uint32_t get_attempt(const rbit_job* job) {
  return of(job).data().attempt;
}

static const char* get_payload(const rbit_job* job, std::size_t* length) {
  const std::string& payload = of(job).data().payload;
  if (length != nullptr) *length = payload.size();
  return payload.c_str();
}

static const char* get_field(const rbit_job* job, const char* name) {
  const auto& fields = of(job).data().fields;
  const auto found = fields.find(or_empty(name));
  return found == fields.end() ? nullptr : found->second.c_str();
}

static const char* get_setting(const rbit_job* job, const char* key) {
  const Settings& settings = of(job).settings();
  const auto found = std::lower_bound(
      settings.begin(), settings.end(), or_empty(key),
      [](const auto& setting, std::string_view wanted) { return setting.first < wanted; });
  if (found == settings.end() || found->first != or_empty(key)) return nullptr;
  return found->second.c_str();
}

static int get_setting_at(const rbit_job* job, std::size_t index, const char** key,
                          const char** value) {
  const Settings& settings = of(job).settings();
  if (index >= settings.size()) return 0;
  if (key != nullptr) *key = settings[index].first.c_str();
  if (value != nullptr) *value = settings[index].second.c_str();
  return 1;
}

static void set_status(const rbit_job* job, const char* status, const char* message) {
  of(job).events().status(or_empty(status), or_empty(message));
}

static void write_log(const rbit_job* job, int level, const char* line) {
  constexpr std::array names{"debug", "info", "warning", "error"};
  const int known = std::clamp(level, 0, static_cast<int>(names.size()) - 1);
  of(job).events().log(or_empty(line), names[static_cast<std::size_t>(known)]);
}

static void add_artifact(const rbit_job* job, const char* path, const char* kind) {
  of(job).events().artifact(or_empty(path), or_empty(kind));
}

static int get_cancelled(const rbit_job*) {
  return cancel_flag::raised() ? 1 : 0;
}

static void set_explanation(const rbit_job* job, const char* why) {
  of(job).explain(std::string(or_empty(why)));
}

}  // extern "C"

constexpr rbit_api kApi{sizeof(rbit_api), RBIT_PLUGIN_MINOR, get_id,    get_queue,
                        get_attempt,      get_payload,       get_field, get_setting,
                        get_setting_at,   set_status,        write_log, add_artifact,
                        get_cancelled,    set_explanation};

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
               "see rbit-runner(7)"};
}

PluginJob::PluginJob(const JobData& data, const Settings& settings, EventChannel& events)
    : rbit_job{&kApi}, data_(data), settings_(settings), events_(events) {}

std::string PluginJob::explanation() const {
  const std::lock_guard lock(mutex_);
  return explanation_;
}

void PluginJob::explain(std::string why) const {
  const std::lock_guard lock(mutex_);
  explanation_ = std::move(why);
}

}  // namespace rbit::plugin_host
