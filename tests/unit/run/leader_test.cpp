#include "rbit/run/leader.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "rbit/base/descriptor_limit.h"
#include "rbit/log/log.h"
#include "rbit/run/process.h"
#include "rbit/run/record.h"
#include "tests/unit/run/leader_fixture.h"

using namespace rbit;
using rbit::test::LeaderFixture;

namespace {

constexpr auto one_hour = std::chrono::hours(1);

/// Not one that is dead and unheard.
bool is_alive(pid_t pid) {
  const std::string stat = test::read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && stat[name_end + 2] != 'Z';
}

}  // namespace

TEST_CASE_FIXTURE(LeaderFixture, "a leader tells the exact end of its job") {
  CHECK(to_string(sh("exit 0")) == "exit 0");
  CHECK(to_string(sh("exit 137")) == "exit 137");  // not SIGKILL
  CHECK(to_string(sh("kill -SEGV $$")) == "signal SEGV");
  const JobEnd end = sh("echo out; echo err >&2; printf event >&3; exit 3");
  CHECK(to_string(end) == "exit 3");
  CHECK(end.cause == StopCause::none);
  CHECK(end.outlived == 0);
  CHECK(end.peak_memory_kib > 0);
  CHECK(output == "out\nerr\n");
  CHECK(events == "event");
  CHECK(leaders.idle() == 1);  // warm, and the same one for all of them
}

TEST_CASE_FIXTURE(LeaderFixture, "what cannot start is told with its step") {
  const JobEnd no_program =
      sh("", {}, [](JobOrder& order) { order.argv[0] = "/nonexistent/program"; });
  CHECK(no_program.kind == JobEnd::Kind::not_started);
  CHECK(to_string(no_program) == "exec: No such file or directory");
  const JobEnd no_directory = sh("", {}, [](JobOrder& order) { order.directory = "/nonexistent"; });
  CHECK(to_string(no_directory) == "working directory: No such file or directory");
  CHECK(to_string(sh("exit 4")) == "exit 4");  // and the leader goes on
  CHECK(leaders.idle() == 1);
}

TEST_CASE_FIXTURE(LeaderFixture,
                  "where no process can be made, none is started, and the next one is") {
  // A group (v1) in which the leader may have no child.
  const std::string group = "/sys/fs/cgroup/pids/rbit-test-" + std::to_string(::getpid());
  if (::mkdir(group.c_str(), 0755) != 0 || !std::filesystem::exists(group + "/pids.max")) {
    ::rmdir(group.c_str());
    MESSAGE("skipped: no pids cgroup (v1) to refuse a fork with");
    return;
  }
  sh("exit 0");
  {
    auto lease = pool->acquire();
    test::write_file(group + "/pids.max", "1");
    test::write_file(group + "/cgroup.procs", std::to_string((*lease)->pid()));
  }
  const JobEnd refused = sh("exit 0");
  CHECK(refused.kind == JobEnd::Kind::not_started);
  CHECK(to_string(refused) == "new process: Resource temporarily unavailable");
  test::write_file(group + "/pids.max", "max");
  CHECK(to_string(sh("exit 4")) == "exit 4");
  {
    auto lease = pool->acquire();
    test::write_file("/sys/fs/cgroup/pids/cgroup.procs", std::to_string((*lease)->pid()));
  }
  CHECK(::rmdir(group.c_str()) == 0);
}

TEST_CASE_FIXTURE(LeaderFixture, "a job starts with nothing of ours") {
  const JobEnd end =
      sh("for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 20; do [ -e /proc/$$/fd/$n ] && echo fd $n; done;"
         // With builtins: the shell blocks signals while it starts another program.
         "while read name value; do case $name in SigIgn:|SigBlk:) echo $name $value;; esac;"
         "done < /proc/$$/status; umask; env");
  CHECK(to_string(end) == "exit 0");
  INFO(output);
  CHECK(output.find("fd 0\nfd 1\nfd 2\nfd 3\nSig") == 0);
  CHECK(output.find("SigIgn: 0000000000000000") != std::string::npos);
  CHECK(output.find("SigBlk: 0000000000000000") != std::string::npos);
  CHECK(output.find("0022") != std::string::npos);
  CHECK(output.find("RBIT_LEADER=") != std::string::npos);
  CHECK(output.find("HOME=") == std::string::npos);
}

TEST_CASE_FIXTURE(LeaderFixture, "limits and niceness are set before the program runs") {
  const JobEnd end =
      sh("ulimit -c; ulimit -Sn; ulimit -v; cut -d' ' -f19 /proc/$$/stat", {}, [](JobOrder& order) {
        order.max_memory = 1 << 30;
        order.nice = 3;
      });
  CHECK(to_string(end) == "exit 0");
  CHECK(output.find("0\n" + std::to_string(descriptors_at_start()) + "\n1048576\n") == 0);
  CHECK(output.find("\n3\n") != std::string::npos);
}

