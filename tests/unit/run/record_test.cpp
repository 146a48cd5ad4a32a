#include "rbit/run/record.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <set>

#include "rbit/run/event_line.h"
#include "rbit/run/outcome_file.h"
#include "rbit/run/record_slots.h"
#include "rbit/run/work_places.h"
#include "tests/unit/run/few_descriptors.h"
#include "tests/unit/run/run_fixture.h"

using namespace rbit;

namespace {

std::string exit_line(int code, StopCause cause = StopCause::none) {
  char line[128];
  std::snprintf(line, sizeof line, wire::record_end_format, code, 0, static_cast<int>(cause), 0,
                1ll, 2ll, 0);
  return line;
}

/// What an earlier life left, in a slot or, of an earlier version, in a directory.
struct RecordFixture : test::RunFixture {
  std::string record = closed_record();
  RunnerPolicy policy;

  std::string closed_record() {
    std::string fresh = fresh_record();
    close_record(fresh);
    return fresh;
  }
  void make_old() {
    record = dir / "old";
    REQUIRE(::mkdir(record.c_str(), 0700) == 0);
  }
  RecordName name() const { return RecordName::parse(record); }
  std::optional<Outcome> recover(const std::atomic<bool>* stop = nullptr) {
    return test::run(loop, recover_attempt(attempt(), policy, place(), stop));
  }
  /// Where the attempt worked, noted as such.
  Workspace make_workspace() {
    auto workspace = work_places->lend(nullptr);
    REQUIRE(workspace.has_value());
    if (name().is_slot())
      REQUIRE(note_workspace(record, workspace->root()).has_value());
    else
      test::write_file(record + "/workspace", workspace->root() + "\n");
    return std::move(*workspace);
  }
  OpenAttempt attempt() const {
    OpenAttempt open;
    open.job.key = "key-1";
    open.record_dir = record;
    return open;
  }
  /// Writes it in its place; `torn`: so many of its last bytes did not come.
  void put(record::Part part, const std::string& text, int torn = 0) const {
    put(part, text, name().serial, torn);
  }
  void put(record::Part part, const std::string& text, std::uint64_t serial, int torn = 0) const {
    char head[record::head_size + 1];
    record::put_head(head, serial, text.data(), text.size());
    std::string whole = head + text;
    std::fill(whole.end() - torn, whole.end(), '\0');
    const Fd file(::open(name().file().c_str(), O_WRONLY));
    REQUIRE(::pwrite(file.get(), whole.data(), whole.size(), static_cast<off_t>(part.offset)) ==
            static_cast<ssize_t>(whole.size()));
  }
  static std::string begin_text(unsigned version = wire::version) {
    char text[512];
    std::snprintf(text, sizeof text, wire::record_begin_format, version, 4194304, 1ull,
                  "00000000-0000-0000-0000-000000000000", "feedfeedfeedfeed");
    return text;
  }
  static std::string end_text(const std::string& end) {
    const std::string begin = begin_text();
    char of[32];
    std::snprintf(of, sizeof of, wire::record_of_format, record::crc32(begin.data(), begin.size()));
    return of + end;
  }
  /// A record as a leader leaves it; without `end` as one that died.
  void write_record(const std::string& end, bool torn = false) const {
    if (!name().is_slot()) return write_old_record(end, torn);
    put(record::begin_part, begin_text());
    if (end.empty())
      put(record::end_part, end_text(exit_line(0)), 7, 0);  // of another job
    else
      put(record::end_part, end_text(end), torn ? 3 : 0);
  }
  void write_old_record(const std::string& end, bool torn) const {
    std::string whole = begin_text(wire::last_without_slots) + end;
    if (!end.empty()) {
      char text[64];
      std::snprintf(text, sizeof text, wire::record_sum_format,
                    static_cast<unsigned long long>(wire::sum(whole.data(), whole.size())));
      whole += text;
      if (torn) whole.resize(whole.size() - 3);
    }
    test::write_file(record + "/leader", whole);
  }
};

}  // namespace

TEST_CASE_FIXTURE(RecordFixture, "without a record nothing of the attempt ran") {
  CHECK_FALSE(recover());
  CHECK_FALSE(read_leader_record(record)->has_value());
}

TEST_CASE_FIXTURE(RecordFixture, "a death before the leader began costs nothing, if that is sure") {
  OpenAttempt open = attempt();
  open.is_of_this_boot = true;
  const auto outcome = [&] {
    return test::run(loop, recover_attempt(open, policy, place(), nullptr));
  };
  REQUIRE(outcome());
  CHECK(outcome()->kind == Outcome::Kind::interrupted);
  CHECK(outcome()->reason == "not-started");
  write_record("");
  CHECK_FALSE(outcome());
  REQUIRE(::unlink(name().file().c_str()) == 0);  // an earlier recovery has removed it
  CHECK_FALSE(outcome());
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
  test::write_file(name().file(), std::string("\0\xff rubbish", 10));
  CHECK_FALSE(recover());
}

