#include "rbit/app/recent_messages.h"

#include <doctest/doctest.h>

using namespace rbit;

namespace {

void end(RecentMessages& recent, const std::string& key, std::string body,
         std::optional<Status> told = Status::done) {
  Job job;
  job.key = key;
  job.queue = "orders";
  job.head.message_id = key;
  job.body = std::move(body);
  recent.finished(job, Outcome{}, told);
}

}  // namespace

TEST_CASE("the message of a job that ended is held, with its properties") {
  RecentMessages recent;
  end(recent, "a", "one");
  end(recent, "a", "two");
  end(recent, "b", "blocked", Status::blocked);
  end(recent, "c", "interrupted", std::nullopt);
  const auto held = recent.of("a");
  REQUIRE(held);
  CHECK(held->queue == "orders");
  CHECK(held->message_id == "a");
  CHECK(held->body == "two");
  CHECK_FALSE(recent.of("b"));
  CHECK_FALSE(recent.of("c"));
  CHECK_FALSE(recent.of(""));
}

TEST_CASE("so many are held, and so much of them") {
  RecentMessages recent;
  for (std::size_t i = 0; i <= RecentMessages::most_jobs; ++i) end(recent, std::to_string(i), "x");
  CHECK_FALSE(recent.of("0"));
  CHECK(recent.of("1"));
  end(recent, "large", std::string(RecentMessages::most_bytes - 100, 'x'));
  CHECK(recent.of("large"));
  CHECK_FALSE(recent.of("900"));
  CHECK(recent.of(std::to_string(RecentMessages::most_jobs)));
  end(recent, "too large", std::string(RecentMessages::most_bytes + 1, 'x'));
  CHECK_FALSE(recent.of("too large"));
  CHECK(recent.of("large"));
}

TEST_CASE("headers count, too") {
  RecentMessages recent;
  Job job;
  job.head.headers["large"] = std::string(RecentMessages::most_bytes / 2, 'x');
  for (const char* key : {"a", "b"}) {
    job.key = key;
    recent.finished(job, Outcome{}, Status::done);
  }
  CHECK_FALSE(recent.of("a"));
  CHECK(recent.of("b"));
}