TEST_CASE_FIXTURE(LeaderFixture, "stop sends the signal, and wakes what is stopped") {
  const JobEnd end = sh("trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.01; done",
                        [](Leader& leader) { leader.stop(StopCause::cancel, SIGTERM, one_hour); });
  CHECK(to_string(end) == "exit 7");
  CHECK(end.cause == StopCause::cancel);
  CHECK(output.find("told\n") != std::string::npos);

  const JobEnd asleep = sh("echo ready; kill -STOP $$; exit 0", [](Leader& leader) {
    leader.stop(StopCause::timeout, SIGTERM, one_hour);
  });
  CHECK(to_string(asleep) == "signal TERM");
  CHECK(asleep.cause == StopCause::timeout);
}

TEST_CASE_FIXTURE(LeaderFixture, "what ignores the signal is killed after the grace") {
  const JobEnd end =
      sh("trap '' TERM; echo ready; while :; do sleep 0.01; done", [](Leader& leader) {
        leader.stop(StopCause::timeout, SIGTERM, std::chrono::milliseconds(50));
      });
  CHECK(to_string(end) == "signal KILL");
  CHECK(end.cause == StopCause::timeout);
}

TEST_CASE_FIXTURE(LeaderFixture, "a second, harder stop shortens the first") {
  const JobEnd end =
      sh("trap '' TERM; echo ready; while :; do sleep 0.01; done", [](Leader& leader) {
        leader.stop(StopCause::cancel, SIGTERM, one_hour);
        leader.stop(StopCause::interrupt, SIGKILL, {});
      });
  CHECK(to_string(end) == "signal KILL");
  CHECK(end.cause == StopCause::cancel);  // the one that began the ladder
}

TEST_CASE_FIXTURE(LeaderFixture, "nothing outlives a job, whatever session it went to") {
  // kill(-pgid) misses what called setsid.
  const JobEnd end =
      sh("setsid sleep 1000 >/dev/null 2>&1 & (setsid sh -c 'sleep 1000 & sleep 1000' & ) "
         "; sleep 1000 & exit 5");
  CHECK(to_string(end) == "exit 5");
  CHECK(end.outlived >= 3);
  auto read = read_leader_record(record);
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  CHECK(test::processes_with("RBIT_LEADER=" + (*read)->leader_id) == 0);
}

TEST_CASE_FIXTURE(LeaderFixture, "the record holds the verdict and is unlocked after the end") {
  const JobEnd end = sh("exit 9");
  auto read = read_leader_record(record);
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  CHECK_FALSE((*read)->running);
  CHECK((*read)->pid > 0);
  CHECK((*read)->start_time > 0);
  CHECK((*read)->boot_id.size() == 36);
  REQUIRE((*read)->end.has_value());
  CHECK(to_string(*(*read)->end) == to_string(end));
}

TEST_CASE_FIXTURE(LeaderFixture, "two hundred jobs on one leader leave no descriptor behind") {
  sh("exit 0");
  const std::size_t before = test::open_descriptors();
  auto lease = leaders.acquire();
  const pid_t pid = (*lease)->pid();
  { LeaderLease back = std::move(*lease); }
  const auto descriptors_of = [](pid_t of) -> std::ptrdiff_t {
    if (::geteuid() != 0) return 0;  // a leader is not dumpable: only root sees them
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(of) + "/fd");
    return std::distance(begin(all), end(all));
  };
  const auto leaders_before = descriptors_of(pid);
  for (int i = 0; i < 200; ++i) CHECK(to_string(sh("exit 1")) == "exit 1");
  CHECK(test::open_descriptors() == before);
  until([&] { return descriptors_of(pid) == leaders_before; });  // it tells an end, then closes
  CHECK(leaders.idle() == 1);
}

TEST_CASE_FIXTURE(LeaderFixture, "a leader that dies costs its own job and nothing else") {
  const JobEnd end = sh("setsid sleep 1000 & echo ready; sleep 1000",
                        [](Leader& leader) { ::kill(leader.pid(), SIGKILL); });
  CHECK(end.kind == JobEnd::Kind::leader_lost);
  CHECK(leaders.idle() == 0);
  auto read = read_leader_record(record);
  REQUIRE(read.has_value());
  REQUIRE(read->has_value());
  CHECK_FALSE((*read)->running);
  CHECK_FALSE((*read)->end.has_value());
  CHECK(test::processes_with("RBIT_LEADER=" + (*read)->leader_id) == 0);
  CHECK(to_string(sh("exit 6")) == "exit 6");
}

TEST_CASE_FIXTURE(LeaderFixture, "a job that stops its leader has lost it") {
  CHECK(sh("setsid sleep 1000 & kill -STOP $PPID; sleep 1000").kind == JobEnd::Kind::leader_lost);
  CHECK(sh("kill -STOP $PPID").kind == JobEnd::Kind::leader_lost);
  CHECK(leaders.idle() == 0);
  CHECK(to_string(sh("exit 3")) == "exit 3");
}

