#include "rbit/run/record.h"
#include "rbit/run/outcome_file.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <set>

#include "rbit/run/event_line.h"
#include "rbit/run/workspace.h"
#include "tests/unit/run/few_descriptors.h"
#include "tests/unit/run/run_fixture.h"

using namespace rbit;

namespace {

struct RecordFixture : test::RunFixture {
  std::string record_dir = fresh_record_dir();
  RunnerPolicy policy;

  std::optional<Outcome> recover(const std::atomic<bool>* stop = nullptr) {
    return test::run(loop, recover_attempt(attempt(), policy, place(), stop));
  }
  /// Where the attempt worked, noted as such.
  Workspace make_workspace() {
    Job job;
    job.key = "key-1";
    auto workspace = Workspace::make(dir / "work", job);
    REQUIRE(workspace.has_value());
    REQUIRE(note_workspace(record_dir, workspace->root()).has_value());
    return std::move(*workspace);
  }
  OpenAttempt attempt() const {
    OpenAttempt open;
    open.job.key = "key-1";
    open.record_dir = record_dir;
    return open;
  }
  /// A record as a leader leaves it; without `end` as one that died.
  void write_record(const std::string& end, bool torn = false) const {
    char text[512];
    int size = std::snprintf(text, sizeof text, wire::record_begin_format, wire::version, 4194304,
                             1ull, "00000000-0000-0000-0000-000000000000", "feedfeedfeedfeed");
    std::memcpy(text + size, end.data(), end.size());
    size += static_cast<int>(end.size());
    std::string whole(text, static_cast<std::size_t>(size));
    if (!end.empty()) {
      std::snprintf(text, sizeof text, wire::record_sum_format,
                    static_cast<unsigned long long>(wire::sum(whole.data(), whole.size())));
      whole += text;
      if (torn) whole.resize(whole.size() - 3);
    }
    test::write_file(record_dir + "/leader", whole);
  }
};

std::string exit_line(int code, StopCause cause = StopCause::none) {
  char line[128];
  std::snprintf(line, sizeof line, wire::record_end_format, code, 0, static_cast<int>(cause), 0,
                1ll, 2ll, 0);
  return line;
}

}  // namespace

TEST_CASE_FIXTURE(RecordFixture, "without a record nothing of the attempt ran") {
  CHECK_FALSE(recover());
  CHECK_FALSE(read_leader_record(record_dir)->has_value());
}

TEST_CASE_FIXTURE(RecordFixture, "a verdict that only the leader knew is the outcome") {
  write_record(exit_line(3));
  auto outcome = recover();
  REQUIRE(outcome);
  CHECK(outcome->kind == Outcome::Kind::failed);
  CHECK(outcome->reason == "exit 3");
  write_record(exit_line(75));
  CHECK(recover()->kind == Outcome::Kind::blocked);
  write_record(exit_line(0));
  CHECK(recover()->kind == Outcome::Kind::done);
  write_record(exit_line(0, StopCause::timeout));
  CHECK(recover()->kind == Outcome::Kind::timed_out);
}

TEST_CASE_FIXTURE(RecordFixture, "no verdict, a torn one or our own death is none") {
  write_record("");
  CHECK_FALSE(recover());
  write_record(exit_line(0), true);
  CHECK_FALSE(recover());
  write_record(exit_line(0, StopCause::interrupt));
  CHECK_FALSE(recover());
  test::write_file(record_dir + "/leader", std::string("\0\xff rubbish", 10));
  CHECK_FALSE(recover());
}

TEST_CASE_FIXTURE(RecordFixture, "a host's result line is its verdict") {
  write_record("");
  test::write_file(record_dir + "/result", "{\"result\":\"failed\",\"message\":\"no TeX\"}\n");
  const auto outcome = recover();
  REQUIRE(outcome);
  CHECK(outcome->kind == Outcome::Kind::failed);
  CHECK(outcome->message == "no TeX");
  test::write_file(record_dir + "/result", "{\"result\":\"fai");
  CHECK_FALSE(recover());
}

TEST_CASE_FIXTURE(RecordFixture, "artifacts that were not collected yet are, and the rest goes") {
  std::filesystem::create_directories(dir / "output");
  const Workspace workspace = make_workspace();
  test::write_file(workspace.path() + "/a.deb", "a");
  test::write_file(workspace.path() + "/b.pdf", "b");
  policy.artifacts = {"*.deb"};
  note_artifact(record_dir, Artifact{"b.pdf", "pdf"});
  write_record(exit_line(0));
  const auto outcome = recover();
  REQUIRE(outcome);
  CHECK(outcome->kind == Outcome::Kind::done);
  CHECK(outcome->artifacts.size() == 2);
  CHECK(std::filesystem::exists(dir / "output/a.deb"));
  CHECK_FALSE(std::filesystem::exists(workspace.root()));
}

