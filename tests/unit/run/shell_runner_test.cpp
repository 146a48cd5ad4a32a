#include "runners/shell/shell_runner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "rbit/run/job_environment.h"
#include "tests/unit/run/runner_fixture.h"

using namespace rbit;
using Kind = Outcome::Kind;

using ShellFixture = test::RunnerFixture;
using test::say_building;

TEST_CASE_FIXTURE(ShellFixture, "the exit code is the verdict") {
  shell("exit 0");
  Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::done);
  CHECK(outcome.peak_memory_kib > 0);

  shell("echo one; echo 'it broke' >&2; exit 3");
  outcome = run_job();
  CHECK(outcome.kind == Kind::failed);
  CHECK(outcome.reason == "exit 3");
  CHECK(outcome.message == "one | it broke");
  CHECK(log_of(outcome) == "one\nit broke\n");
  CHECK(outcome.output_bytes == 13);

  shell("exit 75");
  outcome = run_job();
  CHECK(outcome.kind == Kind::blocked);
  CHECK(outcome.reason == "exit 75");

  policy.blocked_exit_codes = {1, 3};
  shell("exit 3");
  CHECK(run_job().kind == Kind::blocked);
  shell("exit 75");
  CHECK(run_job().kind == Kind::failed);
}

TEST_CASE_FIXTURE(ShellFixture, "an unknown command is a failure of the job, not of rbit") {
  shell("cd . && no-such-command-here");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::failed);
  CHECK(outcome.reason == "exit 127");
  CHECK(outcome.message.find("no-such-command-here") != std::string::npos);
}

TEST_CASE_FIXTURE(ShellFixture, "a line that is nothing but an unknown command has not started") {
  shell("no-such-command-here");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::not_started);
  CHECK(outcome.reason == "not-started");
  CHECK(outcome.message.find("no-such-command-here") != std::string::npos);
}

TEST_CASE_FIXTURE(ShellFixture, "a signal that rbit did not send is a crash") {
  shell("echo dying; kill -SEGV $$");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::crashed);
  CHECK(outcome.reason == "signal SEGV");
  CHECK(outcome.message == "dying");
}

TEST_CASE_FIXTURE(ShellFixture, "what cannot be started says so") {
  policy.max_memory = 4096;  // nothing fits
  shell("exit 0");
  const Outcome outcome = run_job();
  CHECK(outcome.kind != Kind::done);
}

TEST_CASE_FIXTURE(ShellFixture,
                  "the message is on stdin, in a file, and its fields are variables") {
  policy.settings = {{"greeting", "hello; rm -rf /"}};
  ::setenv("RBIT_TEST_PASSED", "secret", 1);
  ::setenv("PASSED_ON", "passed", 1);
  policy.env = {{"MINE", "from ini"}};
  policy.pass_env = {"PASSED_ON"};
  shell("cat; cat \"$RBIT_MESSAGE_FILE\"; echo %ID %(greeting)s; pwd; env");
  const Outcome outcome = run_job();
  REQUIRE(outcome.kind == Kind::done);
  const std::string log = log_of(outcome);
  CHECK(log.find("{\"body\": 1}\n{\"body\": 1}\nm9000 hello; rm -rf /\n") == 0);
  for (const char* line :
       {"RBIT_PACKAGE=m9000\n", "RBIT_JOB_ID=36\n", "RBIT_ATTEMPT=1\n", "LANG=C.UTF-8\n",
        "MINE=from ini\n", "PASSED_ON=passed\n", "RBIT_SETTING_GREETING=hello; rm -rf /\n",
        "TMPDIR=", "HOME=", "USER=", "SHELL=", "PATH=/usr/local/sbin:"})
    CHECK_MESSAGE(log.find(line) != std::string::npos, line);
  CHECK(log.find("RBIT_TEST_PASSED") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir / "work/key-1-1"));  // nothing is left
}

TEST_CASE_FIXTURE(ShellFixture, "the message's properties are on the descriptor it asks for") {
  message.content_type = "application/json";
  message.headers["name"] = std::string("value");
  shell("cat <&4");
  CHECK(run_job().kind != Kind::done);  // not asked for

  const std::string metadata = message_metadata(message, "queue");
  for (const int number : {4, 5, 6, 7, 8, 9}) {
    policy.metadata_fd = number;
    shell(say_building + std::string("cat <&") + std::to_string(number));
    const Outcome outcome = run_job();
    CHECK(outcome.kind == Kind::done);
    CHECK(log_of(outcome) == metadata);
    CHECK(reports == std::vector<std::string>{"Building: up"});
  }

  policy.metadata_fd = 3;  // in place of the events
  shell("cat <&3; { echo x >&3; } 2> /dev/null; ls /proc/self/fd");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::done);
  CHECK(log_of(outcome) == metadata + "0\n1\n2\n3\n4\n");  // 4: the directory it lists
}