TEST_CASE_FIXTURE(RecordFixture, "what the slot's job before left counts for none of this one's") {
  const std::string line = "{\"result\":\"failed\"}\n";
  write_record(exit_line(0));
  put(record::result_part, line);
  put(record::notes_part, "workspace 5\n/work\n");
  put(record::outcome_part, "{\"kind\":\"done\"}\n");
  REQUIRE(recover());
  const RecordName before = name();
  record = RecordName{before.directory, before.serial + 1}.text();
  CHECK_FALSE(recover());
  CHECK_FALSE(read_leader_record(record)->has_value());
  CHECK_FALSE(read_notes(record).workspace);
  // It began; its end is not its own.
  put(record::begin_part, begin_text());
  CHECK_FALSE(recover());
  put(record::end_part, end_text(exit_line(0)), before.serial);
  CHECK_FALSE(recover());
  // Nor is one that another leader wrote for it.
  put(record::end_part, "of 00000001\n" + exit_line(0));
  CHECK_FALSE(recover());
  put(record::result_part, line, before.serial);
  CHECK_FALSE(recover());
}

TEST_CASE_FIXTURE(RecordFixture, "a slot's file may have lost any part of it") {
  write_record(exit_line(3));
  put(record::result_part, "{\"result\":\"failed\",\"message\":\"no TeX\"}\n");
  const std::string whole = test::read_file(name().file());
  REQUIRE(whole.size() == record::file_size);
  for (std::size_t size = 0; size < record::result_part.offset + 200; ++size) {
    if (size > 1200 && size < record::result_part.offset - 10) continue;
    CAPTURE(size);
    REQUIRE(::truncate(name().file().c_str(), static_cast<off_t>(size)) == 0);
    const auto outcome = recover();
    const auto begin_size = record::head_size + begin_text().size();
    const auto end = record::end_part.offset + record::head_size + end_text(exit_line(3)).size();
    CHECK(read_leader_record(record)->has_value() == (size >= begin_size));
    CHECK(outcome.has_value() == (size >= end));
    if (outcome)
      CHECK(outcome->message == (size < record::result_part.offset + 81 ? "" : "no TeX"));
    test::write_file(name().file(), whole);
  }
}

TEST_CASE_FIXTURE(RecordFixture, "no byte of a slot's file may be another one") {
  write_record(exit_line(3));
  const std::string whole = test::read_file(name().file());
  const auto length = record::head_size + begin_text().size();
  for (std::size_t at = 0; at < length; ++at) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 1);
    test::write_file(name().file(), other);
    CAPTURE(at);
    CHECK_FALSE(read_leader_record(record)->has_value());
  }
}

