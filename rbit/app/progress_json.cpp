#include "rbit/app/progress_json.h"

#include <nlohmann/json.hpp>

namespace rbit {

nlohmann::json to_json(const Progress& progress) {
  return {{"done", progress.done}, {"total", progress.total}, {"text", progress.text}};
}

nlohmann::json to_json(const ToldProgress& progress) {
  nlohmann::json json = to_json(static_cast<const Progress&>(progress));
  if (progress.due > 0) json["due"] = progress.due;
  return json;
}

ToldProgress progress_from(const nlohmann::json& said) {
  return {said.value("done", 0.0), said.value("total", 0.0), said.value("text", ""),
          said.value("due", std::int64_t{0})};
}

}  // namespace rbit
