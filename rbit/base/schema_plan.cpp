#include "rbit/base/schema_plan.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace rbit {

using nlohmann::json;

std::string comparable(const json& value) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    constexpr double most = 9007199254740992;  // what a double tells from its neighbours
    if (std::nearbyint(number) == number && std::fabs(number) <= most)
      return std::to_string(static_cast<std::int64_t>(number));
    return value.dump();
  }
  if (!value.is_structured()) return value.dump();
  std::string text(1, value.is_array() ? '[' : '{');
  for (auto item = value.begin(); item != value.end(); ++item) {
    if (text.size() > 1) text += ',';
    if (value.is_object()) text += json(item.key()).dump() + ":";
    text += comparable(*item);
  }
  return text += value.is_array() ? ']' : '}';
}

}  // namespace rbit
