#include "rbit/app/check_findings.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::size_t longest = 4096;

/// Where the cure of "reason (cure)" begins: at the parenthesis that the last one closes.
std::size_t cure_of(const std::string& text) {
  if (!text.ends_with(')')) return std::string::npos;
  int depth = 0;
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] == ')') ++depth;
    if (text[i] == '(' && --depth == 0) return i > 0 && text[i - 1] == ' ' ? i : std::string::npos;
  }
  return std::string::npos;
}

std::string shown(const std::string& text) {
  return text::one_line(text, longest);
}

}  // namespace

void CheckFindings::add(const config::Finding& finding) {
  const bool is_warning = finding.severity == config::Finding::Severity::warning;
  const Level level = is_warning && !(strict_ && finding.strict) ? Level::warn : Level::fail;
  const auto begin = cure_of(finding.text);
  if (begin == std::string::npos) return tell(level, finding.text, "", &finding.place);
  tell(level, finding.text.substr(0, begin - 1),
       finding.text.substr(begin + 1, finding.text.size() - begin - 2), &finding.place);
}

void CheckFindings::tell(Level level, const std::string& what, const std::string& cure,
                         const config::Place* place) {
  static constexpr const char* words[] = {"ok", "warn", "FAIL"};
  const std::string word = words[static_cast<int>(level)];
  failed_ = failed_ || level == Level::fail;
  if (json_) {
    nlohmann::ordered_json line;
    line["level"] = word;
    line["what"] = shown(what);
    line["cure"] = shown(cure);
    if (place != nullptr) line["file"] = place->file;
    if (place != nullptr) line["line"] = place->line;
    std::cout << line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
    return;
  }
  std::string begin = word + std::string(5 - word.size(), ' ');
  if (place != nullptr) {
    begin += place->file;
    if (place->line > 0) begin += ":" + std::to_string(place->line);
    begin += ": ";
  }
  std::cout << begin << shown(Error{"", what, cure}.text()) << "\n";
}

}  // namespace rbit
