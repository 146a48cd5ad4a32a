#include "rbit/run/outcome_of.h"

#include <doctest/doctest.h>

#include <csignal>

using namespace rbit;
using Kind = Outcome::Kind;

namespace {

Outcome of(JobEnd::Kind kind, int code, StopCause cause = StopCause::none) {
  RunnerPolicy policy;
  policy.timeout = std::chrono::seconds(30);
  JobEnd end;
  end.kind = kind;
  end.code = code;
  end.cause = cause;
  end.step = wire::Step::exec;
  end.cpu_micros = 5;
  return outcome_of(end, policy);
}

}  // namespace

TEST_CASE("the table of ends") {
  CHECK(of(JobEnd::Kind::exited, 0).kind == Kind::done);
  CHECK(of(JobEnd::Kind::exited, 75).kind == Kind::blocked);
  CHECK(of(JobEnd::Kind::exited, 2).kind == Kind::failed);
  CHECK(of(JobEnd::Kind::exited, 2).reason == "exit 2");
  CHECK(of(JobEnd::Kind::exited, 137).kind == Kind::failed);  // not SIGKILL
  CHECK(of(JobEnd::Kind::signalled, SIGKILL).kind == Kind::crashed);
  CHECK(of(JobEnd::Kind::signalled, SIGKILL).reason == "signal KILL");
  CHECK(of(JobEnd::Kind::not_started, ENOENT).kind == Kind::not_started);
  CHECK(of(JobEnd::Kind::not_started, ENOENT).message == "exec: No such file or directory");
  CHECK(of(JobEnd::Kind::leader_lost, 0).kind == Kind::crashed);
  CHECK(of(JobEnd::Kind::exited, 2).cpu_micros == 5);
}

TEST_CASE("the exit codes of rabbitmq-cli-consumer") {
  RunnerPolicy policy;
  policy.strict_exit_codes = true;
  policy.blocked_exit_codes = {3, 7};  // of no account then
  JobEnd end;
  const auto exited = [&](int code) {
    end.code = code;
    return outcome_of(end, policy);
  };
  CHECK(exited(0).kind == Kind::done);
  CHECK(exited(3).kind == Kind::failed);   // reject
  CHECK(exited(4).kind == Kind::blocked);  // reject, requeue
  CHECK(exited(5).kind == Kind::failed);   // nack
  CHECK(exited(6).kind == Kind::blocked);  // nack, requeue
  CHECK(exited(6).reason == "exit 6");
  for (const int code : {1, 2, 7, 75, 127, 255}) {
    CHECK(exited(code).kind == Kind::crashed);
    CHECK(exited(code).reason == "exit " + std::to_string(code));
    CHECK(exited(code).message == "exit-codes = strict knows 0, 3, 4, 5 and 6");
  }
  end.kind = JobEnd::Kind::signalled;
  CHECK(exited(SIGSEGV).reason == "signal SEGV");
  end.cause = StopCause::timeout;
  CHECK(exited(4).kind == Kind::timed_out);
}

TEST_CASE("a kill for want of memory has its own word; another signal or kill has not") {
  RunnerPolicy policy;
  JobEnd end;
  end.kind = JobEnd::Kind::signalled;
  end.code = SIGKILL;
  end.peak_memory_kib = 1000 << 10;
  CHECK(outcome_of(end, policy).reason == "signal KILL");
  end.oom_kills = 1;
  CHECK(outcome_of(end, policy).reason == "memory");
  CHECK(outcome_of(end, policy).kind == Kind::crashed);
  end.code = SIGTERM;  // the kernel took another one of its processes
  CHECK(outcome_of(end, policy).reason == "signal TERM");

  end.code = SIGABRT;  // what new throws when address space is used up
  policy.max_memory = 1024 << 20;
  CHECK(outcome_of(end, policy).reason == "memory");
  CHECK(outcome_of(end, policy).message ==
        "signal ABRT: it had 1000 MiB of the 1024 MiB that max-memory allows");
  policy.max_memory = 2048LL << 20;
  CHECK(outcome_of(end, policy).reason == "signal ABRT");
  end.cause = StopCause::timeout;
  CHECK(outcome_of(end, policy).reason == "timeout");
}

TEST_CASE("after the ladder began its cause counts, whatever the code") {
  CHECK(of(JobEnd::Kind::exited, 0, StopCause::cancel).kind == Kind::cancelled);
  CHECK(of(JobEnd::Kind::exited, 3, StopCause::interrupt).kind == Kind::interrupted);
  const Outcome timeout = of(JobEnd::Kind::signalled, SIGTERM, StopCause::timeout);
  CHECK(timeout.kind == Kind::timed_out);
  CHECK(timeout.reason == "timeout");
  CHECK(timeout.message == "not done after 30 s");
  CHECK(of(JobEnd::Kind::exited, 0, StopCause::idle).reason == "idle");
  CHECK(of(JobEnd::Kind::exited, 0, StopCause::output).reason == "output");
  CHECK(of(JobEnd::Kind::signalled, SIGTERM, StopCause::output).kind == Kind::failed);  // no retry
}
