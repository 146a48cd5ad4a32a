#include "rbit/app/try_report.h"

#include <iostream>
#include <utility>

#include "rbit/app/job_output.h"
#include "rbit/app/progress_json.h"
#include "rbit/base/base64.h"
#include "rbit/base/clock.h"
#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/destination.h"
#include "rbit/core/message_codec.h"
#include "rbit/core/metric_rules.h"
#include "rbit/core/progress_text.h"

namespace rbit {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_shown = 2048;  // of a body or a result, on a line

std::string dump(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

/// Those that it has, by AMQP's names, headers among them.
Json properties_of(const Publication& publication) {
  MessageHead head;
  static_cast<MessageProperties&>(head) = publication.properties;
  Json properties = Json::parse(properties_to_json(head));
  Json headers = Json::object();
  for (const Json& pair : properties.value("headers", Json::array()))
    headers[pair[0].is_string() ? pair[0].get<std::string>() : dump(pair[0])] = pair[1];
  properties.erase("headers");
  if (!headers.empty()) properties["headers"] = std::move(headers);
  std::erase_if(properties.get_ref<Json::object_t&>(),
                [](const auto& one) { return one.second == "" || one.second.is_null(); });
  return properties;
}

Json describe(const Publication& publication, bool now) {
  Json line;
  line["exchange"] = publication.to.exchange;
  line["key"] = publication.to.key;
  line["now"] = now;
  line["is_reply"] = publication.is_reply;
  line["delay_ms"] = publication.delay.count();
  line["properties"] = properties_of(publication);
  line["size"] = publication.body.size();
  const std::string& body = publication.body;
  if (text::is_utf8(body))
    line["body"] = body;
  else
    line["body_base64"] = base64::encoded(body);
  return line;
}

/// "publish shop:orders.done {"type":"x"} after 30000 ms: {"order": 17}"
std::string line_of(const Publication& publication, bool now) {
  std::string line = std::string(publication.is_reply ? "reply" : "publish") +
                     (now ? " at once" : "") + " to " + written(publication.to);
  Json properties = properties_of(publication);
  properties.erase("persistent");
  if (!properties.empty()) line += " " + dump(properties);
  if (publication.delay.count() > 0)
    line += " after " + std::to_string(publication.delay.count()) + " ms";
  const std::string& body = publication.body;
  if (body.empty()) return line + ", without a body";
  if (!text::is_utf8(body)) return line + ": " + std::to_string(body.size()) + " bytes, no text";
  return line + ": " + text::one_line(body, most_shown) +
         (body.size() > most_shown ? " (" + std::to_string(body.size()) + " bytes)" : "");
}

const char* word(MetricChange::Kind kind) {
  return kind == MetricChange::Kind::add ? "add" : "set";
}

Json describe(const MetricChange& change, bool now) {
  Json line;
  line["name"] = change.name;
  line[word(change.kind)] = change.value;
  line["labels"] = change.labels;
  line["now"] = now;
  return line;
}

/// "metric orders_total {"kind":"book"}: add 2"
std::string line_of(const MetricChange& change, bool now) {
  return "metric " + text::one_line(change.name, 100) +
         (change.labels.empty() ? "" : " " + dump(Json(change.labels))) + ": " + word(change.kind) +
         " " + dump(Json(change.value)) + (now ? " at once" : "");
}

Json document(const std::string& text) {
  if (text.empty()) return nullptr;
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_discarded() ? Json(text) : parsed;
}

}  // namespace

TryReport::TryReport(bool as_json, const std::vector<MetricDeclaration>& metrics)
    : as_json_(as_json), metrics_(metrics), begun_(to_micros(SystemClock().wall())) {
  for (const char* list : {"statuses", "publishes", "metrics", "refused_metrics", "artifacts"})
    all_[list] = Json::array();
}

void TryReport::show_new_output() {
  if (!output_) return;
  bar_.clear();
  output_->print_new();
}

void TryReport::say(const std::string& line) {
  show_new_output();
  bar_.clear();
  if (!as_json_) std::cout << text::one_line(line, 4 * most_shown) << std::endl;
}

void TryReport::status(Status status, const std::string& message) {
  say(std::string(to_string(status)) + (message.empty() ? "" : ": " + message));
  all_["statuses"].push_back({{"status", to_string(status)}, {"message", message}});
}

void TryReport::publish_now(const Publication& publication) {
  add(publication, true);
}

void TryReport::add(const Publication& publication, bool now) {
  say(line_of(publication, now));
  all_["publishes"].push_back(describe(publication, now));
}

/// What is refused comes at once, too.
void TryReport::metric_now(const Job& job, const MetricChange& change) {
  const auto allowed = check_metric(change, metrics_, job.runner);
  if (allowed) return add(change, true);
  say(allowed.error().text());
  Json line = describe(change, true);
  line["why"] = allowed.error().text();
  all_["refused_metrics"].push_back(std::move(line));
}

void TryReport::add(const MetricChange& change, bool now) {
  say(line_of(change, now));
  all_["metrics"].push_back(describe(change, now));
}

void TryReport::progress(const Progress& progress) {
  const ToldProgress shown = told(progress, begun_, to_micros(SystemClock().wall()));
  bar_.show(shown);
  all_["progress"] = to_json(shown);
}

void TryReport::end(const Outcome& outcome, Status status,
                    const std::vector<Publication>& closing) {
  bar_.clear();
  std::cout.flush();
  // Apart from the object: a program reads that.
  if (output_)
    output_->finish();
  else if (!outcome.log_file.empty())
    (void)print_job_output(outcome.log_file, as_json_);
  for (const auto& artifact : outcome.artifacts) {
    say("artifact " + artifact.path);
    all_["artifacts"].push_back({{"path", artifact.path}, {"kind", artifact.kind}});
  }
  if (!outcome.given.result.empty()) say("result " + outcome.given.result);
  for (const MetricChange& change : outcome.given.metrics) add(change, false);
  for (const Publication& one : outcome.given.publications) add(one, false);
  for (const Publication& one : closing) add(one, false);
  say(std::string(to_string(status)) + (outcome.reason.empty() ? "" : " " + outcome.reason) +
      (outcome.message.empty() ? "" : ": " + outcome.message));
  if (!as_json_) return;
  all_["status"] = to_string(status);
  all_["reason"] = outcome.reason;
  all_["message"] = outcome.message;
  all_["result"] = document(outcome.given.result);
  all_["statuses"].push_back({{"status", to_string(status)}, {"message", outcome.message}});
  std::cout << json::redacted(dump(all_)) << std::endl;
}

}  // namespace rbit
