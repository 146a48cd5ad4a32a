#include "rbit/run/event_line.h"

#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/json.h"
#include "rbit/base/names.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"
#include "rbit/run/record_slots.h"

namespace rbit {

namespace {

constexpr std::size_t max_left = 8;  // words of a host about what its job left
constexpr std::size_t max_progress_text = 200, max_label = 128;  // bytes
constexpr std::size_t max_labels = 16;
// A body may be any JSON that a message may be (json::Limits), two deep in its line.
constexpr int max_depth = 34;
constexpr std::size_t max_nodes = 10'000;
const char* const too_long = "a line is longer than 64 KiB";

/// Not longer than fits a report.
std::string message_of(const nlohmann::json& object) {
  return text::shortened(json::text_in(object, "message"), max_event_message);
}

Result<JobEvent> status_event(const nlohmann::json& object) {
  // "building" is as clear as "Building".
  std::string name = text::lower(json::text_in(object, "status"));
  if (!name.empty()) name[0] = static_cast<char>(text::upper(name.substr(0, 1))[0]);
  const auto status = status_from(name);
  if (!status) return Error{"", "'" + text::one_line(name, 60) + "' is no status"};
  return JobEvent(StatusEvent{*status, message_of(object)});
}

Result<JobEvent> artifact_event(const nlohmann::json& object, const char* member) {
  Artifact artifact{json::text_in(object, member), json::text_in(object, "kind")};
  if (artifact.path.empty()) return Error{"", "an artifact needs a path"};
  if (artifact.path.find('\0') != std::string::npos) return Error{"", "a path cannot hold a NUL"};
  return JobEvent(ArtifactEvent{std::move(artifact)});
}

Result<JobEvent> result_event(const nlohmann::json& object) {
  using enum Outcome::Kind;
  static constexpr Named<Outcome::Kind> verdicts[] = {
      {done, "done"}, {failed, "failed"}, {blocked, "blocked"}, {cancelled, "cancelled"}};
  const std::string word = text::lower(json::text_in(object, "result"));
  const auto verdict = value_in(verdicts, word);
  if (!verdict) return Error{"", "'" + text::one_line(word, 60) + "' is no result"};
  ResultEvent event;
  event.kind = *verdict;
  event.message = message_of(object);
  if (const auto value = object.find("value"); value != object.end()) {
    event.value = value->dump();
    if (event.value.size() > max_event_line) return Error{"", "its value is longer than 64 KiB"};
  }
  const auto left_open = object.find("left_open");
  if (left_open != object.end() && left_open->is_number_unsigned()) event.left_open = 1;
  const auto left = object.find("left");
  if (left != object.end() && left->is_array())
    for (const nlohmann::json& one : *left)
      if (one.is_string() && event.left.size() < max_left)
        event.left.push_back(text::one_line(one.get<std::string>(), 80));
  return JobEvent(std::move(event));
}

Result<JobEvent> given_event(const nlohmann::json& object) {
  GivenEvent event{object.at("result").dump(), message_of(object)};
  if (event.result.size() > max_event_line) return Error{"", "a result is longer than 64 KiB"};
  return JobEvent(std::move(event));
}

Result<std::string> label_of(const nlohmann::json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (value.is_structured() || value.is_null())
    return Error{"", "a label of a metric is neither a text nor a number"};
  if (text.size() > max_label) return Error{"", "a label of a metric is longer than 128 bytes"};
  return text;
}

Result<JobEvent> metric_event(const nlohmann::json& said) {
  MetricEvent event;
  MetricChange& change = event.change;
  if (!said.is_object()) return Error{"", "a metric is no JSON object"};
  change.name = json::text_in(said, "name");
  if (change.name.empty()) return Error{"", "a metric needs a name"};
  const auto add = said.find("add"), set = said.find("set");
  if ((add == said.end()) == (set == said.end()))
    return Error{"", "a metric needs either add or set"};
  const nlohmann::json& value = add != said.end() ? *add : *set;
  if (!value.is_number()) return Error{"", "add or set of a metric is no number"};
  change.kind = add != said.end() ? MetricChange::Kind::add : MetricChange::Kind::set;
  change.value = value.get<double>();
  if (const auto when = said.find("when"); when != said.end()) {
    event.now = *when == "now";
    if (!event.now && *when != "done") return Error{"", "when of a metric is neither now nor done"};
  }
  const auto labels = said.find("labels");
  if (labels == said.end()) return JobEvent(std::move(event));
  if (!labels->is_object() || labels->size() > max_labels)
    return Error{"", "labels of a metric are no JSON object of at most 16 members"};
  for (const auto& [name, of] : labels->items()) {
    auto label = label_of(of);
    if (!label) return label.error();
    change.labels[name] = std::move(*label);
  }
  return JobEvent(std::move(event));
}

/// A number that is 0 or more; 0 where there is none.
double amount_in(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::max(found->get<double>(), 0.0) : 0;
}

Result<JobEvent> progress_event(const nlohmann::json& said) {
  const bool has_done = said.is_object() && said.contains("done") && said["done"].is_number();
  if (!has_done) return Error{"", "progress needs a number as its member done"};
  Progress progress{amount_in(said, "done"), amount_in(said, "total"),
                    text::one_line(json::text_in(said, "text"), max_progress_text)};
  return JobEvent(ProgressEvent{std::move(progress)});
}

/// What the event says; a `when` that stands beside it is meant for it.
nlohmann::json with_when(const nlohmann::json& object, const char* event) {
  nlohmann::json said = object.at(event);
  const auto when = object.find("when");
  if (when != object.end() && said.is_object() && !said.contains("when")) said["when"] = *when;
  return said;
}

/// Whether a line that cannot be read seems to want to publish something, by who may.
bool looks_like_publish(std::string_view line, const std::string& token) {
  return line.find("\"publish\"") != std::string_view::npos &&
         line.find(token) != std::string_view::npos;
}

}  // namespace

Result<JobEvent> parse_event_line(std::string_view line, Speaker speaker,
                                  const std::string& token) {
  if (line.size() > max_event_line) return Error{"", too_long};
  // Most of what is no event is found out so, and that at next to no cost: it may be a flood.
  if (const auto word = text::trim(line); word.empty() || word.front() != '{')
    return Error{"", "not a JSON object"};
  const json::Limits limits{max_event_line, max_depth, max_nodes, max_event_line};
  auto parsed = json::parse(line, limits);
  if (!parsed && looks_like_publish(line, token))
    return JobEvent(PublishEvent::wrong(parsed.error().reason));
  if (!parsed) return Error{"", parsed.error().reason};
  const nlohmann::json& object = *parsed;
  if (!object.is_object()) return Error{"", "not a JSON object"};
  if (!token.empty() && json::text_in(object, "token") != token)
    return Error{"", "it has not the token of this job"};

  if (object.contains("publish")) return JobEvent(publish_event(with_when(object, "publish")));
  const std::string event = json::text_in(object, "event");
  if (event == "artifact")
    return artifact_event(object, object.contains("path") ? "path" : "artifact");
  if (event == "status" || object.contains("status")) return status_event(object);
  if (object.contains("artifact")) return artifact_event(object, "artifact");
  if (object.contains("log"))
    return JobEvent(LogEvent{json::text_in(object, "log"), json::text_in(object, "level"),
                             object.value("printed", nlohmann::json()) == true});
  if (object.contains("result"))
    return speaker == Speaker::host ? result_event(object) : given_event(object);
  if (object.contains("metric")) return metric_event(with_when(object, "metric"));
  if (const auto progress = object.find("progress"); progress != object.end())
    return progress_event(*progress);
  if (const auto stop = object.find("stop_chain"); stop != object.end() && *stop == true)
    return JobEvent(StopChainEvent{});
  if (object.contains("ready")) return JobEvent(ReadyEvent{});
  if (object.contains("opened")) return JobEvent(OpenedEvent{});
  if (object.contains("stale")) return JobEvent(StaleEvent{json::text_in(object, "stale")});
  if (object.contains("refused"))
    return JobEvent(RefusedEvent{json::text_in(object, "refused"), json::text_in(object, "cure")});
  return Error{"", "no member that names an event"};
}

void EventReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, newline);
    if (line_.size() + piece.size() > max_event_line && !std::exchange(too_long_, true)) {
      line_ += piece.substr(0, max_event_line - line_.size());
      is_publish_ = looks_like_publish(line_, token_);
    }
    if (too_long_)
      line_.clear();
    else
      line_ += piece;
    if (newline == std::string_view::npos) return;
    bytes.remove_prefix(newline + 1);
    end_line();
  }
}

