#include "rbit/run/cgroup.h"

#include <sys/stat.h>

#include "rbit/run/leader/cgroup_dir.h"
#include "rbit/run/leader/usage.h"
#include "tests/unit/run/leader_fixture.h"

using namespace rbit;

namespace {

/// A machine with a control group for us, as far as files can play one.
struct FakeMachine {
  test::TempDir dir;
  std::string group = dir / "fs/system.slice/rbit.service";

  FakeMachine() {
    std::filesystem::create_directories(dir / "proc/self");
    std::filesystem::create_directories(group);
    test::write_file(dir / "proc/self/mountinfo",
                     "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                     "41 31 0:38 / " +
                         (dir / "fs") + " rw,relatime shared:4 - cgroup2 cgroup2 rw\n");
    test::write_file(dir / "proc/self/cgroup", "3:cpu:/other\n0::/system.slice/rbit.service\n");
    test::write_file(group + "/cgroup.procs", "");
    test::write_file(group + "/cgroup.subtree_control", "");
    test::write_file(group + "/cgroup.controllers", "cpu memory pids\n");
  }
  CgroupPlace find() const { return delegated_cgroup(dir / "proc"); }
};

}  // namespace

TEST_CASE("a group that systemd did not delegate is left alone, whoever may write there") {
  FakeMachine machine;
  // Only root is asked for systemd's mark: to anybody else the directory would not be writable.
  CHECK(machine.find().path == (::geteuid() == 0 ? "" : machine.group));
  CHECK(delegated_cgroup(machine.dir / "nonexistent").path.empty());
}

TEST_CASE(
    "what is at the top of its hierarchy is ours: a container, or a machine without systemd") {
  FakeMachine machine;
  test::write_file(machine.dir / "proc/self/cgroup", "0::/\n");
  const std::string top = machine.dir / "fs";
  CHECK(machine.find().path.empty());  // no cgroup.procs: not writable
  test::write_file(top + "/cgroup.procs", "");
  test::write_file(top + "/cgroup.subtree_control", "");
  CHECK(machine.find().path == top);
  test::write_file(top + "/cgroup.subtree_control", "cpu memory pids\n");  // given on already
  CHECK(machine.find().limits);
}

TEST_CASE("groups of an earlier rbit are removed, those of a living one are not") {
  FakeMachine machine;
  test::write_file(machine.dir / "proc/self/cgroup", "0::/\n");
  const std::string top = machine.dir / "fs";
  test::write_file(top + "/cgroup.procs", "");
  test::write_file(top + "/cgroup.subtree_control", "");
  std::filesystem::create_directory(top + "/rbit-2000000000-ab");  // above every pid_max
  std::filesystem::create_directory(top + "/rbit-1-ab");
  std::filesystem::create_directory(top + "/other");
  machine.find();
  CHECK_FALSE(std::filesystem::exists(top + "/rbit-2000000000-ab"));
  CHECK(std::filesystem::exists(top + "/rbit-1-ab"));
  CHECK(std::filesystem::exists(top + "/other"));
}

TEST_CASE("a leader's group: limits written, counters read") {
  test::TempDir dir;
  leader::CgroupDir none;
  CHECK_FALSE(none.open("", "group"));
  CHECK_FALSE(none.open((dir / "nonexistent").c_str(), "group"));
  CHECK_FALSE(none.open(dir.path().c_str(), "no-group"));  // no cgroup.procs in it
  CHECK_FALSE(std::filesystem::exists(dir / "no-group"));
  none.kill();
  CHECK_FALSE(none.is_spent());
  CHECK(none.oom_kills() == 0);

  std::filesystem::create_directory(dir / "group");
  for (const char* name :
       {"cgroup.procs", "cgroup.kill", "memory.max", "memory.oom.group", "pids.max"})
    test::write_file(dir / "group/" + name, "");
  test::write_file(dir / "group/memory.events", "low 0\nmax 7\noom 1\noom_kill 3\n");
  test::write_file(dir / "group/cpu.stat", "usage_usec 1234567\nuser_usec 1\n");
  test::write_file(dir / "group/cgroup.events", "populated 0\nfrozen 0\n");
  leader::CgroupDir group;
  REQUIRE(group.open(dir.path().c_str(), "group"));
  CHECK(group.counts_memory());
  CHECK(group.oom_kills() == 3);
  CHECK(group.cpu_micros() == 1'234'567);
  group.limit_memory(1 << 20);
  CHECK(test::read_file(dir / "group/memory.max") == "1048576");
  CHECK(test::read_file(dir / "group/memory.oom.group") == "1");
  CHECK(group.limit_processes(200));
  CHECK(test::read_file(dir / "group/pids.max") == "200");
  CHECK_FALSE(group.is_populated());
  test::write_file(dir / "group/cgroup.events", "populated 1\nfrozen 0\n");
  CHECK(group.is_populated());
  group.kill();
  CHECK(group.is_spent());
  CHECK(test::read_file(dir / "group/cgroup.kill") == "1");
}

TEST_CASE("the use of a living process") {
  const auto before = leader::cpu_micros_of(::getpid());
  CHECK(before > 0);
  while (leader::cpu_micros_of(::getpid()) <= before) {
  }
  CHECK(leader::cpu_micros_of(2'000'000'000) == 0);
}

TEST_CASE_FIXTURE(test::LeaderFixture, "jobs run without control groups where none can be made") {
  LeaderPool without(loop.get_executor(), RBIT_BINARY_DIR "/rbit-leader", dir.path());
  pool = &without;
  for (int i = 0; i < 2; ++i) CHECK(to_string(sh("exit 3")) == "exit 3");
  test::run(loop, without.close());
}

TEST_CASE_FIXTURE(test::LeaderFixture, "a job in a control group of its own, killed as a whole") {
  const CgroupPlace delegated = delegated_cgroup();
  if (delegated.path.empty()) {
    MESSAGE("skipped: no cgroup2 was delegated to this process");
    return;
  }
  const std::string base = delegated.path + "/test-" + std::to_string(::getpid());
  REQUIRE(::mkdir(base.c_str(), 0755) == 0);
  {
    LeaderPool within(loop.get_executor(), RBIT_BINARY_DIR "/rbit-leader", base);
    pool = &within;
    for (int i = 0; i < 3; ++i) {
      const JobEnd end =
          sh("cat /proc/self/cgroup; setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &"
             " ); i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; exit 4");
      CHECK(to_string(end) == "exit 4");
      CHECK(end.outlived >= 2);
      CHECK(end.cpu_micros > 1000);
      CHECK(end.oom_kills == 0);
      CHECK(output.find("/test-" + std::to_string(::getpid()) + "/rbit-") != std::string::npos);
    }
    CHECK(within.idle() == 1);
    test::run(loop, within.close());
  }
  CHECK(::rmdir(base.c_str()) == 0);  // the leader removed its own
}
