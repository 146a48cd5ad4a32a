#include "rbit/config/translator.h"

#include <doctest/doctest.h>

#include <chrono>

using namespace rbit;
using namespace rbit::config;

namespace {

/// What a key of the table makes of a text in a tree.
template <class T>
boost::optional<T> read(std::string_view section, std::string_view key, const std::string& text) {
  const std::string directory = "/etc/rbit";
  const Ini tree({std::string(key), {}, text, {}, {}});
  return tree.get_value_optional<T>(Translator<T>{*find_key(section, key), directory});
}

}  // namespace

TEST_CASE("a number and a size are within what their key allows") {
  CHECK(*read<int>("amqp", "port", "65535") == 65535);
  CHECK(!read<int>("amqp", "port", "65536"));
  CHECK(*read<std::int64_t>("runner", "log-limit", "4K") == 4096);
  CHECK(!read<std::int64_t>("runner", "log-limit", "4095"));
}

TEST_CASE("a text is read as its key has it") {
  CHECK(*read<std::string>("amqp", "ca-file", "tls/../ca.pem") == "/etc/rbit/ca.pem");
  CHECK(*read<std::string>("amqp", "ca-file", "") == "");
  CHECK(*read<std::string>("rbit", "declare", "PASSIVE") == "passive");
  CHECK(!read<std::string>("rbit", "declare", "maybe"));
  CHECK(*read<std::string>("log", "level", "warn") == "WARNING");
  CHECK(*read<std::string>("amqp", "user", " a ") == " a ");
}

TEST_CASE("durations, lists, yes and no") {
  CHECK(*read<std::chrono::milliseconds>("runner", "grace", "2m") == std::chrono::minutes(2));
  CHECK(*read<std::vector<std::string>>("amqp", "host", "a, b") ==
        std::vector<std::string>{"a", "b"});
  CHECK(*read<bool>("runner", "keep-work", "on") == true);
  CHECK(!read<bool>("runner", "keep-work", "maybe"));
}
