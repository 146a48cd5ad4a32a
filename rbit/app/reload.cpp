#include "rbit/app/reload.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/log_places.h"
#include "rbit/base/aside.h"
#include "rbit/log/log.h"
#include "rbit/log/name.h"

namespace rbit {

namespace {

std::string counted(std::size_t count, const char* one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

Error stopping() {
  return {"rbit", "was told to stop and takes no new configuration", "the next start reads it"};
}

/// What is wrong with it as the successor of the other one, which no look at the file alone finds.
std::vector<std::string> misfits(const config::Settings& taken) {
  std::vector<std::string> lines;
  for (const auto& mapping : taken.queues)
    if (!mapping.route && !taken.runners.contains(mapping.runner))
      lines.push_back("queue " + mapping.queue +
                      " is read until a restart, and there is no [runner:" + mapping.runner +
                      "] any more (keep the section, or restart rbit)");
  if (const auto safe = check_log_places(taken.log); !safe) lines.push_back(safe.error().text());
  return lines;
}

}  // namespace

Reload::Reload(const asio::any_io_executor& loop, Means means)
    : loop_(loop), means_(std::move(means)), done_(loop) {}

ControlServer::Handler Reload::handler() {
  return [this](nlohmann::json request, ControlPeer& peer) {
    return answer(std::move(request), peer);
  };
}

Task<void> Reload::answer(nlohmann::json, ControlPeer& peer) {
  const Answer result = co_await run();
  nlohmann::json answer;
  answer["ok"] = result.taken;
  answer["file"] = means_.in_force.settings().file;
  answer["findings"] = result.findings;
  answer["changed"] = nlohmann::json::array();
  for (const ValueChange& change : result.changes) {
    nlohmann::json one;
    one["section"] = change.section;
    one["key"] = change.key;
    one["from"] = change.from;
    one["to"] = change.to;
    one["waits"] = change.waits;
    answer["changed"].push_back(std::move(one));
  }
  co_await peer.send(answer);
}

void Reload::soon() {
  log::reopen();
  if (means_.told_to_stop) {  // there may be thousands, and the end must not wait for them
    if (!std::exchange(is_refusal_said_, true)) log::warning(stopping().text());
    return;
  }
  if (std::exchange(is_due_, true)) return;
  spawn(loop_, run_quietly(), "reload");
}

Task<void> Reload::close() {
  co_await means_.crews.give_up();
  while (is_busy_ || is_due_) co_await done_.wait();
}

Task<void> Reload::run_quietly() {
  co_await run();
}

Task<Reload::Answer> Reload::run() {
  while (is_busy_) co_await done_.wait();
  is_busy_ = true;
  is_due_ = false;
  means_.service.reloading();
  Answer result = co_await try_it();
  say(result);
  if (!means_.told_to_stop) means_.service.ready(means_.status());
  is_busy_ = false;
  done_.notify();
  co_return result;
}

Task<Reload::Answer> Reload::try_it() {
  Answer result;
  const std::string& file = means_.in_force.settings().file;
  const Error no_file{"rbit", "has its configuration from standard input, which is at its end",
                      "start it with a file to have it read again"};
  if (means_.told_to_stop) result.findings.push_back(stopping().text());
  if (file == "-") result.findings.push_back(no_file.text());
  if (!result.findings.empty()) co_return result;
  std::function<Configuration()> read = means_.read;
  Configuration next = co_await aside(std::move(read));
  for (const auto& finding : next.loaded.findings) result.findings.push_back(finding.line());
  if (!next.ok()) co_return result;
  result.changes = value_changes(means_.in_force.loaded, next.loaded);
  next.loaded.settings = settings_taken(means_.in_force.settings(), next.settings());
  for (std::string& line : misfits(next.settings())) {
    result.findings.push_back(std::move(line));
    co_return result;
  }
  const Result<void> able = co_await means_.crews.make_next(next);
  if (!able) result.findings.push_back(able.error().text());
  if (!able) co_return result;
  if (means_.told_to_stop) result.findings.push_back(stopping().text());
  if (means_.told_to_stop) co_return result;
  const bool is_log_changed =
      std::any_of(result.changes.begin(), result.changes.end(),
                  [](const ValueChange& change) { return change.is_taken_by_log; });
  try {
    if (is_log_changed) log::configure(log_settings(next.settings().log));
  } catch (const Fatal& fatal) {
    for (const std::string& line : fatal.lines()) result.findings.push_back(line);
    co_return result;
  }
  log::show_as(next.settings().log.shown_as);
  take(std::move(next));
  result.taken = true;
  co_return result;
}

/// From here on nothing can fail, and nothing waits.
void Reload::take(Configuration next) {
  const int slots = means_.slots(next);
  Configuration& in_force = means_.in_force;
  in_force.loaded.values = values_taken(in_force.loaded.values, next.loaded.values);
  in_force.loaded.settings = std::move(next.loaded.settings);
  in_force.lines = std::move(next.lines);
  in_force.schemas = std::move(next.schemas);
  means_.crews.take();
  means_.dispatcher.resize(slots);
  means_.records.keep(slots);
  means_.dispatcher.bind(means_.crews.all(), runners_of_queues(in_force.settings()));
  if (const auto known = means_.steering.pause_those_on_record(); !known)
    log::warning("which queues are paused could not be read: " + known.error().text());
}

void Reload::say(const Answer& result) const {
  const std::string& file = means_.in_force.settings().file;
  for (const std::string& line : result.findings)
    result.taken ? log::warning(line) : log::error(line);
  if (!result.taken) {
    log::error("the configuration in " + file +
               " is not taken, the one before stays in force (mend it and reload)");
    return;
  }
  std::size_t waiting = 0;
  for (const ValueChange& change : result.changes) {
    waiting += change.waits ? 1 : 0;
    log::info(change.text() + (change.waits ? " (after a restart)" : ""));
  }
  log::info("reloaded " + file + ": " + counted(result.changes.size() - waiting, "changed value") +
            " in force" +
            (waiting == 0 ? "" : ", " + std::to_string(waiting) + " more after a restart"));
}

}  // namespace rbit
