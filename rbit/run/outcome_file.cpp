#include "rbit/run/outcome_file.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "rbit/base/json.h"
#include "rbit/base/names.h"
#include "rbit/core/message_codec.h"
#include "rbit/run/outcome_of.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/whole_file.h"

namespace rbit {

namespace {

using Json = nlohmann::json;
using enum Outcome::Kind;

constexpr Named<Outcome::Kind> kinds[] = {{done, "done"},
                                          {failed, "failed"},
                                          {blocked, "blocked"},
                                          {timed_out, "timed-out"},
                                          {crashed, "crashed"}};
// Only a keeper writes these.
constexpr Named<Outcome::Kind> other_kinds[] = {
    {cancelled, "cancelled"}, {not_started, "not-started"}, {interrupted, "interrupted"}};

// What a job may publish has 16 MiB; how it is written here may have some times that.
constexpr const char* publication_prefix = "now-";
constexpr std::size_t largest_file = 256u << 20;
constexpr Json::error_handler_t bad_utf8 = Json::error_handler_t::replace;

Json written(const Publication& publication) {
  MessageHead head;
  static_cast<MessageProperties&>(head) = publication.properties;
  head.exchange = publication.to.exchange;
  head.routing_key = publication.to.key;
  return {{"head", properties_to_json(head)},
          {"delay", publication.delay.count()},
          {"reply", publication.is_reply},
          {"size", publication.body.size()}};
}

Json written(const MetricChange& change) {
  return {{"name", change.name},
          {"set", change.kind == MetricChange::Kind::set},
          {"value", change.value},
          {"labels", change.labels}};
}

template <class T>
void read(const Json& object, const char* name, T& into) {
  const auto found = object.find(name);
  if (found == object.end()) return;
  const bool fits = std::is_same_v<T, bool> ? found->is_boolean() : found->is_number();
  if (fits) into = found->get<T>();
}

const Json& list_in(const Json& object, const char* name) {
  static const Json none = Json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

/// Takes its body off the front of `bodies`. None: that is shorter.
std::optional<Publication> read_publication(const Json& one, std::string_view& bodies) {
  Publication publication;
  MessageHead head;
  properties_from_json(json::text_in(one, "head"), head);
  publication.to = {std::move(head.exchange), std::move(head.routing_key)};
  publication.properties = std::move(head);
  std::int64_t delay = 0, size = -1;
  read(one, "delay", delay);
  read(one, "size", size);
  read(one, "reply", publication.is_reply);
  if (size < 0 || static_cast<std::uint64_t>(size) > bodies.size()) return std::nullopt;
  publication.delay = std::chrono::milliseconds(delay);
  publication.body = Body(std::string(bodies.substr(0, static_cast<std::size_t>(size))));
  bodies.remove_prefix(static_cast<std::size_t>(size));
  return publication;
}

MetricChange read_metric(const Json& one) {
  MetricChange change;
  change.name = json::text_in(one, "name");
  bool is_set = false;
  read(one, "set", is_set);
  read(one, "value", change.value);
  change.kind = is_set ? MetricChange::Kind::set : MetricChange::Kind::add;
  const auto labels = one.find("labels");
  if (labels == one.end() || !labels->is_object()) return change;
  for (const auto& [name, value] : labels->items())
    if (value.is_string()) change.labels[name] = value.get<std::string>();
  return change;
}

/// Numbers of an outcome, by their names in the file.
constexpr std::pair<const char*, std::int64_t Outcome::*> numbers[] = {
    {"wall_micros", &Outcome::wall_micros},
    {"cpu_micros", &Outcome::cpu_micros},
    {"peak_memory_kib", &Outcome::peak_memory_kib},
    {"output_bytes", &Outcome::output_bytes}};

std::string publication_name(int number) {
  char name[24];
  std::snprintf(name, sizeof name, "%s%06d", publication_prefix, number);
  return name;
}

}  // namespace

Result<void> write_outcome(const std::string& record, const Outcome& outcome) {
  return name_in(kinds, outcome.kind).empty() ? Result<void>() : write_any_outcome(record, outcome);
}

Result<void> write_any_outcome(const std::string& record, const Outcome& outcome) {
  Json artifacts = Json::array(), publications = Json::array(), metrics = Json::array();
  for (const Artifact& artifact : outcome.artifacts)
    artifacts.push_back({{"path", artifact.path}, {"kind", artifact.kind}});
  std::string bodies;
  for (const Publication& one : outcome.given.publications) {
    publications.push_back(written(one));
    bodies += one.body.bytes();
  }
  for (const MetricChange& one : outcome.given.metrics) metrics.push_back(written(one));
  Json document{{"kind", to_string(outcome.kind)},
                {"reason", outcome.reason},
                {"message", outcome.message},
                {"log_file", outcome.log_file},
                {"artifacts", artifacts},
                {"result", outcome.given.result},
                {"publications", publications},
                {"metrics", metrics},
                {"stops_chain", outcome.given.stops_chain},
                {"exit", outcome.exit}};
  for (const auto& [name, number] : numbers) document[name] = outcome.*number;
  return write_text(record, outcome_text, document.dump(-1, ' ', false, bad_utf8) + "\n" + bodies);
}

std::optional<Outcome> read_outcome(const std::string& record) {
  const auto text = read_text(record, outcome_text, largest_file);
  if (!text) return std::nullopt;
  const std::string_view whole = *text;
  const std::size_t end = whole.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const json::Limits limits{largest_file, 32, 1'000'000, 1 << 20};
  auto parsed = json::parse(whole.substr(0, end), limits);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const Json& document = *parsed;
  auto kind = value_in(kinds, json::text_in(document, "kind"));
  if (!kind) kind = value_in(other_kinds, json::text_in(document, "kind"));
  if (!kind) return std::nullopt;
  Outcome outcome =
      make_outcome(*kind, json::text_in(document, "reason"), json::text_in(document, "message"));
  outcome.log_file = json::text_in(document, "log_file");
  outcome.exit = json::text_in(document, "exit");
  for (const auto& [name, number] : numbers) read(document, name, outcome.*number);
  for (const Json& one : list_in(document, "artifacts"))
    outcome.artifacts.push_back(Artifact{json::text_in(one, "path"), json::text_in(one, "kind")});
  outcome.given.result = json::text_in(document, "result");
  outcome.given.stops_chain = document.value("stops_chain", Json()) == true;
  std::string_view bodies = whole.substr(end + 1);
  for (const Json& one : list_in(document, "publications")) {
    auto publication = read_publication(one, bodies);
    if (!publication) return std::nullopt;
    outcome.given.publications.push_back(std::move(*publication));
  }
  if (!bodies.empty()) return std::nullopt;
  for (const Json& one : list_in(document, "metrics"))
    outcome.given.metrics.push_back(read_metric(one));
  return outcome;
}

Result<std::string> write_publication(const std::string& record, int number,
                                      const Publication& publication) {
  const std::string path = path_beside(record, publication_name(number));
  auto whole = write_whole(path, written(publication).dump(-1, ' ', false, bad_utf8) + "\n" +
                                     std::string(publication.body.bytes()));
  if (!whole) return whole.error();
  return path;
}

std::vector<std::string> publications_beside(const std::string& record) {
  const RecordName name = RecordName::parse(record);
  const std::string prefix = name.directory + "/" + publication_prefix;
  std::vector<std::string> paths;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(name.directory, failed)) {
    const std::string path = entry.path().string();
    if (!path.starts_with(prefix)) continue;
    const int number = std::atoi(path.c_str() + prefix.size());
    if (path == name.beside(publication_name(number))) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::optional<Publication> read_publication(const std::string& path) {
  const auto text = read_whole(path, largest_file);
  const std::size_t end = text ? text->find('\n') : std::string::npos;
  if (end == std::string::npos) return std::nullopt;
  const auto parsed = json::parse(std::string_view(*text).substr(0, end));
  if (!parsed || !parsed->is_object()) return std::nullopt;
  std::string_view bodies = std::string_view(*text).substr(end + 1);
  return read_publication(*parsed, bodies);
}

}  // namespace rbit