TEST_CASE_FIXTURE(RecordFixture, "who is told to stop leaves the artifacts to the next life") {
  const Workspace workspace = make_workspace();
  test::write_file(workspace.path() + "/a.deb", "a");
  policy.artifacts = {"*.deb"};
  write_record(exit_line(0));
  const std::atomic<bool> stop{true};
  CHECK_FALSE(recover(&stop));
  CHECK(std::filesystem::exists(workspace.path() + "/a.deb"));
  CHECK_FALSE(std::filesystem::exists(dir / "output/a.deb"));
  const auto outcome = recover();
  REQUIRE(outcome);
  CHECK(outcome->artifacts.size() == 1);
}

TEST_CASE_FIXTURE(RecordFixture, "artifacts for which there is no room make no job Failed") {
  const Workspace workspace = make_workspace();
  test::write_file(workspace.path() + "/a.deb", "a");
  policy.artifacts = {"*.deb"};
  policy.keep_work = true;
  write_record(exit_line(0));
  std::set<Outcome::Kind> kinds;
  for (unsigned free = 6; !kinds.contains(Outcome::Kind::done); ++free) {
    REQUIRE(free < 100);
    const test::FewDescriptors few(free);  // sanitizers need some of them
    if (const auto outcome = recover()) {
      kinds.insert(outcome->kind);
      CHECK(outcome->artifacts.size() == (outcome->kind == Outcome::Kind::done ? 1 : 0));
    }
  }
  CHECK(kinds == std::set{Outcome::Kind::done, Outcome::Kind::interrupted});
}

TEST_CASE_FIXTURE(RecordFixture, "the loop goes on while much is removed of an earlier life") {
  for (const int count : {200, 2000}) {
    CAPTURE(count);
    const Workspace workspace = make_workspace();
    for (int i = 0; i < count; ++i)
      test::write_file(workspace.path() + "/" + std::to_string(i), "");
    write_record(exit_line(0));
    bool went_on = false;
    asio::post(loop, [&] {  // behind the beginning of what is posted next
      asio::post(loop, [&] { went_on = std::filesystem::exists(workspace.root()); });
    });
    CHECK(recover());
    CHECK_FALSE(std::filesystem::exists(workspace.root()));
    CHECK(went_on == (count == 2000));
  }
}

TEST_CASE_FIXTURE(RecordFixture, "a record of an earlier version: its workspace has the old name") {
  std::filesystem::create_directories(dir / "work/key-1-1/work");
  std::filesystem::create_directories(dir / "output");
  test::write_file(dir / "work/key-1-1/work/a.deb", "a");
  policy.artifacts = {"*.deb"};
  write_record(exit_line(0));
  const auto outcome = recover();
  REQUIRE(outcome);
  CHECK(outcome->artifacts.size() == 1);
  CHECK(std::filesystem::exists(dir / "output/a.deb"));
  CHECK_FALSE(std::filesystem::exists(dir / "work/key-1-1"));
}

TEST_CASE_FIXTURE(RecordFixture, "what is not noted as an attempt's workspace is not touched") {
  std::filesystem::create_directories(dir / "output");
  std::filesystem::create_directories(dir / "precious/work");
  std::filesystem::create_directories(dir / "work/key-1-1/work");
  policy.artifacts = {"*"};
  for (const std::string& root : {std::string(), dir / "precious", dir / "work/key-1-1",
                                  dir / "work/build+other-1", std::string("relative")}) {
    REQUIRE(note_workspace(record_dir, root).has_value());
    write_record(exit_line(0));
    REQUIRE(recover());
    CHECK(std::filesystem::exists(dir / "precious/work"));
    CHECK(std::filesystem::exists(dir / "work/key-1-1/work"));
  }
}

TEST_CASE_FIXTURE(RecordFixture, "artifacts go where the job's fields say, also after a crash") {
  const Workspace workspace = make_workspace();
  test::write_file(workspace.path() + "/a.deb", "a");
  policy.artifacts = {"*.deb"};
  policy.artifacts_required = {"*.changes"};
  policy.output_dir = dir / "output/%JOB";
  write_record(exit_line(0));
  const auto outcome = recover();
  REQUIRE(outcome);
  CHECK(outcome->kind == Outcome::Kind::failed);
  CHECK(outcome->reason == "artifact");
  CHECK(std::filesystem::exists(dir / "output/key-1/a.deb"));
}

