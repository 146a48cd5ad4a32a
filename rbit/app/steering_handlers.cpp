#include "rbit/app/steering_handlers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/status_text.h"
#include "rbit/base/base64.h"
#include "rbit/base/json.h"
#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/core/message_codec.h"
#include "rbit/intake/dead_summary.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

Error no_such_queue(const std::string& queue, const std::vector<std::string>& queues) {
  return {"queue " + text::one_line(queue, 200), "no runner of this configuration takes from it",
          "its queues: " + text::join(queues, ", ")};
}

nlohmann::json changed(const std::vector<std::string>& queues) {
  nlohmann::json answer;
  answer["ok"] = true;
  answer["queues"] = queues;
  return answer;
}

}  // namespace

SteeringHandlers::SteeringHandlers(const config::Settings& settings, const Clock& clock,
                                   Database& database, Dispatcher& dispatcher,
                                   const StatusReport& report, const RecentMessages& recent)
    : settings_(settings),
      clock_(clock),
      dispatcher_(dispatcher),
      report_(report),
      recent_(recent),
      pauses_(database) {}

Result<void> SteeringHandlers::pause_those_on_record() {
  const auto paused = pauses_.all();
  if (!paused) return paused.error();
  for (const auto& [queue, since] : *paused) {
    if (dispatcher_.paused_since(queue) > 0) continue;
    dispatcher_.pause(queue, since);
    if (dispatcher_.paused_since(queue) > 0)
      log::warning("queue " + queue + " is paused since " + moment_text(since, Zone::local) +
                   ": nothing is taken from it (`rbit resume` ends that)");
  }
  return {};
}

std::map<std::string, ControlServer::Handler> SteeringHandlers::all() {
  std::map<std::string, ControlServer::Handler> handlers;
  handlers["status"] = [this](nlohmann::json request, ControlPeer& peer) {
    return status(std::move(request), peer);
  };
  handlers["message"] = [this](nlohmann::json request, ControlPeer& peer) {
    return message(std::move(request), peer);
  };
  handlers["pause"] = [this](nlohmann::json request, ControlPeer& peer) {
    return pause(std::move(request), peer);
  };
  handlers["resume"] = [this](nlohmann::json request, ControlPeer& peer) {
    return resume(std::move(request), peer);
  };
  return handlers;
}

Task<void> SteeringHandlers::status(nlohmann::json, ControlPeer& peer) {
  nlohmann::json answer;
  answer["status"] = co_await report_.now();
  co_await peer.send(answer);
}

Task<void> SteeringHandlers::message(nlohmann::json request, ControlPeer& peer) {
  nlohmann::json answer;
  answer["message"] = nullptr;
  if (const auto held = recent_.of(json::text_in(request, "job"))) {
    Message again = make_replay(*held, held->queue, to_micros(clock_.wall()));
    again.message_id = random_uuid();
    nlohmann::json& line = answer["message"];
    line["queue"] = again.queue;
    line["properties"] = properties_to_json(again);
    line["bytes"] = base64::encoded(again.body);
  }
  co_await peer.send(answer);
}

Task<void> SteeringHandlers::pause(nlohmann::json request, ControlPeer& peer) {
  const std::string queue = json::text_in(request, "queue");
  const std::vector<std::string> known = settings_.queue_names();
  if (!queue.empty() && std::find(known.begin(), known.end(), queue) == known.end()) {
    const Error none = no_such_queue(queue, known);
    co_await peer.send_error(none);
    co_return;
  }
  std::vector<std::string> fresh;
  for (const std::string& one : known)
    if ((queue.empty() || one == queue) && dispatcher_.paused_since(one) == 0) fresh.push_back(one);
  const std::int64_t now = to_micros(clock_.wall());
  const Result<void> written = co_await pauses_.add(fresh, now);
  if (!written) {
    co_await peer.send_error(written.error());
    co_return;
  }
  for (const std::string& one : fresh) {
    dispatcher_.pause(one, now);
    log::info("queue " + one +
              " is paused: nothing is taken from it, also after a restart, until " +
              "`rbit resume`");
  }
  const nlohmann::json answer = changed(fresh);
  co_await peer.send(answer);
}

/// One that is not configured any more can be resumed, too: its pause goes from the record.
Task<void> SteeringHandlers::resume(nlohmann::json request, ControlPeer& peer) {
  const std::string queue = json::text_in(request, "queue");
  const auto paused = pauses_.all();
  if (!paused) {
    co_await peer.send_error(paused.error());
    co_return;
  }
  const std::vector<std::string> known = settings_.queue_names();
  const bool is_known = std::find(known.begin(), known.end(), queue) != known.end();
  if (!queue.empty() && !is_known && !paused->contains(queue)) {
    const Error none = no_such_queue(queue, known);
    co_await peer.send_error(none);
    co_return;
  }
  std::vector<std::string> resumed;
  for (const auto& [one, since] : *paused)
    if (queue.empty() || one == queue) resumed.push_back(one);
  const Result<void> written = co_await pauses_.remove(resumed);
  if (!written) {
    co_await peer.send_error(written.error());
    co_return;
  }
  for (const std::string& one : resumed) {
    log::info("queue " + one + " is resumed");
    dispatcher_.resume(one);
  }
  const nlohmann::json answer = changed(resumed);
  co_await peer.send(answer);
}

}  // namespace rbit
