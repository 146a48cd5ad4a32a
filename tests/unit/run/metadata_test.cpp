#include "rbit/run/job_environment.h"

#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

using namespace rbit;

namespace {

std::string time_of(std::int64_t seconds) {
  MessageHead message;
  message.timestamp = seconds;
  return nlohmann::json::parse(message_metadata(message, "q"))["properties"]["timestamp"];
}

}  // namespace

TEST_CASE("a message without properties, byte for byte as rabbitmq-cli-consumer 2 writes it") {
  MessageHead message;
  message.persistent = false;
  message.consumer_tag = "ctag-./rabbitmq-cli-consumer-1";
  message.delivery_tag = 1;
  // What its test TestEndToEnd/propertiesCommand expects, but for the content type and correlation
  // id there, the member `body` of --include, and delivery_mode, which is 0 there if it is missing.
  CHECK(message_metadata(message, "test") ==
        R"({"properties":{"application_headers":null,"content_type":"","content_encoding":"",)"
        R"("delivery_mode":1,"priority":0,"correlation_id":"","reply_to":"","expiration":"",)"
        R"("message_id":"","timestamp":"0001-01-01T00:00:00Z","type":"","user_id":"",)"
        R"("app_id":""},"delivery_info":{"message_count":0,)"
        R"("consumer_tag":"ctag-./rabbitmq-cli-consumer-1","delivery_tag":1,)"
        R"("redelivered":false,"exchange":"","routing_key":"test"}})");
}

TEST_CASE("a message with all of them") {
  MessageHead message;
  message.headers = {{"a", std::string("text")}, {"b", std::int64_t{5}}, {"c", true}, {"d", 1.5}};
  message.content_type = "application/json";
  message.content_encoding = "utf-8";
  message.priority = 9;
  message.correlation_id = "corr";
  message.reply_to = "back";
  message.expiration = "1000";
  message.message_id = "id-1";
  message.timestamp = 1367322533;
  message.type = "build";
  message.user_id = "guest";
  message.app_id = "app";
  message.redelivered = true;
  message.exchange = "pybit";
  message.routing_key = "";  // a fanout exchange needs none
  const auto metadata = nlohmann::json::parse(message_metadata(message, "q"));
  CHECK(metadata == nlohmann::json::parse(R"({
    "properties": {
      "application_headers": {"a": "text", "b": 5, "c": true, "d": 1.5},
      "content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2,
      "priority": 9, "correlation_id": "corr", "reply_to": "back", "expiration": "1000",
      "message_id": "id-1", "timestamp": "2013-04-30T11:48:53Z", "type": "build",
      "user_id": "guest", "app_id": "app"},
    "delivery_info": {
      "message_count": 0, "consumer_tag": "", "delivery_tag": 0, "redelivered": true,
      "exchange": "pybit", "routing_key": ""}})"));
}

TEST_CASE("times, hostile ones too") {
  CHECK(time_of(0) == "1970-01-01T00:00:00Z");
  CHECK(time_of(-62'135'596'800) == "0001-01-01T00:00:00Z");
  CHECK(time_of(253'402'300'799) == "9999-12-31T23:59:59Z");
  for (const std::int64_t odd :
       {std::int64_t{253'402'300'800}, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()})
    CHECK(time_of(odd) == "0001-01-01T00:00:00Z");
}

TEST_CASE("bytes that are no text do not break it") {
  MessageHead message;
  message.content_type = "a\xff";
  message.headers["\xfe"] = std::string("\xc3\x28\0x", 4);
  message.headers["nan"] = std::numeric_limits<double>::quiet_NaN();
  CHECK(nlohmann::json::accept(message_metadata(message, "q\xff")));
}
