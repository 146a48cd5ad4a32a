// The peer that rbit is measured against: the least a program can do for a job a message. One
// thread, posix_spawn, a log file for each job, acknowledged when the process has ended. No
// journal, no statuses, no workspace, no limits, nothing kept clean.
//
//   bare_loop spawn JOBS SLOTS LOG_DIR COMMAND [ARG...]
//   bare_loop amqp PORT QUEUE JOBS SLOTS LOG_DIR COMMAND [ARG...]   with 0 jobs: only subscribes
//
// Prints the seconds from the first job's start to the last one's end (acknowledgement).
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

void check(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "bare_loop: %s failed\n", what);
  std::exit(1);
}

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

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

double spawn_all(std::uint64_t jobs, std::size_t slots, Children& children) {
  const auto begun = Clock::now();
  for (std::uint64_t started = 0, ended = 0; ended < jobs;) {
    while (started < jobs && children.count() < slots) children.start(++started);
    ended += children.wait(-1).size();
  }
  return seconds_since(begun);
}

void check(const amqp_rpc_reply_t& reply, const char* what) {
  check(reply.reply_type == AMQP_RESPONSE_NORMAL, what);
}

double consume_all(int port, const char* queue, std::uint64_t jobs, std::size_t slots,
                   Children& children) {
  const amqp_connection_state_t broker = amqp_new_connection();
  amqp_socket_t* socket = amqp_tcp_socket_new(broker);
  check(amqp_socket_open(socket, "127.0.0.1", port) == 0, "connecting");
  check(amqp_login(broker, "/", 16, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"), "login");
  amqp_channel_open(broker, 1);
  check(amqp_get_rpc_reply(broker), "channel.open");
  const amqp_bytes_t name = amqp_cstring_bytes(queue);
  amqp_queue_declare(broker, 1, name, 0, 1, 0, 0, amqp_empty_table);
  check(amqp_get_rpc_reply(broker), "queue.declare");
  amqp_basic_qos(broker, 1, 0, static_cast<std::uint16_t>(slots), 0);
  check(amqp_get_rpc_reply(broker), "basic.qos");
  amqp_basic_consume(broker, 1, name, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  check(amqp_get_rpc_reply(broker), "basic.consume");

  auto begun = Clock::now();
  const timeval at_once{0, 0};
  for (std::uint64_t started = 0, ended = 0; ended < jobs;) {
    // The library may hold frames that poll() does not see any more.
    for (amqp_envelope_t envelope; started < jobs;) {
      amqp_maybe_release_buffers(broker);
      const amqp_rpc_reply_t got = amqp_consume_message(broker, &envelope, &at_once, 0);
      if (got.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
          got.library_error == AMQP_STATUS_TIMEOUT)
        break;
      check(got, "consuming");
      if (started == 0) begun = Clock::now();
      children.start(envelope.delivery_tag);
      ++started;
      amqp_destroy_envelope(&envelope);
    }
    for (const auto tag : children.wait(amqp_get_sockfd(broker))) {
      check(amqp_basic_ack(broker, 1, tag, 0) == 0, "basic.ack");
      ++ended;
    }
  }
  const double seconds = seconds_since(begun);
  check(amqp_connection_close(broker, AMQP_REPLY_SUCCESS), "connection.close");
  amqp_destroy_connection(broker);
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const bool amqp = argc > 1 && std::strcmp(argv[1], "amqp") == 0;
  const int first = amqp ? 4 : 2;  // jobs
  if (argc < first + 4) {
    std::fprintf(stderr, "usage: see the source\n");
    return 2;
  }
  const auto jobs = std::strtoull(argv[first], nullptr, 10);
  const auto slots = static_cast<std::size_t>(std::strtoull(argv[first + 1], nullptr, 10));
  Children children(argv[first + 2], argv + first + 3);
  const double seconds = amqp ? consume_all(std::atoi(argv[2]), argv[3], jobs, slots, children)
                              : spawn_all(jobs, slots, children);
  std::printf("%.6f\n", seconds);
}
