#include "rbit/app/progress_json.h"

#include <nlohmann/json.hpp>

namespace rbit {

nlohmann::json to_json(const Progress& progress) {
  return {{"done", progress.done}, {"total", progress.total}, {"text", progress.text}};
}

Progress progress_from(const nlohmann::json& said) {
  return {said.value("done", 0.0), said.value("total", 0.0), said.value("text", "")};
}

}  // namespace rbit
