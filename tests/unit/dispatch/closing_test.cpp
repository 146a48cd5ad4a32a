#include "rbit/dispatch/closing.h"

#include <doctest/doctest.h>

using namespace rbit;

namespace {

Job job_of(std::string number = "36") {
  Job job;
  job.key = "key-1";
  job.request.job_id = std::move(number);
  job.head.reply_to = "amq.rabbitmq.reply-to.g1h2AA==";
  job.head.correlation_id = "c-7";
  return job;
}

Outcome done(std::string result = "") {
  Outcome outcome;
  outcome.kind = Outcome::Kind::done;
  outcome.given.result = std::move(result);
  return outcome;
}

}  // namespace

TEST_CASE("the end of a job is answered to who waits for it, and to nobody else") {
  RunnerPolicy policy;
  CHECK(closing(policy, job_of(), done(), Status::done).empty());
  policy.reply = true;
  const auto leaving = closing(policy, job_of(), done(R"({"pages":3})"), Status::done);
  REQUIRE(leaving.size() == 1);
  CHECK(leaving[0].to.exchange == "");
  CHECK(leaving[0].to.key == "amq.rabbitmq.reply-to.g1h2AA==");
  CHECK(leaving[0].properties.correlation_id == "c-7");
  CHECK(leaving[0].properties.content_type == "application/json");
  CHECK(leaving[0].is_reply);
  CHECK(leaving[0].body ==
        R"({"job": 36, "status": "Done", "message": "", "result": {"pages":3}})");
  Job nobody = job_of();
  nobody.head.reply_to.clear();
  CHECK(closing(policy, nobody, done(), Status::done).empty());
  nobody.head.reply_to = std::string(256, 'q');
  CHECK(closing(policy, nobody, done(), Status::done).empty());
  for (const Status again : {Status::blocked, Status::waiting, Status::building})
    CHECK(closing(policy, job_of(), done(), again).empty());
  for (const Status over : {Status::failed, Status::cancelled})
    CHECK(closing(policy, job_of(), done(), over).size() == 1);
}

TEST_CASE("an answer has the number or the key, reason and text, and null for no result") {
  Outcome failed;
  failed.reason = "exit 3";
  failed.message = "no \"such\" file\n\xff";
  CHECK(answer_text(job_of("007"), failed, Status::failed) ==
        "{\"job\": 7, \"status\": \"Failed\", \"message\": \"exit 3: no \\\"such\\\" "
        "file\\n\xef\xbf\xbd\", \"result\": null}");
  failed.message = failed.reason;
  CHECK(answer_text(job_of(""), failed, Status::failed) ==
        R"({"job": "key-1", "status": "Failed", "message": "exit 3", "result": null})");
}

TEST_CASE("on-done-publish: a done job's result, or an empty message") {
  RunnerPolicy policy;
  policy.on_done_publish = Destination{"events", "Done.saw"};
  auto leaving = closing(policy, job_of(), done("[1]"), Status::done);
  REQUIRE(leaving.size() == 1);
  CHECK(leaving[0].to.exchange == "events");
  CHECK(leaving[0].to.key == "Done.saw");
  CHECK(leaving[0].body == "[1]");
  CHECK(leaving[0].properties.content_type == "application/json");
  CHECK(leaving[0].properties.persistent);
  CHECK_FALSE(leaving[0].is_reply);
  leaving = closing(policy, job_of(), done(), Status::done);
  REQUIRE(leaving.size() == 1);
  CHECK(leaving[0].body.empty());
  CHECK(leaving[0].properties.content_type == "");
  CHECK(closing(policy, job_of(), done(), Status::failed).empty());
  CHECK(closing(policy, job_of(), done(), Status::cancelled).empty());
}
