#include "runners/plugin/host/plugin_job.h"

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "runners/plugin/host/cancel_flag.h"
#include "runners/plugin/host/sending.h"

namespace rbit::plugin_host {
namespace {

const PluginJob& of(const rbit_job* job) {
  return *static_cast<const PluginJob*>(job);
}
std::string_view or_empty(const char* given) {
  return given == nullptr ? "" : given;
}

// nullptr also where it has a NUL, where it would seem to end.
const char* text_in(const Texts& texts, const char* name) {
  const auto found = texts.find(or_empty(name));
  if (found == texts.end() || found->second.find('\0') != std::string::npos) return nullptr;
  return found->second.c_str();
}

// Of the last call of this thread.
thread_local std::string mistake;

int code_of(const rbit_job* job, const char* call, const Result<void>& said) {
  if (said) return 0;
  mistake = std::string(call) + ": " + Error{"", said.error().reason, said.error().cure}.text();
  of(job).note_mistake(mistake);
  return -1;
}

// Nothing crosses into a plugin, not for want of memory either.
template <class Say>
int said(const rbit_job* job, const char* call, Say say) {
  try {
    return code_of(job, call, say());
  } catch (const std::exception& error) {
    try {
      return code_of(job, call, Error{"", error.what(), ""});
    } catch (...) {
      return -1;
    }
  }
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
  const JobData& data = of(job).data();
  const bool has_members = data.kind == "json" || data.kind == "task";
  if (has_members && or_empty(name).starts_with('/')) return of(job).json_fields().at(name);
  return text_in(data.fields, name);
}

static const char* get_header(const rbit_job* job, const char* name) {
  return text_in(of(job).data().headers, name);
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

static int publish(const rbit_job* job, const char* exchange, const char* key, const void* body,
                   std::size_t length, const rbit_publish_options* options) {
  return said(job, "publish", [&] {
    const std::string_view bytes(body == nullptr ? "" : static_cast<const char*>(body),
                                 body == nullptr ? 0 : length);
    return sending::publish(of(job).events(), or_empty(exchange), or_empty(key), bytes, options);
  });
}

static int set_result(const rbit_job* job, const char* json) {
  return said(job, "result", [&]() -> Result<void> {
    auto checked = sending::checked_result(or_empty(json));
    if (!checked) return checked.error();
    of(job).set_result(std::move(*checked));
    return {};
  });
}

static int tell_progress(const rbit_job* job, double done, double total, const char* text) {
  return said(job, "progress",
              [&] { return sending::progress(of(job).events(), done, total, or_empty(text)); });
}

static int change_metric(const rbit_job* job, const char* name, int change, double value,
                         const rbit_label* labels, std::size_t label_count) {
  return said(job, "metric", [&] {
    return sending::metric(of(job).events(), or_empty(name), change, value, labels, label_count);
  });
}

static const char* get_mistake(const rbit_job*) {
  return mistake.c_str();
}

}  // extern "C"

constexpr rbit_api kApi{sizeof(rbit_api), RBIT_PLUGIN_MINOR, get_id,        get_queue,
                        get_attempt,      get_payload,       get_field,     get_setting,
                        get_setting_at,   set_status,        write_log,     add_artifact,
                        get_cancelled,    set_explanation,   get_header,    publish,
                        set_result,       tell_progress,     change_metric, get_mistake};

}  // namespace

PluginJob::PluginJob(const JobData& data, const Settings& settings, EventChannel& events)
    : rbit_job{&kApi},
      data_(data),
      settings_(settings),
      events_(events),
      json_fields_(data.payload, data.kind == "task") {}

std::string PluginJob::explanation() const {
  const std::lock_guard lock(mutex_);
  return explanation_;
}

void PluginJob::explain(std::string why) const {
  const std::lock_guard lock(mutex_);
  explanation_ = std::move(why);
}

std::string PluginJob::last_mistake() const {
  const std::lock_guard lock(mutex_);
  return mistake_;
}

void PluginJob::note_mistake(std::string why) const {
  const std::lock_guard lock(mutex_);
  mistake_ = std::move(why);
}

std::string PluginJob::result() const {
  const std::lock_guard lock(mutex_);
  return result_;
}

void PluginJob::set_result(std::string json) const {
  const std::lock_guard lock(mutex_);
  result_ = std::move(json);
}

}  // namespace rbit::plugin_host
