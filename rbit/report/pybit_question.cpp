#include "rbit/report/pybit_question.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/json.h"
#include "rbit/base/log.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

using Kind = Standing::Kind;

constexpr Status in_order[] = {Status::waiting, Status::blocked, Status::building,
                               Status::done,    Status::failed,  Status::cancelled};

PybitSettings with_limit(PybitSettings settings, milliseconds limit) {
  settings.connect_limit = std::min(settings.connect_limit, limit);
  settings.limit = std::min(settings.limit, limit);
  return settings;
}

Kind kind_of(Status status) {
  switch (status) {
    case Status::waiting:
    case Status::blocked:
      return Kind::waiting;
    case Status::building:
      return Kind::building;
    case Status::done:
      return Kind::done;
    case Status::failed:
      return Kind::failed;
    case Status::cancelled:
      return Kind::cancelled;
  }
  return Kind::unclear;
}

Standing unclear(std::string why) {
  return Standing{Kind::unclear, false, std::move(why)};
}

}  // namespace

PybitQuestion::PybitQuestion(const asio::any_io_executor& loop, Clock& clock,
                             PybitSettings settings, milliseconds limit, milliseconds pause)
    : http_(loop), clock_(clock), address_(with_limit(std::move(settings), limit)), pause_(pause) {}

Task<Standing> PybitQuestion::ask(const Job& job) {
  const auto number = PybitAddress::number_of(job.request.job_id);
  if (!number || !*number) co_return unclear("the front-end cannot know it");
  const auto base = address_.base_of(job.request.web_host);
  if (!base) co_return unclear(base.error().text());
  if (const auto away = away_.find(*base); away != away_.end()) {
    if (clock_.steady() < away->second) co_return unclear("the front-end was away a moment ago");
    away->second = clock_.steady() + pause_;  // one job finds out, the others need not wait for it
  }
  const std::string what = "job " + job.request.job_id;
  Standing standing = co_await ask_at(*base, **number);
  if (standing.kind == Kind::unclear)
    log::debug(what + " is built whatever the front-end has of it: " + standing.said);
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
    co_return unclear(answer.error().text());
  }
  if (away_.erase(base) > 0) log::info("the front-end says again how it has a job");
  if (answer->status == 404)
    co_return Standing{Kind::unknown, false, "the front-end knows no job " + number};
  if (answer->status != 200)
    co_return unclear(base + " answered " + std::to_string(answer->status));
  Standing standing = read(answer->body);
  co_return standing;
}

Standing PybitQuestion::read(std::string_view body) const {
  json::Limits limits;
  limits.nodes = 300'000;  // what fits into an answer that is read at all
  const auto document = json::parse(body, limits);
  if (!document) return unclear("its answer is no JSON: " + document.error().reason);
  if (!document->is_array() || document->empty()) return unclear("its answer is no history");
  const nlohmann::json& last = document->back();
  const auto member = [&last](const char* name) {
    if (!last.is_object()) return std::string();
    const auto found = last.find(name);
    return found != last.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string status = member("status"), client = member("buildclient");
  if (status.empty()) return unclear("its answer has no status");
  Standing standing;
  standing.kind = kind_of(status);
  if (standing.kind == Kind::unclear)
    return unclear("its status '" + text::one_line(status, 60) + "' is not known");
  standing.said = "the front-end has it as " + text::one_line(status, 60);
  if (standing.kind != Kind::building || client.empty()) return standing;
  standing.elsewhere = client != address_.settings().client.value_or("");
  standing.said += " by '" + text::one_line(client, 120) + "'";
  return standing;
}

/// The configured names count first; then PyBit's own.
Standing::Kind PybitQuestion::kind_of(std::string_view name) const {
  const auto& names = address_.settings().names;
  for (const Status status : in_order)
    if (const auto own = names.find(status); own != names.end() && own->second == name)
      return rbit::kind_of(status);
  if (name == "Uploaded") return Kind::done;  // sent by nobody, but anybody may set it there
  const auto status = status_from(name);
  return status ? rbit::kind_of(*status) : Kind::unclear;
}

}  // namespace rbit
