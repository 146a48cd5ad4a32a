#include "rbit/app/page_acts.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/app/brokers.h"
#include "rbit/app/journal_access.h"
#include "rbit/app/retry_job.h"
#include "rbit/base/aside.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/dead_order.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

std::string text_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// A letter by its key, in its queue.
void do_with_dead(const config::Settings& settings, DeadOrder::Kind kind,
                  const nlohmann::json& wish) {
  DeadOrder order;
  order.kind = kind;
  order.queues = {json::text_in(wish, "queue")};
  order.ids = {json::text_in(wish, "id")};
  order.limit = 1;
  bool is_done = false;
  make_broker(settings)->do_with_the_dead(order, [&](const nlohmann::json& line) {
    if (const auto failed = line.find("failed"); failed != line.end())
      throw Fatal(ExitCode::failed, Error{order.ids[0], failed->get<std::string>(), ""});
    is_done = is_done || line.contains("done");
  });
  if (!is_done)
    throw Fatal(ExitCode::failed, Error{"dead letter " + text::one_line(order.ids[0], 300),
                                        "is not there any more", "look at the list again"});
}

std::string done(const config::Settings& settings, const std::string& text) {
  const auto wish = json::parse(text);
  if (!wish || !wish->is_object())
    throw Fatal(ExitCode::usage, Error{"an order", "is no JSON object", ""});
  const std::string what = json::text_in(*wish, "do");
  const std::string job = json::text_in(*wish, "job"), queue = json::text_in(*wish, "queue");
  nlohmann::json answer;
  answer["ok"] = true;
  if ((what == "cancel" || what == "retry") && job.empty())
    throw Fatal(ExitCode::usage, Error{what, "names no job", ""});
  if ((what == "replay" || what == "drop") && (queue.empty() || json::text_in(*wish, "id").empty()))
    throw Fatal(ExitCode::usage, Error{what, "names no dead letter", ""});
  if (what == "cancel" || what == "pause" || what == "resume") {
    nlohmann::json request;
    request["do"] = what;
    request[what == "cancel" ? "job" : "queue"] = what == "cancel" ? job : queue;
    ask_the_running(settings, request);
  } else if (what == "retry") {
    answer["key"] = retry_job(settings, job).key;
  } else if (what == "replay") {
    do_with_dead(settings, DeadOrder::Kind::replay, *wish);
  } else if (what == "drop") {
    do_with_dead(settings, DeadOrder::Kind::drop, *wish);
  } else {
    throw Fatal(ExitCode::usage,
                Error{text::one_line(what, 40), "is nothing that can be done from the page", ""});
  }
  log::info("from the page: " + what + " " +
            text::one_line(what == "cancel" || what == "retry" ? job
                           : queue.empty()                     ? "all queues"
                                                               : queue,
                           300));
  return text_of(answer);
}

std::string listed(const config::Settings& settings, const std::string&) {
  DeadOrder order;
  order.limit = 200;
  nlohmann::json all;
  all["letters"] = nlohmann::json::array();
  all["more"] = false;
  make_broker(settings)->do_with_the_dead(order, [&](const nlohmann::json& line) {
    if (line.contains("seen"))
      all["more"] = line["more"] == true;
    else
      all["letters"].push_back(line);
  });
  return text_of(all);
}

}  // namespace

Task<Result<std::string>> PageActs::carry_out(Work work, std::string order) {
  constexpr int most_waiting = 16;
  const Error busy{"the page", "does much at once", "try again in a moment"};
  const Error over{"rbit", "was told to stop", "the commands do it without one: man rbit"};
  if (waiting_ >= most_waiting) co_return busy;
  ++waiting_;
  while (is_busy_ && !is_closed_) co_await news_.wait();
  --waiting_;
  if (is_closed_) co_return over;
  is_busy_ = true;
  // A thread has settings of its own.
  std::function<Result<std::string>()> on_thread = [work, order = std::move(order),
                                                    settings = settings_]() -> Result<std::string> {
    try {
      return work(settings, order);
    } catch (const Fatal& fatal) {
      return Error{text::join(fatal.lines(), " "), "", ""};
    } catch (const std::exception& failed) {
      return Error{"the page", failed.what(), ""};
    }
  };
  Result<std::string> answer = co_await aside(std::move(on_thread));
  is_busy_ = false;
  news_.notify();
  co_return answer;
}

Task<Result<std::string>> PageActs::act(std::string order) {
  return carry_out(done, std::move(order));
}

Task<Result<std::string>> PageActs::dead_letters() {
  return carry_out(listed, "");
}

Task<void> PageActs::close() {
  is_closed_ = true;
  news_.notify();
  while (is_busy_) co_await news_.wait();
}

}  // namespace rbit