TEST_CASE_FIXTURE(RecordFixture, "what is too long for its part of a slot lies beside it") {
  const std::string longer(5000, 'x');
  REQUIRE(note_workspace(record, "/" + longer).has_value());
  REQUIRE(note_output_dir(record, "/a\nb").has_value());
  CHECK(*read_notes(record).workspace == "/" + longer);
  CHECK(*read_notes(record).output_dir == "/a\nb");
  Outcome outcome;
  outcome.kind = Outcome::Kind::done;
  outcome.message = std::string(20'000, 'm');
  REQUIRE(write_outcome(record, outcome).has_value());
  CHECK(read_outcome(record)->message == outcome.message);
  CHECK(std::filesystem::exists(name().directory + "/outcome-1"));
  const RecordName next{name().directory, 2};
  CHECK_FALSE(read_outcome(next.text()));
  CHECK_FALSE(read_notes(next.text()).workspace);
}

TEST_CASE_FIXTURE(RecordFixture, "a directory's name may have a '#'") {
  CHECK(RecordName::parse("/a#1/b").text() == "/a#1/b");
  CHECK_FALSE(RecordName::parse("/a#1/b").is_slot());
  CHECK_FALSE(RecordName::parse("/a/b#").is_slot());
  CHECK_FALSE(RecordName::parse("/a/b#0").is_slot());
  CHECK_FALSE(RecordName::parse("/a/b#1x").is_slot());
  CHECK(RecordName::parse("/a#1/b#1f").serial == 31);
  CHECK(RecordName::parse("/a#1/b#1f").text() == "/a#1/b#1f");
}

TEST_CASE_FIXTURE(RecordFixture, "records of an earlier version are read as they are") {
  make_old();
  CHECK_FALSE(recover());
  write_record(exit_line(3));
  CHECK(recover()->reason == "exit 3");
  write_record(exit_line(0), true);
  CHECK_FALSE(recover());
  test::write_file(record + "/result", "{\"result\":\"failed\",\"message\":\"no TeX\"}\n");
  CHECK(recover()->message == "no TeX");
  test::write_file(record + "/leader", std::string("\0\xff rubbish", 10));
  test::write_file(record + "/outcome", "{\"kind\":\"done\",\"message\":\"fine\"}\n");
  CHECK(recover()->message == "fine");
}

TEST_CASE_FIXTURE(RecordFixture, "a host's result line is its verdict") {
  write_record("");
  put(record::result_part, "{\"result\":\"failed\",\"message\":\"no TeX\"}\n");
  const auto outcome = recover();
  REQUIRE(outcome);
  CHECK(outcome->kind == Outcome::Kind::failed);
  CHECK(outcome->message == "no TeX");
  put(record::result_part, "{\"result\":\"failed\"}\n", 3);
  CHECK_FALSE(recover());
  put(record::result_part, "{\"result\":\"failed\",\"message\":\"no PS!\"}\n", 9);
  CHECK_FALSE(recover());
}

TEST_CASE_FIXTURE(RecordFixture, "artifacts that were not collected yet are, and the rest goes") {
  std::filesystem::create_directories(dir / "output");
  const Workspace workspace = make_workspace();
  test::write_file(workspace.path() + "/a.deb", "a");
  test::write_file(workspace.path() + "/b.pdf", "b");
  policy.artifacts = {"*.deb"};
  note_artifact(record, Artifact{"b.pdf", "pdf"});
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
    // Kept by the last try, under its own name.
    const std::string kept = dir / ("work/" + test::names_in(dir / "work").front());
    std::filesystem::rename(kept, workspace.root());
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
  make_old();
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
    REQUIRE(note_workspace(record, root).has_value());
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
  const auto kept_in = [&] {
    const Workspace workspace = make_workspace();
    test::write_file(workspace.path() + "/a.deb", "a");
    policy.artifacts = {"*.deb"};
    policy.output_dir = dir / "output/%{%2Forder}";
    write_record(exit_line(0));
    const auto outcome = recover();
    REQUIRE(outcome);
    REQUIRE(outcome->artifacts.size() == 1);
    return outcome->artifacts[0].path;
  };
  REQUIRE(note_output_dir(record, dir / "output/17").has_value());
  CHECK(kept_in() == dir / "output/17/a.deb");
  // One that no configuration leads to is none.
  for (const std::string& wrong : {dir / "elsewhere/17", dir / "output/../17", std::string()}) {
    CAPTURE(wrong);
    REQUIRE(note_output_dir(record, wrong).has_value());
    CHECK(kept_in() == dir / "output/%/a.deb");
  }
  make_old();
  test::write_file(record + "/output-dir", dir / "output/18\n");
  CHECK(kept_in() == dir / "output/18/a.deb");
  for (const std::string& torn : {dir / "output/17", std::string("\n")}) {
    CAPTURE(torn);
    test::write_file(record + "/output-dir", torn);
    CHECK(kept_in() == dir / "output/%/a.deb");
  }
}

TEST_CASE_FIXTURE(RecordFixture, "an outcome with artifacts survives as it was") {
  Outcome outcome;
  outcome.kind = Outcome::Kind::done;
  outcome.message = "fine";
  outcome.log_file = "/log";
  outcome.artifacts = {Artifact{"/out/a", "pdf"}};
  REQUIRE(write_outcome(record, outcome).has_value());
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
    const int file = ::open(name().file().c_str(), O_RDWR);
    ::flock(file, LOCK_EX);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    char go = 0;
    if (::read(ready[0], &go, 0) < 0) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK((*read_leader_record(record))->running);
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
  REQUIRE(note_workspace(record, root).has_value());
  write_record("");
  test::run(loop, end_leftover(name().directory, "a hook", std::chrono::milliseconds(0), place()));
  CHECK_FALSE(std::filesystem::exists(root));
  CHECK_FALSE(std::filesystem::exists(name().directory));

  // Nothing that lies elsewhere.
  const std::string other = dir / "other";
  std::filesystem::create_directories(other);
  record = closed_record();
  REQUIRE(note_workspace(record, other).has_value());
  test::run(loop, end_leftover(name().directory, "a hook", std::chrono::milliseconds(0), place()));
  CHECK(std::filesystem::exists(other));
  CHECK_FALSE(std::filesystem::exists(name().directory));
}
