// What a shell job leaves, and where it goes.
#include <sys/stat.h>

#include "runners/shell/shell_runner.h"
#include "tests/unit/run/runner_fixture.h"

using namespace rbit;
using Kind = Outcome::Kind;

using ShellFixture = test::RunnerFixture;
using test::say_building;

TEST_CASE_FIXTURE(ShellFixture, "artifacts are found by glob; what is none is passed over") {
  policy.artifacts = {"*.deb"};
  shell("echo x > a.deb; echo y > b.txt");
  Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::done);
  REQUIRE(outcome.artifacts.size() == 1);
  CHECK(outcome.artifacts[0].path == dir / "output/a.deb");

  policy.artifacts = {"*.deb", "*.rpm"};
  shell("ln -s /etc/passwd x.deb; mkfifo y.deb; mkdir z.deb; echo x > a.deb");
  outcome = run_job();
  CHECK(outcome.kind == Kind::done);
  CHECK(outcome.artifacts.size() == 1);
  CHECK(outcome.message ==
        "not kept: x.deb: is a link that leads out of the job's directory; z.deb: is a directory "
        "(z.deb/ stands for what is in it); y.deb: is not a regular file");
  const std::string log = log_of(outcome);
  for (const std::string line :
       {"rbit: artifact passed over: y.deb: is not a regular file",
        "rbit: artifacts: *.rpm matches",
        "rbit: artifact a.deb took the place of an older file of its name"})
    CHECK_MESSAGE(log.find(line) != std::string::npos, log);
}

TEST_CASE_FIXTURE(ShellFixture, "an artifact that the job names and that is none fails it") {
  policy.artifacts = {"*.deb"};
  shell("ln -s /etc/passwd x.pdf; echo x > a.deb; echo '{\"artifact\": \"x.pdf\"}' >&3");
  Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::failed);
  CHECK(outcome.reason == "artifact");
  CHECK(outcome.artifacts.empty());
  // One that has failed already keeps what there is.
  shell("echo x > a.deb; echo '{\"artifact\": \"x.pdf\"}' >&3; echo no >&2; exit 1");
  outcome = run_job();
  CHECK(outcome.kind == Kind::failed);
  CHECK(outcome.reason == "exit 1");
  CHECK(outcome.message == "no; not kept: x.pdf: No such file or directory");
  CHECK(outcome.artifacts.size() == 1);
}

TEST_CASE_FIXTURE(ShellFixture, "a required artifact that is missing fails a job that was done") {
  policy.artifacts_required = {"*.pdf"};
  shell("echo x > a.pdf");
  Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::done);
  CHECK(outcome.artifacts.size() == 1);
  policy.artifacts = {"*.log"};
  shell("echo x > a.log; mkfifo b.pdf");
  outcome = run_job();
  CHECK(outcome.kind == Kind::failed);
  CHECK(outcome.reason == "artifact");
  CHECK(outcome.message ==
        "artifacts-required: *.pdf matches nothing that could be kept; not kept: b.pdf: is not a "
        "regular file");
  CHECK(outcome.artifacts.size() == 1);  // of a failed one, too
  policy.artifacts_when = {Kind::done};
  shell("echo x > b.log");
  outcome = run_job();
  CHECK(outcome.kind == Kind::failed);
  CHECK(outcome.artifacts.empty());
  CHECK_FALSE(std::filesystem::exists(dir / "output/b.log"));
  shell("exit 3");
  CHECK(run_job().reason == "exit 3");
}

TEST_CASE_FIXTURE(ShellFixture, "artifacts-when says how a job must have ended") {
  policy.artifacts = {"*.log"};
  policy.timeout = std::chrono::milliseconds(200);
  const std::map<std::string, Kind> ends{{"exit 0", Kind::done},
                                         {"exit 1", Kind::failed},
                                         {"exit 75", Kind::blocked},
                                         {"exec sleep 60", Kind::timed_out},
                                         {"kill -SEGV $$", Kind::crashed}};
  for (const bool all : {false, true}) {
    if (all)
      for (const auto& [end, kind] : ends) policy.artifacts_when.insert(kind);
    for (const auto& [end, kind] : ends) {
      shell("echo x > a.log; " + end);
      const Outcome outcome = run_job();
      CHECK(outcome.kind == kind);
      CHECK_MESSAGE(outcome.artifacts.size() == policy.artifacts_when.count(kind), end);
    }
  }
}

TEST_CASE_FIXTURE(ShellFixture,
                  "a cancel or a kill while the artifacts are copied counts, and none is kept") {
  policy.artifacts = {"*.bin"};
  policy.artifacts_when.insert(Kind::blocked);
  int code = 0;
  StopKind kind = StopKind::cancel;
  SUBCASE("done") {}
  SUBCASE("failed") {
    code = 1;
  }
  SUBCASE("blocked") {
    code = 75;
  }
  SUBCASE("killed") {
    kind = StopKind::kill;
  }
  // With two names it is copied, which takes its time.
  shell(std::string(say_building) + "head -c 500000000 /dev/zero > a.bin; ln a.bin b.bin; exit " +
        std::to_string(code));
  const auto watch = [&](StopRequest* stop) -> Task<void> {
    co_await wait_until([&] {
      return std::filesystem::exists(dir / "output") && !test::names_in(dir / "output").empty();
    });
    stop->request(kind);
  };
  on_report = [&](StopRequest& stop) { asio::co_spawn(loop, watch(&stop), asio::detached); };
  const Outcome outcome = run_job();
  const bool is_cancel = kind == StopKind::cancel;
  CHECK(outcome.kind == (is_cancel ? Kind::cancelled : Kind::interrupted));
  CHECK(outcome.reason == (is_cancel ? "cancelled" : "interrupted"));
  CHECK(outcome.artifacts.empty());
  CHECK(test::names_in(dir / "output").empty());
}

TEST_CASE_FIXTURE(ShellFixture,
                  "every job has an output directory of its own where it asks for it") {
  policy.output_dir = dir / "out/%ID/%JOB";
  policy.settings["output-dir"] = policy.output_dir;
  policy.artifacts = {"*.txt"};
  shell("echo \"$RBIT_OUTPUT_DIR %(output-dir)s\" > a.txt; touch \"$RBIT_OUTPUT_DIR/direct\"");
  const Outcome first = run_job();
  REQUIRE(first.artifacts.size() == 1);
  CHECK(first.artifacts[0].path == dir / "out/m9000/36/a.txt");
  CHECK(test::read_file(first.artifacts[0].path) ==
        dir / "out/m9000/36" + " " + (dir / "out/m9000/36") + "\n");
  CHECK(std::filesystem::exists(dir / "out/m9000/36/direct"));

  Job hostile = job();
  hostile.request.package = "../../../etc";
  hostile.request.job_id = "..";
  const Outcome second = run_job(hostile);
  REQUIRE(second.artifacts.size() == 1);
  CHECK(second.artifacts[0].path == dir / "out/%2E.%2F..%2F..%2Fetc/%2E./a.txt");

  std::filesystem::create_directory_symlink(dir.path(), dir / "out/linked");
  hostile.request.package = "linked";
  CHECK(run_job(hostile).kind == Kind::not_started);

  policy.output_dir = dir / "out/%IDEA";
  shell("true");
  CHECK(run_job().message.find("unknown placeholder %IDEA") != std::string::npos);
}

TEST_CASE_FIXTURE(ShellFixture, "where artifacts cannot go is known before the first job") {
  test::write_file(dir / "file", "");
  policy.output_dir = dir / "file/output";
  shell("true");
  CHECK_FALSE(test::run(loop, runner->prepare()).has_value());
}
