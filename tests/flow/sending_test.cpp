// What jobs send: in the journal with their verdict, or not at all.

#include <doctest/doctest.h>

#include <limits>

#include "rbit/dispatch/closing.h"
#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Strings = std::vector<std::string>;

namespace {

Publication publication(const std::string& key, const std::string& body) {
  Publication one;
  one.to = {"", key};
  one.body = Body(body);
  return one;
}

Outcome giving(Kind kind, const Strings& bodies) {
  Outcome made = outcome(kind, kind == Kind::done ? "" : "its reason");
  for (const std::string& body : bodies)
    made.given.publications.push_back(publication("q-" + body, body));
  return made;
}

/// "body to key (id)", in the order of their numbers; those that wait behind another too.
Strings sent(Story& story) {
  Strings all;
  for (;;) {
    const auto rows = story.journal().due_reports(publication_target,
                                                  std::numeric_limits<std::int64_t>::max(), 100);
    if (rows.empty()) return all;
    for (const Report& row : rows) {
      all.push_back(row.carried.body.bytes() + " to " + row.carried.routing_key + " (" +
                    row.carried.message_id + ")");
      story.run([](Journal& journal, const Report& one) -> Task<void> {
        const auto taken = co_await journal.report_sent(one);
        CHECK(taken.has_value());
      }(story.journal(), row));
    }
  }
}

RunnerPolicy answering() {
  RunnerPolicy policy;
  policy.reply = true;
  policy.attempts = 2;
  return policy;
}

/// Its copy for the next attempt, as it comes back from where it waited.
Message copy_of(Message message, int attempt) {
  message.headers[attempt_header] = std::int64_t{attempt};
  return message;
}

void send(Story& story, const Message& message) {
  story.transport.send(message);
  story.settle_down();
}

Message asking(Story& story, const std::string& package) {
  Message message = story.message(package);
  message.reply_to = "asker";
  message.correlation_id = "c";
  return message;
}

}  // namespace

TEST_CASE("what a done job gives is on record with its verdict; of a failed one nothing is") {
  Story story;
  story.runner().script("good", giving(Kind::done, {"a", "b"}));
  story.runner().script("bad", giving(Kind::failed, {"c"}));
  story.runner().script("dying", giving(Kind::crashed, {"d"}));
  for (const char* package : {"good", "bad", "dying"}) story.send(package);
  CHECK(sent(story) == Strings{"a to q-a (good:1:3)", "b to q-b (good:1:4)"});
}

TEST_CASE("blocked, then done: only the attempt that is done sends") {
  Story story;
  story.runner().script("good", giving(Kind::blocked, {"a"}));
  const Message message = story.message("good");
  send(story, message);
  CHECK(sent(story).empty());
  story.runner().script("good", giving(Kind::done, {"b"}));
  send(story, copy_of(message, 2));
  CHECK(story.runner().started.size() == 2);
  const Strings once = sent(story);
  REQUIRE(once.size() == 1);
  CHECK(once[0].starts_with("b to q-b (good:2:"));
}

TEST_CASE("what is to go now goes, whatever becomes of the job") {
  Story story;
  story.runner().script("bad", giving(Kind::failed, {"a"}),
                        [](RunContext& context) { context.publish(publication("q", "now")); });
  story.send("bad");
  CHECK(sent(story) == Strings{"now to q (bad:1:2)"});
}

TEST_CASE("a verdict that cannot be written yet sends nothing yet, and then once") {
  Story story;
  story.runner().script("good", giving(Kind::done, {"a"}));
  story.refuse_verdicts(true);
  story.send("good");
  CHECK(sent(story).empty());
  for (int i = 0; i < 5; ++i) story.pass(1s);
  story.refuse_verdicts(false);
  for (int i = 0; i < 60; ++i) story.pass(1s);
  const Strings once = sent(story);
  REQUIRE(once.size() == 1);
  CHECK(once[0].starts_with("a to q-a (good:1:"));
}

TEST_CASE("killed before its verdict is on record, a job that runs again sends once") {
  Story story;
  Message again = story.message("good");
  send(story, again);
  story.crash_and_restart();
  story.runner().end("good", giving(Kind::done, {"a"}));
  again.redelivered = true;
  send(story, again);
  const Strings once = sent(story);
  REQUIRE(once.size() == 1);
  CHECK(once[0].starts_with("a to q-a (good:2:"));
  // Its message comes once more: it is answered, and nothing is sent.
  send(story, again);
  CHECK(sent(story).empty());
}

TEST_CASE("a verdict that the last life left is sent with what it gave") {
  Story story;
  story.send("good");
  const auto open = [&] {
    story.crash_and_restart();
    return story.journal().open_attempts().value();
  }();
  REQUIRE(open.size() == 1);
  story.run([](Story& its, Job job) -> Task<void> {
    Outcome found = giving(Kind::done, {"a"});
    const bool on_record =
        co_await its.dispatcher().finish_earlier(std::move(job), std::move(found), "/records/1");
    CHECK(on_record);
  }(story, open[0].job));
  CHECK(sent(story) == Strings{"a to q-a (good:1:3)"});
}

TEST_CASE("a cancel that comes after its end takes back what a job gave") {
  Story story;
  story.runner().script("good", giving(Kind::done, {"a"}),
                        [](RunContext& context) { context.stop.request(StopKind::cancel); });
  story.send("good");
  CHECK(story.told.back().starts_with("Cancelled"));
  CHECK(sent(story).empty());
}

TEST_CASE("every end is answered, once: done, failed, given up after all attempts, cancelled") {
  Story story(2, answering());
  story.reply_by(answering());
  Outcome done = giving(Kind::done, {"a"});
  done.given.result = "7";
  story.runner().script("good", done);
  story.runner().script("bad", outcome(Kind::failed, "exit 2", "no file"));
  story.runner().script("late", outcome(Kind::blocked, "exit 75"));
  for (const char* package : {"good", "bad"}) send(story, asking(story, package));
  const Message late = asking(story, "late");
  send(story, late);
  CHECK(sent(story) ==
        Strings{"a to q-a (good:1:3)",
                "{\"job\": 1, \"status\": \"Done\", \"message\": \"\", \"result\": 7} to asker "
                "(good:1:4)",
                "{\"job\": 2, \"status\": \"Failed\", \"message\": \"exit 2: no file\", "
                "\"result\": null} to asker (bad:1:3)"});
  send(story, copy_of(late, 2));  // its last attempt ends as the one before
  const Strings last = sent(story);
  REQUIRE(last.size() == 1);
  CHECK(last[0].starts_with(
      "{\"job\": 3, \"status\": \"Failed\", \"message\": \"exit 75\", \"result\": null} to asker"));

  CHECK(story.cancel("4").has_value());  // before it comes
  send(story, asking(story, "unwanted"));
  const Strings cancelled = sent(story);
  REQUIRE(cancelled.size() == 1);
  CHECK(cancelled[0].find("\"status\": \"Cancelled\"") != std::string::npos);
}

TEST_CASE("one that its front-end has done already is answered, and publishes no result of ours") {
  RunnerPolicy policy = answering();
  policy.on_done_publish = Destination{"events", "done"};
  Story story(2, policy);
  story.reply_by(policy);
  story.front_end["known"] = Standing{Standing::Kind::done, false, "Done"};
  story.transport.send(asking(story, "known"));
  story.settle_down();
  const Strings answered = sent(story);
  REQUIRE(answered.size() == 1);
  CHECK(answered[0].find("\"status\": \"Done\", \"message\": \"not built: Done\"") !=
        std::string::npos);
}
