// The least a program can do for a job a message that is a process. One thread, posix_spawn, a log
// file for each job, acknowledged when the process has ended. No journal, no statuses, no
// workspace, no limits, nothing kept clean.
//
//   bare_loop spawn JOBS SLOTS LOG_DIR RESULTS COMMAND [ARG...]
//   bare_loop amqp PORT QUEUE JOBS SLOTS LOG_DIR RESULTS COMMAND [ARG...]   0 jobs: only subscribes
//
// RESULTS is a file in which each result is synced before its message is acknowledged, or "-".
// Prints the seconds from the first job's start to the last one's end (acknowledgement).
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "bare_broker.h"

using bare::check;

namespace {

struct Child {
  pid_t pid;
  int pidfd;
  std::uint64_t tag;
};

/// Starts jobs, waits for the first to end.
class Children {
 public:
  Children(std::string log_dir, char** command) : log_dir_(std::move(log_dir)), command_(command) {
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID);
  }

  std::size_t count() const { return running_.size(); }

  void start(std::uint64_t tag) {
    const std::string log = log_dir_ + "/" + std::to_string(++started_) + ".log";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    Child child{0, -1, tag};
    check(posix_spawn(&child.pid, command_[0], &actions, &attributes_, command_, environ) == 0,
          "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    child.pidfd = static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0));
    check(child.pidfd >= 0, "pidfd_open");
    running_.push_back(child);
  }

  /// Waits for an end or for `socket` (-1: none), reaps, gives the tags of those that ended.
  std::vector<std::uint64_t> wait(int socket) {
    std::vector<pollfd> watched{{socket, POLLIN, 0}};
    for (const Child& child : running_) watched.push_back({child.pidfd, POLLIN, 0});
    check(poll(watched.data(), watched.size(), -1) >= 0, "poll");
    std::vector<std::uint64_t> ended;
    std::vector<Child> left;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      const Child& child = running_[i];
      if (watched[i + 1].revents == 0) {
        left.push_back(child);
        continue;
      }
      check(waitpid(child.pid, nullptr, 0) == child.pid, "waitpid");
      close(child.pidfd);
      ended.push_back(child.tag);
    }
    running_ = left;
    return ended;
  }

 private:
  std::string log_dir_;
  char** command_;
  posix_spawnattr_t attributes_;
  std::vector<Child> running_;
  std::uint64_t started_ = 0;
};

double spawn_all(std::uint64_t jobs, std::size_t slots, Children& children) {
  const auto begun = bare::Clock::now();
  for (std::uint64_t started = 0, ended = 0; ended < jobs;) {
    while (started < jobs && children.count() < slots) children.start(++started);
    ended += children.wait(-1).size();
  }
  return bare::seconds_since(begun);
}

double consume_all(bare::Broker& broker, std::uint64_t jobs, bare::Results& results,
                   Children& children) {
  auto begun = bare::Clock::now();
  for (std::uint64_t started = 0, ended = 0; ended < jobs;) {
    // The prefetch is the number of slots: what comes may start.
    broker.take([&](std::uint64_t tag, std::string_view) {
      if (started == 0) begun = bare::Clock::now();
      children.start(tag);
      return ++started < jobs;
    });
    const auto tags = children.wait(broker.socket());
    for (const auto tag : tags) results.note(tag);
    if (!tags.empty()) results.sync();
    for (const auto tag : tags) broker.acknowledge(tag);
    ended += tags.size();
  }
  return bare::seconds_since(begun);
}

}  // namespace

int main(int argc, char** argv) {
  const bool amqp = argc > 1 && std::strcmp(argv[1], "amqp") == 0;
  const int first = amqp ? 4 : 2;  // jobs
  if (argc < first + 5) {
    std::fprintf(stderr, "usage: see the source\n");
    return 2;
  }
  const auto jobs = std::strtoull(argv[first], nullptr, 10);
  const auto slots = static_cast<std::size_t>(std::strtoull(argv[first + 1], nullptr, 10));
  Children children(argv[first + 2], argv + first + 4);
  double seconds = 0;
  if (amqp) {
    bare::Results results(argv[first + 3]);
    bare::Broker broker(std::atoi(argv[2]), argv[3], slots);
    seconds = consume_all(broker, jobs, results, children);
    broker.close();
  } else {
    seconds = spawn_all(jobs, slots, children);
  }
  std::printf("%.6f\n", seconds);
}
