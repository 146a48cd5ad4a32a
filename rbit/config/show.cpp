#include "rbit/base/text.h"
#include "rbit/config/broker_url.h"
#include "rbit/config/settings.h"

namespace rbit::config {

namespace {

std::string origin(const Place& place) {
  if (place.file.empty()) return "default";
  return place.line == 0 ? place.file : place.file + ":" + std::to_string(place.line);
}

/// Continuation lines are indented, so that what is shown could be written so.
std::string shown(const Value& value) {
  if (value.key == "url" && !value.text.empty())
    return " " + text::one_line(without_user(value.text), 65536);
  if (value.secret) return value.text.empty() ? "" : " ***";
  const auto lines = text::split(value.text, '\n');
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;  // the first, if the value begins on the next
    out += (i == 0 ? " " : "\n    ") + text::one_line(lines[i], 65536);
  }
  return out;
}

}  // namespace

std::string show(const Loaded& loaded) {
  std::string out, section;
  for (const auto& value : loaded.values) {
    if (value.section != section) {
      section = value.section;
      out += (out.empty() ? "[" : "\n[") + text::one_line(section) + "]\n";
    }
    out += "(" + text::one_line(origin(value.place)) + ") " + text::one_line(value.key) + " =" +
           shown(value) + "\n";
  }
  return out;
}

}  // namespace rbit::config
