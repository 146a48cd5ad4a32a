#include "tests/support/config_reference.h"

#include "config_file.h"
#include "rbit/config/key_table.h"

using namespace rbit;
using namespace rbit::config;
using namespace rbit::test;

TEST_CASE("conf/rbit.ini is what the table of keys gives (config_reference ini > conf/rbit.ini)") {
  CHECK(read_file(std::string(RBIT_SOURCE_DIR) + "/conf/rbit.ini") == reference_ini());
}

TEST_CASE("the reference file loads, as it is and with its defaults spelled out") {
  CHECK(findings(reference_ini()) == "");
  std::string spelled_out = reference_ini();
  for (const Key& key : key_table()) {
    if (key.fallback.empty()) continue;
    const std::string line = "\n#" + std::string(key.name) + " = " + std::string(key.fallback);
    const auto at = spelled_out.find(line);
    REQUIRE_MESSAGE(at != std::string::npos, key.name);
    spelled_out.erase(at + 1, 1);
  }
  // The runner of the reference file is a shell line.
  CHECK(findings(spelled_out).find("keep-warm: not read") != std::string::npos);
  CHECK(ConfigFile(spelled_out).load().ok());
}

TEST_CASE("man/rbit.ini.5 has the keys of the table (config_reference man)") {
  const std::string page = read_file(std::string(RBIT_SOURCE_DIR) + "/man/rbit.ini.5");
  CHECK(page.find(man_keys()) != std::string::npos);
}

TEST_CASE("every key is in the manual") {
  const std::string page = man_keys();
  for (const Key& key : key_table()) {
    std::string name;
    for (const char c : key.name) name += c == '-' ? "\\-" : std::string(1, c);
    CHECK_MESSAGE(page.find("\n.B " + name) != std::string::npos, key.name);
  }
}

TEST_CASE("the table is sound: names once, a text for each, lower-case") {
  const auto keys = key_table();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK_FALSE(keys[i].doc.empty());
    CHECK(find_key(keys[i].section, std::string(keys[i].name) + (keys[i].family() ? "x" : "")) ==
          &keys[i]);
    if (!keys[i].old_name.empty()) CHECK(find_key(keys[i].section, keys[i].old_name) == &keys[i]);
    for (const char c : keys[i].name) CHECK_FALSE((c >= 'A' && c <= 'Z'));
  }
}
