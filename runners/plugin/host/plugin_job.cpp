#include "runners/plugin/host/plugin_job.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "runners/plugin/host/cancel_flag.h"

namespace rbit::plugin_host {
namespace {

const PluginJob& of(const rbit_job* job) {
  return *static_cast<const PluginJob*>(job);
}
std::string_view text(const char* given) {
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
  const auto found = fields.find(text(name));
  return found == fields.end() ? nullptr : found->second.c_str();
}

static const char* get_setting(const rbit_job* job, const char* key) {
  const Settings& settings = of(job).settings();
  const auto found = std::lower_bound(
      settings.begin(), settings.end(), text(key),
      [](const auto& setting, std::string_view wanted) { return setting.first < wanted; });
  if (found == settings.end() || found->first != text(key)) return nullptr;
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
  of(job).events().status(text(status), text(message));
}

static void write_log(const rbit_job* job, int level, const char* line) {
  constexpr std::array names{"debug", "info", "warning", "error"};
  const int known = std::clamp(level, 0, static_cast<int>(names.size()) - 1);
  of(job).events().log(text(line), names[static_cast<std::size_t>(known)]);
}

static void add_artifact(const rbit_job* job, const char* path, const char* kind) {
  of(job).events().artifact(text(path), text(kind));
}

static int get_cancelled(const rbit_job*) {
  return cancel_flag::raised() ? 1 : 0;
}

static void set_explanation(const rbit_job* job, const char* why) {
  of(job).explain(std::string(text(why)));
}

}  // extern "C"

constexpr rbit_api kApi{sizeof(rbit_api), RBIT_PLUGIN_MINOR, get_id,    get_queue,
                        get_attempt,      get_payload,       get_field, get_setting,
                        get_setting_at,   set_status,        write_log, add_artifact,
                        get_cancelled,    set_explanation};

}  // namespace

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
