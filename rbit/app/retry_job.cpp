#include "rbit/app/retry_job.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "rbit/app/brokers.h"
#include "rbit/app/journal_access.h"
#include "rbit/app/recent_messages.h"
#include "rbit/base/base64.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/dead_order.h"
#include "rbit/core/message_codec.h"
#include "rbit/core/one_message.h"

namespace rbit {

namespace {

/// One such job.
class Retry {
 public:
  Retry(const config::Settings& settings, const std::string& name)
      : settings_(settings), broker_(make_broker(settings)), job_(ask_for_job(settings, name)) {
    key_ = job_["key"].get<std::string>();
    queue_ = job_["queue"].get<std::string>();
  }

  /// The key of the new job.
  std::string run() const {
    need_end();
    const std::string state = job_["state"].get<std::string>();
    if (state == "failed" || state == "dead")
      if (const auto again = from_the_dead()) return *again;
    if (const auto again = from_the_running()) return *again;
    throw Fatal(ExitCode::failed,
                Error{job(), "its message is not held any more",
                      "submit it again from where it came: rbit holds those of the last " +
                          std::to_string(RecentMessages::most_jobs) +
                          " jobs while it runs, and the dead letters of those that failed"});
  }

  const std::string& key() const { return key_; }
  const std::string& queue() const { return queue_; }

 private:
  std::string job() const { return "job " + text::one_line(key_, 300); }

  void need_end() const {
    const std::string state = job_["state"].get<std::string>();
    if (state == "running")
      throw Fatal(ExitCode::failed, Error{job(), "runs", "rbit cancel stops it"});
    if (state == "waiting")
      throw Fatal(ExitCode::failed, Error{job(), "waits, and will run", "there is nothing to do"});
    if (state == "blocked")
      throw Fatal(ExitCode::failed,
                  Error{job(), "comes again by itself", "rbit explain tells when"});
    if (state == "moved")
      throw Fatal(ExitCode::failed,
                  Error{job(), "went back to its queue and is with another rbit", "ask there"});
  }

  /// Its dead letter becomes the new message.
  std::optional<std::string> from_the_dead() const {
    DeadOrder order;
    order.kind = DeadOrder::Kind::replay;
    order.queues = {queue_};
    order.ids = {key_};
    order.limit = 1;
    order.as_new = true;
    std::optional<std::string> again;
    broker_->do_with_the_dead(order, [&](const nlohmann::json& line) {
      if (const auto failed = line.find("failed"); failed != line.end())
        throw Fatal(ExitCode::failed, Error{job(), failed->get<std::string>(), ""});
      if (line.contains("done")) again = line.value("new_id", key_);
    });
    return again;
  }

  /// The rbit that runs may hold the message of a job that ended lately.
  std::optional<std::string> from_the_running() const {
    if (!has_rbit(settings_)) return std::nullopt;
    nlohmann::json request;
    request["do"] = "message";
    request["job"] = key_;
    const nlohmann::json answer = ask_the_running(settings_, request);
    const auto held = answer.find("message");
    if (held == answer.end() || held->is_null()) return std::nullopt;
    Message message;
    properties_from_json(json::text_in(*held, "properties"), message);
    message.queue = json::text_in(*held, "queue");
    message.body = base64::decoded(json::text_in(*held, "bytes")).value_or("");
    const std::string again = message.message_id;
    OneMessage only(std::move(message));
    std::size_t safe = 0;
    broker_->submit(only, {}, safe);
    return again;
  }

  const config::Settings& settings_;
  std::unique_ptr<Broker> broker_;
  nlohmann::json job_;
  std::string key_, queue_;
};

}  // namespace

RetriedJob retry_job(const config::Settings& settings, const std::string& name) {
  const Retry retry(settings, name);
  return {retry.run(), retry.key(), retry.queue()};
}

}  // namespace rbit