TEST_CASE_FIXTURE(RecordFixture, "where artifacts go is noted: the message may be gone") {
  const auto kept_in = [&](const std::string& noted) {
    const Workspace workspace = make_workspace();
    test::write_file(workspace.path() + "/a.deb", "a");
    policy.artifacts = {"*.deb"};
    policy.output_dir = dir / "output/%{%2Forder}";
    test::write_file(record_dir + "/output-dir", noted);
    write_record(exit_line(0));
    const auto outcome = recover();
    REQUIRE(outcome);
    REQUIRE(outcome->artifacts.size() == 1);
    return outcome->artifacts[0].path;
  };
  REQUIRE(note_output_dir(record_dir, dir / "output/17").has_value());
  CHECK(kept_in(test::read_file(record_dir + "/output-dir")) == dir / "output/17/a.deb");
  // One that no configuration leads to, and a torn one, are none.
  for (const std::string& wrong :
       {dir / "elsewhere/17\n", dir / "output/../17\n", dir / "output/17", std::string("\n")}) {
    CAPTURE(wrong);
    CHECK(kept_in(wrong) == dir / "output/%/a.deb");
  }
}

TEST_CASE_FIXTURE(RecordFixture, "an outcome with artifacts survives as it was") {
  Outcome outcome;
  outcome.kind = Outcome::Kind::done;
  outcome.message = "fine";
  outcome.log_file = "/log";
  outcome.artifacts = {Artifact{"/out/a", "pdf"}};
  REQUIRE(write_outcome(record_dir, outcome).has_value());
  const auto again = recover();
  REQUIRE(again);
  CHECK(again->message == "fine");
  CHECK(again->log_file == "/log");
  REQUIRE(again->artifacts.size() == 1);
  CHECK(again->artifacts[0].path == "/out/a");
}

TEST_CASE_FIXTURE(RecordFixture, "a leader that is still at it is waited for") {
  write_record("");
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t leader = ::fork();  // plays a leader in its last moments
  if (leader == 0) {
    const int file = ::open((record_dir + "/leader").c_str(), O_RDWR);
    ::flock(file, LOCK_EX);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    char go = 0;
    if (::read(ready[0], &go, 0) < 0) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK((*read_leader_record(record_dir))->running);
  std::optional<std::optional<Outcome>> got;
  const auto wait = [&]() -> Task<void> {
    got = co_await recover_attempt(attempt(), policy, place());
  };
  spawn(loop.get_executor(), wait(), "test");
  loop.restart();
  loop.poll();
  CHECK_FALSE(got);
  write_record(exit_line(5));
  ::kill(leader, SIGKILL);
  ::waitpid(leader, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  until([&] { return got.has_value(); });
  REQUIRE(*got);
  CHECK((*got)->reason == "exit 5");
}

TEST_CASE_FIXTURE(RecordFixture, "what a dead leader left behind is found by its mark and killed") {
  write_record("");
  const pid_t left = ::fork();
  if (left == 0) {
    ::setsid();
    ::execle("/bin/sleep", "sleep", "1000", nullptr,
             std::initializer_list<const char*>{"RBIT_LEADER=feedfeedfeedfeed", nullptr}.begin());
    ::_exit(127);
  }
  until([&] { return test::processes_with("RBIT_LEADER=feedfeedfeedfeed") == 1; });
  CHECK_FALSE(recover());
  int status = 0;
  CHECK(::waitpid(left, &status, 0) == left);
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE_FIXTURE(RecordFixture, "what is left of something nobody goes on with ends and is gone") {
  const std::string root = make_workspace().root();
  std::filesystem::create_directories(root + "/work");
  REQUIRE(note_workspace(record_dir, root).has_value());
  write_record("");
  test::run(loop, end_leftover(record_dir, "a hook", std::chrono::milliseconds(0), place()));
  CHECK_FALSE(std::filesystem::exists(root));
  CHECK_FALSE(std::filesystem::exists(record_dir));

  // Nothing that lies elsewhere.
  const std::string other = dir / "other";
  std::filesystem::create_directories(other);
  std::filesystem::create_directories(record_dir);
  REQUIRE(note_workspace(record_dir, other).has_value());
  test::run(loop, end_leftover(record_dir, "a hook", std::chrono::milliseconds(0), place()));
  CHECK(std::filesystem::exists(other));
  CHECK_FALSE(std::filesystem::exists(record_dir));
}
