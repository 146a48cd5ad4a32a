#include "rbit/run/record_slots.h"

#include <signal.h>
#include <sys/stat.h>

#include "rbit/run/event_line.h"
#include "rbit/run/record.h"
#include "tests/unit/run/leader_fixture.h"

using namespace rbit;

namespace {

struct SlotsFixture : test::LeaderFixture {
  std::optional<RecordSlots> slots{std::in_place, dir / "life"};

  std::string take() {
    const auto taken = slots->take();
    REQUIRE(taken.has_value());
    return *taken;
  }
  JobEnd run_at(const std::string& at, const std::string& script,
                std::function<void(Leader&)> stop = {}) {
    return sh(script, std::move(stop), [&](JobOrder& order) { order.record = at; });
  }
  ino_t inode(const std::string& at) const {
    struct stat status {};
    ::stat(RecordName::parse(at).file().c_str(), &status);
    return status.st_ino;
  }
  /// As the next life would.
  Result<std::optional<LeaderRecord>> read_later(const std::string& at) {
    close_record(at);
    return read_leader_record(at);
  }
};

}  // namespace

TEST_CASE_FIXTURE(SlotsFixture, "one job after the other has the same slot, by another name") {
  const std::string first = take();
  const ino_t inode_before = inode(first);
  CHECK(to_string(run_at(first, "exit 3")) == "exit 3");
  slots->give_back(first);
  for (int i = 0; i < 20; ++i) {
    const std::string next = take();
    CHECK(next != first);
    CHECK(RecordName::parse(next).directory == RecordName::parse(first).directory);
    CHECK(inode(next) == inode_before);
    // Nothing of the job before is said of this one.
    CHECK((*read_leader_record(next))->pid == 0);
    CHECK((*read_leader_record(next))->running);  // we have it
    run_at(next, "exit 4");
    slots->give_back(next);
  }
  const std::string last = take();
  run_at(last, "exit 5");
  const auto read = read_later(last);
  REQUIRE(read->has_value());
  CHECK_FALSE((*read)->running);
  CHECK((*read)->end->code == 5);
  CHECK(std::distance(std::filesystem::directory_iterator(RecordName::parse(last).directory), {}) ==
        1);
}

TEST_CASE_FIXTURE(SlotsFixture, "who has a slot has it alone, and what was taken is not given") {
  const std::string one = take(), two = take();
  CHECK(RecordName::parse(one).directory != RecordName::parse(two).directory);
  slots->give_back(two);
  CHECK(RecordName::parse(take()).directory == RecordName::parse(two).directory);
  CHECK(slots->has(RecordName::parse(one).directory));
  CHECK_FALSE(slots->has(dir / "life-3"));
}

TEST_CASE_FIXTURE(SlotsFixture, "no more slots stay than jobs run at once") {
  slots->keep(2);
  const std::string records[] = {take(), take(), take()};
  for (const std::string& one : records) slots->give_back(one);
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 2);
}

TEST_CASE_FIXTURE(SlotsFixture, "while some have one, as many stay as were needed at once") {
  slots->keep(1);
  const std::string one = take(), two = take(), three = take();
  slots->give_back(two);
  slots->give_back(three);
  CHECK(RecordName::parse(take()).directory == RecordName::parse(three).directory);
  CHECK(RecordName::parse(take()).directory == RecordName::parse(two).directory);
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 3);
}

TEST_CASE_FIXTURE(SlotsFixture, "files beside a record go with its job") {
  const std::string one = take();
  note_artifact(one, Artifact{"a", "pdf"});
  note_artifact(one, Artifact{"b", ""});
  CHECK(read_artifact_notes(one).size() == 2);
  slots->give_back(one);
  const std::string two = take();
  CHECK(read_artifact_notes(two).empty());
  CHECK(std::distance(std::filesystem::directory_iterator(RecordName::parse(two).directory), {}) ==
        1);
}

TEST_CASE_FIXTURE(SlotsFixture, "a slot whose file somebody removed or shortened has no next job") {
  for (const bool removed : {true, false}) {
    const std::string one = take();
    const std::string file = RecordName::parse(one).file();
    REQUIRE((removed ? ::unlink(file.c_str()) : ::truncate(file.c_str(), 0)) == 0);
    CHECK(to_string(run_at(one, "exit 3")) == "exit 3");  // neither leader nor rbit minds
    slots->give_back(one);
    const std::string two = take();
    CHECK(RecordName::parse(two).directory != RecordName::parse(one).directory);
    CHECK_FALSE(std::filesystem::exists(RecordName::parse(one).directory));
    slots->give_back(two);
  }
}

TEST_CASE_FIXTURE(SlotsFixture, "at the end the slots go that nobody needs") {
  const std::string one = take(), two = take();
  slots->give_back(two);
  slots.reset();
  CHECK(std::filesystem::exists(RecordName::parse(one).file()));
  CHECK_FALSE(std::filesystem::exists(RecordName::parse(two).directory));
  CHECK_FALSE(lend_record(one).has_value());
}

TEST_CASE_FIXTURE(SlotsFixture,
                  "two leaders at one slot: the end of the first is none of the second's") {
  const std::string one = take();
  run_at(one, "echo ready; sleep 1000", [](Leader& leader) { ::kill(leader.pid(), SIGKILL); });
  CHECK(to_string(run_at(one, "exit 3")) == "exit 3");
  slots->give_back(one);
  const std::string two = take();
  const JobEnd lost =
      run_at(two, "echo ready; sleep 1000", [](Leader& leader) { ::kill(leader.pid(), SIGKILL); });
  CHECK(lost.kind == JobEnd::Kind::leader_lost);
  const auto read = read_later(two);
  REQUIRE(read->has_value());
  CHECK((*read)->pid > 0);
  CHECK_FALSE((*read)->running);
  CHECK_FALSE((*read)->end);
}

TEST_CASE_FIXTURE(SlotsFixture, "a job that is begun again has the end of its last begin") {
  const std::string one = take();
  CHECK(to_string(run_at(one, "exit 3")) == "exit 3");
  // The same leader.
  run_at(one, "echo ready; sleep 1000", [](Leader& leader) { ::kill(leader.pid(), SIGKILL); });
  const auto read = read_later(one);
  REQUIRE(read->has_value());
  CHECK_FALSE((*read)->end);
}
