#include "rbit/config/environment.h"

#include <cstdlib>

#include "rbit/base/text.h"

namespace rbit::config {

std::optional<std::string> environment_of(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

void environment_error(const char* variable, const std::string& value, const std::string& wanted,
                       Loaded& loaded) {
  const Place place{"environment", 0};
  loaded.error(place,
               std::string(variable) + ": '" + text::one_line(value, 80) + "' is not " + wanted);
}

}  // namespace rbit::config