TEST_CASE_FIXTURE(LeaderFixture, "only a leader with a job costs a job when it dies") {
  log::Settings settings;
  settings.file = dir / "log";
  settings.with_facts = true;
  log::configure(settings);
  const auto kill_leader = [](Leader& leader) { ::kill(leader.pid(), SIGKILL); };
  const auto as_host = [](JobOrder& order) { order.is_host = true; };
  CHECK(sh("echo ready; sleep 1000", kill_leader, as_host).kind == JobEnd::Kind::leader_lost);
  log::flush();
  const std::string of_idle = test::read_file(settings.file);
  sh("echo ready; sleep 1000", kill_leader, [](JobOrder& order) {
    order.what = "job k";
    order.facts = {{"job", "36"}, {"queue", "q"}};
  });
  log::flush();
  const std::string of_both = test::read_file(settings.file);
  log::configure({});
  CHECK(of_idle.find("cost the job") == std::string::npos);
  CHECK(of_idle.find("WARN") == std::string::npos);
  CHECK(of_both.find("job k: its leader died and cost the job") != std::string::npos);
  CHECK(of_both.ends_with(" (job=36 queue=q)\n"));
}

TEST_CASE_FIXTURE(LeaderFixture, "what came to us and is not the job's outlives a leader's death") {
  // Adopted by us: its parent is gone. It bears no mark, as whatever a container's process 1 gets.
  const std::string pid_file = dir / "stranger";
  REQUIRE(std::system(("setsid sleep 1000 & echo $! > " + pid_file).c_str()) == 0);
  const pid_t stranger = std::stoi(test::read_file(pid_file));
  const auto kill_leader = [](Leader& leader) { ::kill(leader.pid(), SIGKILL); };
  // Of the job: a daemon, one that has emptied its environment in the job's session, and its own.
  const std::string mine = dir / "mine";
  CHECK(sh("setsid sleep 1000 & echo $! >> " + mine + "; env -i /bin/sleep 1000 & echo $! >> " +
               mine + "; sleep 1000 & echo $! >> " + mine + "; echo ready; sleep 1000",
           kill_leader)
            .kind == JobEnd::Kind::leader_lost);
  std::istringstream pids(test::read_file(mine));
  int count = 0;
  for (pid_t pid = 0; pids >> pid; ++count) {
    CAPTURE(pid);
    CHECK_FALSE(is_alive(pid));
  }
  CHECK(count == 3);
  CHECK(is_alive(stranger));
  CHECK(::kill(stranger, SIGKILL) == 0);
  for (int i = 0; i < 10'000 && ::kill(stranger, 0) == 0; ++i) {  // reaped: not even a zombie
    reap_strangers();
    ::usleep(1'000);
  }
  CHECK(::kill(stranger, 0) != 0);
  CHECK(to_string(sh("exit 3")) == "exit 3");  // a child of ours is not taken from its Process
}

TEST_CASE_FIXTURE(LeaderFixture, "one more descriptor gets the number it is asked for") {
  for (int number = 4; number <= 9; ++number) {
    const JobEnd end = sh("cat <&" + std::to_string(number), {}, [&](JobOrder& order) {
      order.extra_fd = Fd(::open((dir / "input").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
      REQUIRE(::write(order.extra_fd.get(), "hello", 5) == 5);
      REQUIRE(::lseek(order.extra_fd.get(), 0, SEEK_SET) == 0);
      order.extra_as = number;
    });
    CHECK(to_string(end) == "exit 0");
    CHECK(output == "hello");
  }
}

TEST_CASE_FIXTURE(LeaderFixture, "a leader whose rbit is gone ends its job by the ladder") {
  // Another process plays the rbit that dies.
  record = fresh_record();
  const std::string marker = dir / "told";
  const std::string ready = dir / "ready";
  const pid_t rbit = ::fork();
  if (rbit == 0) {
    asio::io_context other;
    auto leader = Leader::start(other.get_executor(), RBIT_BINARY_DIR "/rbit-leader");
    JobOrder order;
    order.argv = {"/bin/sh", "-c",
                  "trap 'echo x >" + marker + "; exit 0' TERM; echo x >" + ready +
                      "; while :; do sleep 0.01; done"};
    order.environment = {"PATH=/usr/bin:/bin"};
    order.directory = "/";
    order.stdin_fd = Fd(::open("/dev/null", O_RDONLY));
    order.output_fd = Fd(::open("/dev/null", O_WRONLY));
    order.events_fd = Fd(::open("/dev/null", O_WRONLY));
    order.record = record;
    order.grace = one_hour;
    if (!leader || !(*leader)->run(std::move(order))) ::_exit(1);
    for (;;) ::pause();
  }
  close_record(record);
  until([&] { return std::filesystem::exists(ready); });
  auto running = read_leader_record(record);
  REQUIRE(running.has_value());
  REQUIRE(running->has_value());
  CHECK((*running)->running);
  ::kill(rbit, SIGKILL);
  ::waitpid(rbit, nullptr, 0);
  std::optional<LeaderRecord> last;
  until([&] {
    last = *read_leader_record(record);
    return !last->running;
  });
  // It came to us, the subreaper, and ends by itself.
  until([&] { return ::waitpid(last->pid, nullptr, WNOHANG) == last->pid; });
  CHECK(std::filesystem::exists(marker));
  REQUIRE(last->end.has_value());
  CHECK(last->end->cause == StopCause::interrupt);
  CHECK(to_string(*last->end) == "exit 0");
}