void EventReader::end() {
  end_line();
  said_ = false;
}

void EventReader::end_line() {
  const std::string line = std::exchange(line_, {});
  const bool is_publish = std::exchange(is_publish_, false);
  if (!std::exchange(too_long_, false))
    take(line);
  else if (is_publish)
    on_event_(PublishEvent::wrong(std::string(too_long) + " (put the body into a file)"));
  else
    nonsense(too_long);
}

void EventReader::take(std::string_view line) {
  if (text::trim(line).empty()) return;
  auto event = parse_event_line(line, speaker_, token_);
  if (event)
    on_event_(std::move(*event));
  else
    nonsense(event.error().reason);
}

void EventReader::nonsense(const std::string& why) {
  if (!said_) on_nonsense_(why);
  said_ = true;
}

void note_artifact(const std::string& record, const Artifact& artifact) {
  const std::string path = path_beside(record, "artifacts");
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  const nlohmann::json note{{"artifact", artifact.path}, {"kind", artifact.kind}};
  const std::string line = note.dump() + "\n";
  if (!file || !write_all(file.get(), line)) log::debug(path + ": cannot be written");
}

std::vector<Artifact> read_artifact_notes(const std::string& record) {
  std::vector<Artifact> notes;
  std::ifstream file(RecordName::parse(record).beside("artifacts"));
  for (std::string line; std::getline(file, line);) {
    auto event = parse_event_line(line, Speaker::job);
    if (!event) continue;
    if (auto* one = std::get_if<ArtifactEvent>(&*event)) notes.push_back(std::move(one->artifact));
  }
  return notes;
}

}  // namespace rbit
