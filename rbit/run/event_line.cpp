#include "rbit/run/event_line.h"

#include <fcntl.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/base/fd.h"
#include "rbit/base/json.h"
#include "rbit/base/names.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

constexpr std::size_t max_left = 8;  // words of a host about what its job left

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
  const auto left_open = object.find("left_open");
  if (left_open != object.end() && left_open->is_number_unsigned()) event.left_open = 1;
  const auto left = object.find("left");
  if (left != object.end() && left->is_array())
    for (const nlohmann::json& one : *left)
      if (one.is_string() && event.left.size() < max_left)
        event.left.push_back(text::one_line(one.get<std::string>(), 80));
  return JobEvent(std::move(event));
}

}  // namespace

Result<JobEvent> parse_event_line(std::string_view line, const std::string& token) {
  if (line.size() > max_event_line) return Error{"", "a line is longer than 64 KiB"};
  // Most of what is no event is found out so, and that at next to no cost: it may be a flood.
  if (const auto word = text::trim(line); word.empty() || word.front() != '{')
    return Error{"", "not a JSON object"};
  const json::Limits limits{max_event_line, 8, 256, max_event_line};
  auto parsed = json::parse(line, limits);
  if (!parsed) return Error{"", parsed.error().reason};
  const nlohmann::json& object = *parsed;
  if (!object.is_object()) return Error{"", "not a JSON object"};
  if (!token.empty() && json::text_in(object, "token") != token)
    return Error{"", "it has not the token of this job"};

  const std::string event = json::text_in(object, "event");
  if (event == "artifact")
    return artifact_event(object, object.contains("path") ? "path" : "artifact");
  if (event == "status" || object.contains("status")) return status_event(object);
  if (object.contains("artifact")) return artifact_event(object, "artifact");
  if (object.contains("log"))
    return JobEvent(LogEvent{json::text_in(object, "log"), json::text_in(object, "level"),
                             object.value("printed", nlohmann::json()) == true});
  if (object.contains("result")) return result_event(object);
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
    if (line_.size() + piece.size() > max_event_line) too_long_ = true;
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
  if (std::exchange(too_long_, false))
    nonsense("a line is longer than 64 KiB");
  else
    take(line);
}

void EventReader::take(std::string_view line) {
  if (text::trim(line).empty()) return;
  auto event = parse_event_line(line, token_);
  if (event)
    on_event_(std::move(*event));
  else
    nonsense(event.error().reason);
}

void EventReader::nonsense(const std::string& why) {
  if (!said_) on_nonsense_(why);
  said_ = true;
}

void note_artifact(const std::string& record_dir, const Artifact& artifact) {
  const std::string path = record_dir + "/artifacts";
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  const nlohmann::json note{{"artifact", artifact.path}, {"kind", artifact.kind}};
  const std::string line = note.dump() + "\n";
  if (!file || !write_all(file.get(), line)) log::debug(path + ": cannot be written");
}

std::vector<Artifact> read_artifact_notes(const std::string& record_dir) {
  std::vector<Artifact> notes;
  std::ifstream file(record_dir + "/artifacts");
  for (std::string line; std::getline(file, line);) {
    auto event = parse_event_line(line);
    if (!event) continue;
    if (auto* one = std::get_if<ArtifactEvent>(&*event)) notes.push_back(std::move(one->artifact));
  }
  return notes;
}

}  // namespace rbit
