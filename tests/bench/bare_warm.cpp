// The least a program can do for a job a message that is a call: children that live on, a message
// to each over a socket, a byte back, then the acknowledgement.
//
//   bare_warm PORT QUEUE JOBS CHILDREN PREFETCH RESULTS
//
// RESULTS is a file in which each result is synced before its message is acknowledged, or "-".
// Prints the seconds from the first message to the last acknowledgement.
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <utility>
#include <vector>

#include "bare_broker.h"

using bare::check;

namespace {

struct Child {
  int socket;
  bool is_busy;
  std::uint64_t tag;
};

/// What a child does: reads a message, says that it is done.
[[noreturn]] void serve(int socket) {
  static char message[1 << 20];
  while (recv(socket, message, sizeof message, 0) > 0) {
    const char done = '0';
    if (send(socket, &done, 1, MSG_NOSIGNAL) != 1) break;
  }
  _exit(0);
}

Child start_child() {
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  const pid_t pid = fork();
  check(pid >= 0, "fork");
  if (pid == 0) {
    close(ends[0]);
    serve(ends[1]);
  }
  close(ends[1]);
  return Child{ends[0], false, 0};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: see the source\n");
    return 2;
  }
  const auto jobs = std::strtoull(argv[3], nullptr, 10);
  std::vector<Child> children;
  for (int n = std::atoi(argv[4]); n > 0; --n) children.push_back(start_child());
  bare::Results results(argv[6]);
  bare::Broker broker(std::atoi(argv[1]), argv[2], std::strtoull(argv[5], nullptr, 10));

  std::deque<std::pair<std::uint64_t, std::string>> waiting;
  std::vector<pollfd> watched;
  std::vector<std::uint64_t> ended;
  auto begun = bare::Clock::now();
  for (std::uint64_t taken = 0, done = 0; done < jobs;) {
    if (taken < jobs) {
      broker.take([&](std::uint64_t tag, std::string_view body) {
        if (taken == 0) begun = bare::Clock::now();
        waiting.emplace_back(tag, body);
        return ++taken < jobs;
      });
    }
    for (Child& child : children) {
      if (child.is_busy || waiting.empty()) continue;
      const auto& [tag, body] = waiting.front();
      check(send(child.socket, body.data(), body.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(body.size()),
            "send");
      child.is_busy = true;
      child.tag = tag;
      waiting.pop_front();
    }
    watched.assign(1, {broker.socket(), POLLIN, 0});
    for (const Child& child : children) watched.push_back({child.socket, POLLIN, 0});
    check(poll(watched.data(), watched.size(), -1) >= 0, "poll");
    ended.clear();
    for (std::size_t i = 0; i < children.size(); ++i) {
      Child& child = children[i];
      char verdict = 0;
      if (watched[i + 1].revents == 0) continue;
      check(recv(child.socket, &verdict, 1, 0) == 1, "a child");
      results.note(child.tag);
      ended.push_back(child.tag);
      child.is_busy = false;
    }
    if (!ended.empty()) results.sync();
    for (const auto tag : ended) broker.acknowledge(tag);
    done += ended.size();
  }
  const double seconds = bare::seconds_since(begun);
  broker.close();
  for (const Child& child : children) close(child.socket);
  while (wait(nullptr) > 0) {
  }
  std::printf("%.6f\n", seconds);
}
