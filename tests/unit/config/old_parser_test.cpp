// Our grammar against the parser that old files were written for: what Python
// 2.7's RawConfigParser made of the same texts is recorded (recorded/old_parser.py).
#include <map>
#include <nlohmann/json.hpp>

#include "config_file.h"
#include "rbit/config/ini.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

namespace {

using Sections = std::vector<std::pair<std::string, std::map<std::string, std::string>>>;

/// Bytes, which JSON cannot hold, stand there as the letters U+0000 to U+00FF.
std::string bytes(const std::string& utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x80)
      out += utf8[i];
    else
      out += static_cast<char>((byte << 6) | (static_cast<unsigned char>(utf8[++i]) & 0x3F));
  }
  return out;
}

Sections recorded(const nlohmann::json& sections) {
  Sections out;
  for (const auto& section : sections) {
    auto& [name, entries] = out.emplace_back(bytes(section[0].get<std::string>()),
                                             std::map<std::string, std::string>());
    for (const auto& [key, value] : section[1].items())
      entries[bytes(key)] = bytes(value.get<std::string>());
  }
  return out;
}

Sections ours(const Ini& ini) {
  Sections out;
  for (const auto& [section, keys] : ini) {
    auto& [name, entries] = out.emplace_back(section, std::map<std::string, std::string>());
    for (const auto& [key, value] : keys) entries[key] = value.data().text;
  }
  return out;
}

}  // namespace

TEST_CASE("the parser reads what Python 2.7 read, and refuses what it refused") {
  const auto cases = nlohmann::json::parse(
      read_file(std::string(RBIT_SOURCE_DIR) + "/tests/unit/config/recorded/old_parser.json"));
  REQUIRE(cases.size() == 400);
  for (const auto& one : cases) {
    const std::string text = bytes(one["text"].get<std::string>());
    CAPTURE(text);
    std::vector<Finding> findings;
    const auto nothing = [](std::string_view, std::string_view) { return false; };
    const Ini ini = parse_ini(text, "rbit.ini", nothing, findings);
    std::vector<int> errors;
    for (const auto& finding : findings)
      if (finding.severity == Finding::Severity::error) errors.push_back(finding.place.line);
    if (one.contains("sections")) {
      CHECK(errors.empty());
      CHECK(ours(ini) == recorded(one["sections"]));
    } else if (one.contains("errors")) {
      CHECK(errors == one["errors"].get<std::vector<int>>());
    } else {
      REQUIRE(!errors.empty());
      CHECK(errors.front() == one["missing_header"].get<int>());
    }
  }
}