TEST_CASE_FIXTURE(ShellFixture, "a program that has gone is looked for after 126 and 127 alone") {
  const std::string program = dir / "program";
  const auto run_it = [&](int code) {
    test::write_file(program, "#!/bin/sh\nrm \"$0\"\nexit " + std::to_string(code) + "\n");
    ::chmod(program.c_str(), 0755);
    shell(program);
    return run_job();
  };
  CHECK(run_it(0).kind == Kind::done);
  CHECK(run_it(2).kind == Kind::failed);
  CHECK(run_it(127).kind == Kind::not_started);
}

TEST_CASE_FIXTURE(ShellFixture, "a job that does not read its message is no matter") {
  Job big = job();
  big.body = std::string(4 << 20, 'x');
  shell("exit 0");
  CHECK(run_job(big).kind == Kind::done);
  shell("head -c 3");
  const Outcome outcome = run_job(big);
  CHECK(outcome.kind == Kind::done);
  CHECK(log_of(outcome) == "xxx");
}

TEST_CASE_FIXTURE(ShellFixture, "output without a newline is kept and quoted") {
  shell("printf 'no newline'; exit 1");
  const Outcome outcome = run_job();
  CHECK(outcome.message == "no newline");
  CHECK(log_of(outcome) == "no newline");
}

TEST_CASE_FIXTURE(ShellFixture, "a job that says nothing has no log") {
  shell("exit 0");
  CHECK(run_job().log_file.empty());
  CHECK(test::names_in(dir / "logs") == std::vector<std::string>{".spare"});
}

TEST_CASE_FIXTURE(ShellFixture, "lines on descriptor 3 are statuses, words and artifacts") {
  shell(
      "echo '{\"status\": \"Building\", \"message\": \"half way\"}' >&3;"
      "echo 'what is this' >&3;"
      "echo '{\"log\": \"noted\", \"level\": \"info\"}' >&3;"
      "echo pdf > out.pdf;"
      "echo '{\"artifact\": \"out.pdf\", \"kind\": \"pdf\"}' >&3;"
      "printf '{\"status\": \"Failed\", \"message\": \"the end\"}' >&3;"
      "exit 0");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::done);  // the exit code decides
  CHECK(outcome.message == "the end");
  CHECK(reports == std::vector<std::string>{"Building: half way"});
  REQUIRE(outcome.artifacts.size() == 1);
  CHECK(outcome.artifacts[0].path == dir / "output/out.pdf");
  CHECK(outcome.artifacts[0].kind == "pdf");
  CHECK(test::read_file(dir / "output/out.pdf") == "pdf\n");
  CHECK(log_of(outcome) == "info: noted\n");
}

TEST_CASE_FIXTURE(ShellFixture, "a timeout ends the job, however stubborn") {
  policy.timeout = std::chrono::milliseconds(50);
  policy.grace = std::chrono::milliseconds(50);
  shell("trap '' TERM; echo begun; while :; do sleep 0.01; done");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.reason == "timeout");
  CHECK(outcome.message.find("50 ms") != std::string::npos);
}

TEST_CASE_FIXTURE(ShellFixture, "what is beyond output-limit fails a job that has ended, too") {
  policy.output_limit = 1;
  for (const char* line : {"echo ab", "echo ab >&3", "echo ab; exit 3", "echo ab; exit 75",
                           "echo ab; kill -SEGV $$", "echo ab; cat"}) {
    CAPTURE(line);
    shell(line);
    for (int i = 0; i < 5; ++i) {
      const Outcome outcome = run_job();
      CHECK(outcome.kind == Kind::failed);
      CHECK(outcome.reason == "output");
    }
  }
  shell("printf a");
  CHECK(run_job().kind == Kind::done);
}

TEST_CASE_FIXTURE(ShellFixture, "silence can be limited") {
  policy.idle_timeout = std::chrono::milliseconds(50);
  shell("exec sleep 1000");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.reason == "idle");
}

TEST_CASE_FIXTURE(ShellFixture, "a cancelled job gets the signal and its grace") {
  policy.grace = std::chrono::hours(1);
  StopKind kind = StopKind::cancel;
  std::string signal = "INT";
  SUBCASE("as PyBit's client sent it") {}
  SUBCASE("which the section may name") {
    policy.cancel_signal = SIGTERM;
    signal = "TERM";
  }
  SUBCASE("our own stop has another") {
    kind = StopKind::interrupt;
    signal = "TERM";
  }
  on_report = [kind](StopRequest& stop) { stop.request(kind); };
  shell("trap 'echo INT tidied; exit 0' INT; trap 'echo TERM tidied; exit 0' TERM; " +
        std::string(say_building) + "while :; do sleep 0.01; done");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == (kind == StopKind::cancel ? Kind::cancelled : Kind::interrupted));
  CHECK(outcome.reason == (kind == StopKind::cancel ? "cancelled" : "interrupted"));
  CHECK(log_of(outcome).find(signal + " tidied") != std::string::npos);
}

TEST_CASE_FIXTURE(ShellFixture, "a third signal kills at once") {
  policy.grace = std::chrono::hours(1);
  on_report = [](StopRequest& stop) {
    stop.request(StopKind::interrupt);
    stop.request(StopKind::kill);
  };
  shell(std::string("trap '' TERM; ") + say_building + "while :; do sleep 0.01; done");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::interrupted);
  CHECK(outcome.reason == "interrupted");
}

