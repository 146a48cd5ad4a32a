// This machine has too little of something while artifacts are kept: they wait, the job is not to
// blame, and nothing is taken for missing.
#include <cerrno>

#include "tests/support/log_capture.h"
#include "tests/unit/run/artifact_build.h"
#include "tests/unit/run/few_descriptors.h"
#include "tests/unit/run/runner_fixture.h"

namespace rbit {

namespace {

namespace fs = std::filesystem;
using Kind = Outcome::Kind;
using test::FewDescriptors;

}  // namespace

TEST_CASE("with too few descriptors everything is kept or nothing, and the Error says why") {
  bool all = false;
  int refusals = 0;
  for (unsigned free = 0; !all; ++free) {
    CAPTURE(free);
    REQUIRE(free < 100);
    test::Build build;
    for (const char* path : {"a/b/c/named", "one.deb", "tree/x/y/deep", "m/matched"})
      build.makes(path);
    fs::create_symlink("m", build.order.work_dir + "/link");
    fs::create_symlink("a/b/c/named", build.order.work_dir + "/linked");
    fs::create_hard_link(build.order.work_dir + "/one.deb", build.order.work_dir + "/a/twin");
    build.order.globs = {"*.deb", "tree/", "link/*", "**/matched", "linked"};
    build.order.required = {"link/matched"};
    build.order.needs_required = true;
    build.names("a/b/c/named").names(build.order.tmp_dir + "/temporary");
    test::write_file(build.order.tmp_dir + "/temporary", "text");
    Result<KeptArtifacts> kept = Error();
    {
      const FewDescriptors few(free);
      kept = collect_artifacts_blocking(build.order);
    }
    all = kept.has_value();
    if (all) {
      CHECK(kept->artifacts.size() == 6);
      CHECK(kept->passed_over.empty());
    } else {
      ++refusals;
      CAPTURE(kept.error().text());
      CHECK(kept.error().number == EMFILE);
      CHECK(test::names_in(build.order.output_dir).empty());
    }
  }
  CHECK(refusals > 3);
}

/// To look at memory sanitizers make a pipe a thread; without one they complain of what is right.
constexpr unsigned of_sanitizers = 6;

struct ShortageFixture : test::RunnerFixture {
  test::LogCapture log;
  std::optional<FewDescriptors> few;

  /// A job with an artifact, for which there are too few descriptors from now on until `then`.
  Outcome run_short(std::function<void(StopRequest&)> then) {
    policy.artifacts = {"*.deb"};
    shell("echo x > a.deb; echo '{\"status\": \"Building\"}' >&3; read -r line; sleep 0.1");
    // It reports that it is up, and then that its artifacts wait.
    on_report = [this, then = std::move(then)](StopRequest& stop) {
      if (reports.size() == 1)
        few.emplace(of_sanitizers);
      else
        then(stop);
    };
    Outcome outcome = run_job();
    few.reset();
    return outcome;
  }
};

TEST_CASE_FIXTURE(ShortageFixture, "artifacts wait until there is room for them") {
  const Outcome outcome = run_short([this](StopRequest&) { few.reset(); });
  CHECK(outcome.kind == Kind::done);
  CHECK(outcome.artifacts.size() == 1);
  CHECK(fs::exists(dir / "output/a.deb"));
  CHECK(log.lines("Too many open files").size() == 1);  // said once
  CHECK(log.lines("LimitNOFILE").size() == 1);
  CHECK(log.lines("its artifacts are kept now").size() == 1);
  CHECK(log_of(outcome).find("its artifacts cannot be kept now") != std::string::npos);
  CHECK(slots_released == 1);
  REQUIRE(reports.size() == 2);
  CHECK(reports[1].find("Building: its artifacts cannot be kept now") == 0);
}

TEST_CASE_FIXTURE(ShortageFixture, "a job whose artifacts wait can be cancelled and interrupted") {
  StopKind kind = StopKind::cancel;
  Kind wanted = Kind::cancelled;
  SUBCASE("cancel") {}
  SUBCASE("interrupt") {
    kind = StopKind::interrupt;
    wanted = Kind::interrupted;
  }
  SUBCASE("kill") {
    kind = StopKind::kill;
    wanted = Kind::interrupted;
  }
  const Outcome outcome = run_short([kind](StopRequest& stop) { stop.request(kind); });
  CHECK(outcome.kind == wanted);
  CHECK(outcome.artifacts.empty());
  CHECK(test::names_in(dir / "output").empty());
}

}  // namespace rbit
