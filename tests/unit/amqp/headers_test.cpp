#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "rbit/amqp/library.h"
#include "rbit/amqp/wire.h"

using namespace rbit;

namespace {

/// The headers of one message, as librabbitmq hands them over.
class Headers {
 public:
  void add(const std::string& name, const std::string& text) {
    amqp_field_value_t value{};
    value.kind = AMQP_FIELD_KIND_UTF8;
    value.value.bytes = keep(text);
    entries_.push_back({keep(name), value});
  }
  void add(const std::string& name, double number) {
    amqp_field_value_t value{};
    value.kind = AMQP_FIELD_KIND_F64;
    value.value.f64 = number;
    entries_.push_back({keep(name), value});
  }
  void add_table(const std::string& name) {
    amqp_field_value_t value{};
    value.kind = AMQP_FIELD_KIND_TABLE;
    entries_.push_back({keep(name), value});
  }

  amqp::Incoming read() {
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_HEADERS_FLAG;
    properties.headers = {static_cast<int>(entries_.size()), entries_.data()};
    amqp::Incoming kept;
    amqp::read_properties(properties, "x-rbit-", kept);
    return kept;
  }

 private:
  amqp_bytes_t keep(const std::string& text) {
    texts_.push_back(std::make_unique<std::string>(text));
    return amqp::bytes_of(*texts_.back());
  }

  std::vector<std::unique_ptr<std::string>> texts_;
  std::vector<amqp_table_entry_t> entries_;
};

}  // namespace

TEST_CASE("as many headers are kept as may be, and not one more; ours have room of their own") {
  Headers headers;
  for (std::size_t i = 0; i < amqp::max_headers + 1; ++i) headers.add("h" + std::to_string(i), "");
  for (std::size_t i = 0; i < amqp::max_own_headers + 1; ++i)
    headers.add("x-rbit-" + std::to_string(i), "");
  const auto kept = headers.read().headers;
  CHECK(kept.size() == amqp::max_headers + amqp::max_own_headers);
  CHECK(kept.contains("h63"));
  CHECK_FALSE(kept.contains("h64"));
  CHECK(kept.contains("x-rbit-15"));
  CHECK_FALSE(kept.contains("x-rbit-16"));
}

TEST_CASE("as many bytes of headers are kept as may be, names and values together") {
  const std::string name = "name";
  for (const std::size_t over : {0u, 1u}) {
    Headers headers;
    headers.add(name, std::string(amqp::max_header_bytes - name.size() + over, 'x'));
    CHECK(headers.read().headers.size() == 1 - over);
  }
  Headers headers;  // one that is too long does not take the others along
  headers.add("long", std::string(amqp::max_header_bytes, 'x'));
  headers.add("short", "x");
  CHECK(headers.read().headers.size() == 1);
}

TEST_CASE("tables and numbers that are none are not kept") {
  Headers headers;
  headers.add_table("table");
  headers.add("nan", std::numeric_limits<double>::quiet_NaN());
  headers.add("endless", std::numeric_limits<double>::infinity());
  headers.add("real", 1.5);
  const auto kept = headers.read().headers;
  CHECK(kept.size() == 1);
  CHECK(std::get<double>(kept.at("real")) == 1.5);
}
