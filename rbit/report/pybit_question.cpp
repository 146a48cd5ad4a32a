#include "rbit/report/pybit_question.h"

#include <algorithm>
#include <utility>

#include "rbit/core/job_facts.h"
#include "rbit/log/log.h"
#include "rbit/report/pybit_history.h"

namespace rbit {

namespace {

using Kind = Standing::Kind;

PybitSettings with_limit(PybitSettings settings, milliseconds limit) {
  settings.connect_limit = std::min(settings.connect_limit, limit);
  settings.limit = std::min(settings.limit, limit);
  return settings;
}

}  // namespace

PybitQuestion::PybitQuestion(const asio::any_io_executor& loop, Clock& clock,
                             PybitSettings settings, milliseconds limit, milliseconds pause)
    : http_(loop), clock_(clock), address_(with_limit(std::move(settings), limit)), pause_(pause) {}

Task<Standing> PybitQuestion::before(const Job& job) {
  if (job.request.job_id.empty()) co_return Standing{};  // none of the front-end's
  const auto number = PybitAddress::number_of(job.request.job_id);
  if (!number || !*number) co_return Standing::unclear("the front-end cannot know it");
  const auto base = address_.base_of(job.request.web_host);
  if (!base) co_return Standing::unclear(base.error().text());
  if (const auto away = away_.find(*base); away != away_.end()) {
    if (clock_.steady() < away->second)
      co_return Standing::unclear("the front-end was away a moment ago");
    away->second = clock_.steady() + pause_;  // one job finds out, the others need not wait for it
  }
  const std::string what = "job " + job.request.job_id;
  Standing standing = co_await ask_at(*base, **number);
  if (standing.kind == Kind::unclear)
    log::debug(what + " is built whatever the front-end has of it: " + standing.said,
               facts_of(job));
  co_return standing;
}

Task<Standing> PybitQuestion::ask_at(std::string base, std::string number) {
  HttpRequest get = address_.request("GET", base + "/job/" + number + "/status");
  const auto answer = co_await http_.send(std::move(get));
  if (!answer) {
    const auto [place, fresh] = away_.insert_or_assign(base, clock_.steady() + pause_);
    if (fresh)  // what that means for its reports is said as a warning by those
      log::info(
          "the front-end does not say how it has a job, jobs are built unasked until it "
          "does: " +
          answer.error().text());
    co_return Standing::unclear(answer.error().text());
  }
  if (away_.erase(base) > 0) log::info("the front-end says again how it has a job");
  if (answer->status == 404)
    co_return Standing{Kind::unknown, false, "the front-end knows no job " + number};
  if (answer->status != 200)
    co_return Standing::unclear(base + " answered " + std::to_string(answer->status));
  Standing standing = read_history(answer->body, address_.settings());
  co_return standing;
}

}  // namespace rbit
