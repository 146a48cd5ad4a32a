#include "rbit/app/keeper_lines.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "rbit/app/progress_json.h"
#include "rbit/base/json.h"

namespace rbit {

namespace {

using Json = nlohmann::json;

Json written(const MetricChange& change) {
  return {{"name", change.name},
          {"set", change.kind == MetricChange::Kind::set},
          {"value", change.value},
          {"labels", change.labels}};
}

MetricChange metric_from(const Json& said) {
  MetricChange change;
  change.name = json::text_in(said, "name");
  if (said.value("set", false)) change.kind = MetricChange::Kind::set;
  change.value = said.value("value", 0.0);
  change.labels = said.value("labels", std::map<std::string, std::string>());
  return change;
}

}  // namespace

Json to_json(const KeptNews& news) {
  Json line = Json::object();
  if (const auto* progress = std::get_if<Progress>(&news)) line["progress"] = to_json(*progress);
  if (const auto* change = std::get_if<MetricChange>(&news)) line["metric"] = written(*change);
  if (const auto* said = std::get_if<KeptStatus>(&news)) {
    line["status"] = to_string(said->status);
    line["message"] = said->message;
  }
  if (std::holds_alternative<KeptEnd>(news)) line["ended"] = true;
  return line;
}

/// The other end is an rbit of our own user; but it may be of another version.
std::optional<KeptNews> news_from(const Json& line) try {
  if (line.contains("progress")) return progress_from(line["progress"]);
  if (line.contains("metric")) return metric_from(line["metric"]);
  if (line.contains("ended")) return KeptEnd{};
  const auto status = status_from(json::text_in(line, "status"));
  if (status) return KeptStatus{*status, json::text_in(line, "message")};
  return std::nullopt;
} catch (const Json::exception&) {
  return std::nullopt;
}

std::vector<std::string> keeper_sockets(const std::string& state_dir) {
  std::vector<std::string> paths;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(state_dir, failed))
    if (entry.path().filename().string().starts_with(keeper_prefix))
      paths.push_back(entry.path().string());
  return paths;
}

}  // namespace rbit
