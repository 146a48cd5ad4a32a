#include "rbit/dispatch/chain.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "rbit/core/task_message.h"

using namespace rbit;
using nlohmann::json;

namespace {

Job job_of(const std::string& name, const json& callback) {
  Job job;
  job.kind = MessageKind::task;
  job.queue = "work";
  job.body = Body(json{{"task_name", name}, {"callback", callback}}.dump());
  job.head.correlation_id = "c1";
  return job;
}

std::optional<Publication> next(const Job& job, const std::string& result = "") {
  Outcome outcome;
  outcome.kind = Outcome::Kind::done;
  outcome.given.result = result;
  return next_link(job, outcome, [](const std::string& task, const std::string& queue) {
    return queue + "." + task;
  });
}

/// The names that are run, one after the other, from `name` on.
std::vector<std::string> run(const std::string& name, const std::string& callback) {
  std::vector<std::string> names{name};
  Job job = job_of(name, callback);
  while (auto link = next(job)) {
    names.push_back(json::parse(link->body.bytes()).at("task_name"));
    job.body = link->body;
    job.head.headers = link->properties.headers;
    REQUIRE(names.size() < 100);
  }
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the next link has the result as its arguments and the whole chain") {
  const auto link = next(job_of("a", "a#b#c"), R"({"n": 1})");
  REQUIRE(link.has_value());
  CHECK(link->to.exchange.empty());
  CHECK(link->to.key == "work.b");
  CHECK(link->body.bytes() == R"({"task_name":"b","task_kwargs":{"n":1},"callback":"a#b#c"})");
  CHECK(link->properties.content_type == "application/json");
  CHECK(link->properties.correlation_id == "c1");
}

TEST_CASE("no result is no arguments; a single name is not passed on") {
  for (const char* result : {"", "null"}) {
    const auto link = next(job_of("a", "b"), result);
    REQUIRE(link.has_value());
    CHECK(link->body.bytes() == R"({"task_name":"b","task_kwargs":{}})");
  }
}

TEST_CASE("a chain goes from its first link, or from where the task is in it, to its end") {
  CHECK(run("a", "a#b#c") == Names{"a", "b", "c"});
  CHECK(run("b", "a#b#c") == Names{"b", "c"});
  CHECK(run("x", "a#b") == Names{"x", "a", "b"});
  CHECK(run("c", "a#b#c") == Names{"c"});
  CHECK(run("a", "b") == Names{"a", "b"});
  CHECK(run("a", "a") == Names{"a"});
}

TEST_CASE("a chain with a name twice ends") {
  CHECK(run("a", "a#b#a") == Names{"a", "b", "a"});
  CHECK(run("a", "a#a#a") == Names{"a", "a", "a"});
  CHECK(run("x", "a#b#a#b") == Names{"x", "a", "b", "a", "b"});
}

TEST_CASE("a place that a stranger wrote counts only if the task is there") {
  Job job = job_of("a", "a#b#c");
  for (const HeaderValue& said : {HeaderValue(std::int64_t{2}), HeaderValue(std::int64_t{-1}),
                                  HeaderValue(std::int64_t{99}), HeaderValue(std::string("0"))}) {
    job.head.headers[chain_header] = said;
    CHECK(next(job)->to.key == "work.b");
  }
}

TEST_CASE("nothing follows a task that stops its chain, one without a chain, and what is no task") {
  Outcome stopped;
  stopped.given.stops_chain = true;
  const auto anywhere = [](const std::string&, const std::string& queue) { return queue; };
  CHECK_FALSE(next_link(job_of("a", "a#b"), stopped, anywhere).has_value());
  CHECK_FALSE(next(job_of("a", nullptr)).has_value());
  CHECK_FALSE(next(job_of("a", "")).has_value());
  Job other = job_of("a", "a#b");
  other.kind = MessageKind::json;
  CHECK_FALSE(next(other).has_value());
}
