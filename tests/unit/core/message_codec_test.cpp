#include "rbit/core/message_codec.h"

#include <doctest/doctest.h>

using namespace rbit;

TEST_CASE("a message's properties come back as they were, whatever their bytes") {
  Message message;
  message.message_id = "id\xff\0 1";
  message.content_type = "application/json";
  message.correlation_id = "\xC3\xA4";
  message.type = "build";
  message.app_id = "app";
  message.user_id = "guest";
  message.expiration = "60000";
  message.exchange = "pybit";
  message.routing_key = "a.b";
  message.timestamp = 1367322533;
  message.priority = 9;
  message.persistent = false;
  message.headers["text"] = std::string("a\xfe");
  message.headers["flag"] = true;
  message.headers["number"] = std::int64_t{-5};
  message.headers["part"] = 1.5;
  message.headers["odd\x80name"] = std::string("x");

  Message copy;
  properties_from_json(properties_to_json(message), copy);
  CHECK(copy.message_id == message.message_id);
  CHECK(copy.content_type == message.content_type);
  CHECK(copy.correlation_id == message.correlation_id);
  CHECK(copy.reply_to.empty());
  CHECK(copy.type == "build");
  CHECK(copy.app_id == "app");
  CHECK(copy.user_id == "guest");
  CHECK(copy.expiration == "60000");
  CHECK(copy.exchange == "pybit");
  CHECK(copy.routing_key == "a.b");
  CHECK(copy.timestamp == message.timestamp);
  CHECK(copy.priority == message.priority);
  CHECK_FALSE(copy.persistent);
  CHECK(copy.headers == message.headers);
}

TEST_CASE("the copies of a message have its bytes in common, and keep them") {
  Message message;
  message.body = "body";
  Message copy = message;
  CHECK(&copy.body.bytes() == &message.body.bytes());
  message.body = "other";
  CHECK(copy.body == "body");
  CHECK(message.body == "other");
  CHECK(message.body != copy.body);
  CHECK(Body().empty());
}

TEST_CASE("what is in an encoding that is not read is never the same message as a job") {
  Message job;
  job.queue = "work";
  job.body = "{}";
  const std::string digest = digest_of(job);
  for (const char* plain : {"identity", "none", "UTF-8", "utf8"}) {
    job.content_encoding = plain;
    CHECK(digest_of(job) == digest);
  }
  for (const char* other : {"gzip", "Deflate", "br", "identity, gzip", " "}) {
    job.content_encoding = other;
    CHECK_MESSAGE(digest_of(job) != digest, other);
  }
}

TEST_CASE("properties that are no JSON leave a message as it is") {
  Message message;
  message.message_id = "1";
  for (const char* text : {"", "[]", "{\"message_id\": 5}", "{\"headers\": [1, [2, 3]]}", "{"})
    properties_from_json(text, message);
  CHECK(message.message_id == "1");
  CHECK(message.headers.empty());
}

TEST_CASE("what a message was read as comes back as it was") {
  Job job, read;
  BuildRequest& request = job.request;
  request.job_id = "36";
  request.package = "col10642";
  request.uri = "http://cnx.org/";
  request.master = true;
  request_from_json(request_to_json(job), read);
  const BuildRequest& copy = read.request;
  CHECK(read.kind == MessageKind::pybit);
  CHECK(copy.job_id == "36");
  CHECK(copy.package == "col10642");
  CHECK(copy.uri == "http://cnx.org/");
  CHECK(copy.version.empty());
  CHECK(copy.master);
  for (const MessageKind kind : {MessageKind::json, MessageKind::raw}) {
    job.kind = kind;
    request_from_json(request_to_json(job), read);
    CHECK(read.kind == kind);
  }
}
