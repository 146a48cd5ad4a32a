#include "rbit/run/outcome_file.h"

#include <doctest/doctest.h>

#include <fstream>

#include "rbit/run/record_slots.h"
#include "tests/unit/run/run_fixture.h"

using namespace rbit;

namespace {

Publication publication(const std::string& key, const std::string& body) {
  Publication one;
  one.to.key = key;
  one.body = Body(body);
  return one;
}

}  // namespace

TEST_CASE_FIXTURE(test::RunFixture, "a keeper's note holds all of an outcome, whatever its kind") {
  using enum Outcome::Kind;
  for (const auto kind :
       {done, failed, blocked, cancelled, crashed, timed_out, not_started, interrupted}) {
    CAPTURE(to_string(kind));
    const std::string record = fresh_record();
    Outcome outcome;
    outcome.kind = kind;
    outcome.reason = "a reason";
    outcome.message = "words";
    outcome.exit = "exit 3";
    outcome.wall_micros = 1;
    outcome.cpu_micros = 2;
    outcome.peak_memory_kib = 3;
    outcome.output_bytes = 4;
    REQUIRE(write_any_outcome(record, outcome).has_value());
    close_record(record);
    const auto read = read_outcome(record);
    REQUIRE(read);
    CHECK(read->kind == kind);
    CHECK(read->reason == "a reason");
    CHECK(read->message == "words");
    CHECK(read->exit == "exit 3");
    CHECK(read->wall_micros == 1);
    CHECK(read->cpu_micros == 2);
    CHECK(read->peak_memory_kib == 3);
    CHECK(read->output_bytes == 4);
  }
}

TEST_CASE_FIXTURE(test::RunFixture, "a runner notes no end of ours: its leader's record tells") {
  const std::string record = fresh_record();
  Outcome outcome;
  outcome.kind = Outcome::Kind::interrupted;
  REQUIRE(write_outcome(record, outcome).has_value());
  CHECK_FALSE(read_outcome(record));
}

TEST_CASE_FIXTURE(test::RunFixture, "what is published at once lies beside the record, in order") {
  const std::string record = fresh_record();
  const std::string binary("a\0\n\xff", 4);
  REQUIRE(write_publication(record, 2, publication("second", "")).has_value());
  REQUIRE(write_publication(record, 1, publication("first", binary)).has_value());
  const auto paths = publications_beside(record);
  REQUIRE(paths.size() == 2);
  const auto first = read_publication(paths[0]), second = read_publication(paths[1]);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->to.key == "first");
  CHECK(first->body.bytes() == binary);
  CHECK(second->to.key == "second");
  CHECK(second->body.bytes().empty());
}

TEST_CASE_FIXTURE(test::RunFixture, "a publication that is torn is none") {
  const std::string record = fresh_record();
  const auto path = write_publication(record, 1, publication("key", "all of it"));
  REQUIRE(path.has_value());
  for (const char* text : {"", "{", "{}\n", "[]\nx", "{\"size\": 9}\nshort", "{\"size\": -1}\n"}) {
    CAPTURE(text);
    std::ofstream(*path) << text;
    CHECK_FALSE(read_publication(*path));
  }
}
