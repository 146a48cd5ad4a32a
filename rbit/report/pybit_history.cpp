#include "rbit/report/pybit_history.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "rbit/base/json.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

using Kind = Standing::Kind;

/// In the order in which the configured names are looked at.
constexpr std::pair<Status, Kind> kinds[] = {
    {Status::waiting, Kind::waiting},   {Status::blocked, Kind::waiting},
    {Status::building, Kind::building}, {Status::done, Kind::done},
    {Status::failed, Kind::failed},     {Status::cancelled, Kind::cancelled}};

/// The configured names count first; then PyBit's own.
Kind kind_of(std::string_view name, const PybitSettings& settings) {
  const auto& names = settings.names;
  for (const auto& [status, kind] : kinds)
    if (const auto own = names.find(status); own != names.end() && own->second == name) return kind;
  if (name == "Uploaded") return Kind::done;  // sent by nobody, but anybody may set it there
  for (const auto& [status, kind] : kinds)
    if (to_string(status) == name) return kind;
  return Kind::unclear;
}

}  // namespace

Standing read_history(std::string_view body, const PybitSettings& settings) {
  json::Limits limits;
  limits.nodes = 300'000;  // what fits into an answer that is read at all
  const auto document = json::parse(body, limits);
  if (!document) return Standing::unclear("its answer is no JSON: " + document.error().reason);
  if (!document->is_array() || document->empty())
    return Standing::unclear("its answer is no history");
  const nlohmann::json& last = document->back();
  const std::string status = json::text_in(last, "status");
  const std::string client = json::text_in(last, "buildclient");
  if (status.empty()) return Standing::unclear("its answer has no status");
  Standing standing;
  standing.kind = kind_of(status, settings);
  if (standing.kind == Kind::unclear)
    return Standing::unclear("its status '" + text::one_line(status, 60) + "' is not known");
  standing.said = "the front-end has it as " + text::one_line(status, 60);
  if (standing.kind != Kind::building || client.empty()) return standing;
  standing.elsewhere = client != settings.client.value_or("");
  standing.said += " by '" + text::one_line(client, 120) + "'";
  return standing;
}

}  // namespace rbit
