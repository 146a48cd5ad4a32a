#include "rbit/base/host_port.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("hosts and ports") {
  const auto read = [](std::string_view text) {
    const auto value = parse_host_port(text);
    return value ? value->host + " " + std::to_string(value->port) : "(none)";
  };
  CHECK(read("localhost") == "localhost 0");
  CHECK(read("a.b-c:80") == "a.b-c 80");
  CHECK(read("[::1]:5672") == "[::1] 5672");
  CHECK(read("[::1]") == "[::1] 0");
  for (const char* wrong : {"", ":80", "a:", "a:0", "a:65536", "a:b", "a:1:2", "::1", "[::1", "[]",
                            "a/b", "u@h", "-x", "a b", "[::1]x"})
    CHECK_MESSAGE(read(wrong) == "(none)", wrong);
}

TEST_CASE("a host and its port are written as they are read") {
  CHECK(join_host_port("localhost", 5672) == "localhost:5672");
  CHECK(join_host_port("::1", 5672) == "[::1]:5672");
  CHECK(parse_host_port("[::1]:5672")->address() == "::1");
  CHECK(parse_host_port("localhost")->address() == "localhost");
}