TEST_CASE_FIXTURE(ShellFixture,
                  "a child in another session neither delays the end nor outlives it") {
  shell("setsid sleep 1000 & exit 4");  // holds stdout and has left the group
  const Outcome outcome = run_job();
  CHECK(outcome.reason == "exit 4");
  CHECK(log_of(outcome).find("rbit: 1 processes outlived the job and were killed") !=
        std::string::npos);
  CHECK(test::processes_with("RBIT_MESSAGE_FILE=" + dir.path()) == 0);
}

TEST_CASE_FIXTURE(ShellFixture,
                  "text that does not fit the environment fails the job that needs it") {
  Job big = job();
  big.request.commands = std::string(70'000, 'x');
  shell("exit 0");
  CHECK(run_job(big).kind == Kind::done);
  big.request.uri = std::string(70'000, 'x');
  shell("echo %URI");
  const Outcome outcome = run_job(big);
  CHECK(outcome.kind == Kind::failed);
  CHECK(outcome.reason == "invalid");
}

TEST_CASE_FIXTURE(ShellFixture, "a missing user is an error of the runner") {
  policy.user = "no-such-user-of-rbit";
  shell("exit 0");
  const auto ready = test::run(loop, runner->prepare());
  REQUIRE(ready.has_error());
  CHECK(ready.error().text().find("no such user") != std::string::npos);
}

TEST_CASE_FIXTURE(ShellFixture, "prepare warms a leader for the first job") {
  shell("exit 0");
  const auto ready = test::run(loop, runner->prepare());
  CHECK(ready.has_value());
  CHECK(leaders.idle() == 1);
}

TEST_CASE_FIXTURE(ShellFixture, "many jobs leave no descriptor, no leader and no file behind") {
  shell("echo x; exit 1");
  run_job();
  const std::size_t before = test::open_descriptors();
  for (int i = 0; i < 50; ++i) CHECK(run_job(job("job-" + std::to_string(i))).reason == "exit 1");
  CHECK(test::open_descriptors() == before);
  CHECK(leaders.idle() == 1);
  CHECK(test::names_in(dir / "work").size() == 1);
  CHECK(work_places->idle() == 1);
}

TEST_CASE_FIXTURE(ShellFixture, "a job of another user runs as him, in directories of his") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root can run jobs as somebody else");
    return;
  }
  policy.user = "nobody";
  policy.artifacts = {"*.txt"};
  shell(
      "id -un; id -u; echo made > a.txt; cat \"$RBIT_MESSAGE_FILE\"; touch \"$TMPDIR/b\" && ls "
      "\"$PWD/..\"");
  const Outcome closed = run_job();
  CHECK(closed.kind == Kind::not_started);  // nobody gets through our directory
  CHECK(closed.message.find("user nobody may not pass through " + dir.path()) != std::string::npos);
  CHECK(closed.message.find("work-dir") != std::string::npos);

  REQUIRE(::chmod(dir.path().c_str(), 0711) == 0);
  const Outcome outcome = run_job();
  CHECK(log_of(outcome).starts_with("nobody\n65534\n{\"body\": 1}\n"));
  CHECK(log_of(outcome).find("Permission denied") != std::string::npos);  // ls of what is ours
  CHECK(outcome.reason == "exit 2");
  shell("echo made > a.txt");
  CHECK(run_job().kind == Kind::done);
  CHECK(test::read_file(dir / "output/a.txt") == "made\n");
  struct stat info {};
  REQUIRE(::stat((dir / "work").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0711);
}

TEST_CASE_FIXTURE(ShellFixture, "max-processes is the limit of the job's user") {
  policy.max_processes = 1000;
  shell("ulimit -p");
  CHECK(log_of(run_job()) == "1000\n");
}

TEST_CASE_FIXTURE(ShellFixture, "a verdict has what the job used") {
  shell("i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; echo done; exit 3");
  const Outcome outcome = run_job();
  CHECK(outcome.cpu_micros > 10'000);
  CHECK(outcome.peak_memory_kib > 100);
  CHECK(outcome.output_bytes == 5);
  CHECK(outcome.exit == "exit 3");
  policy.timeout = std::chrono::milliseconds(1500);  // by then the trap is set
  shell("trap 'exit 9' TERM; while :; do sleep 0.01; done");
  const Outcome late = run_job();
  CHECK(late.reason == "timeout");
  CHECK(late.exit == "exit 9");  // whatever the reason
}

TEST_CASE_FIXTURE(ShellFixture, "a job that uses up its memory and dies of it says so") {
  policy.max_memory = 200 << 20;
  shell(
      "exec /usr/bin/python3 -c \"import os\nx = []\ntry:\n while True: x.append(b'x' * (1 << "
      "20))\n"
      "except MemoryError: os.abort()\"");
  const Outcome outcome = run_job();
  CHECK(outcome.kind == Kind::crashed);
  CHECK(outcome.reason == "memory");
  CHECK(outcome.message.find("of the 200 MiB that max-memory allows") != std::string::npos);
}
