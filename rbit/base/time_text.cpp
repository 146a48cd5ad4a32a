#include "rbit/base/time_text.h"

namespace rbit {

std::string time_text(std::time_t seconds, const char* format, Zone zone) {
  std::tm parts{};
  zone == Zone::utc ? ::gmtime_r(&seconds, &parts) : ::localtime_r(&seconds, &parts);
  char text[256];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

}  // namespace rbit
