// What a job costs through rbit-leader with nothing of rbit around it: one leader, one job after
// another, the same descriptors and record that rbit gives it.
//
//   bare_leader LEADER JOBS RECORD_DIR CGROUP COMMAND [ARG...]
//
// CGROUP is the directory in which the leader makes its control group, or "". Prints the seconds.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "rbit/run/leader_wire.h"
#include "rbit/run/record_layout.h"

namespace wire = rbit::wire;

namespace {

void check(bool fine, const char* what) {
  if (fine) return;
  std::perror(what);
  std::exit(1);
}

std::string start_packet(char** command) {
  wire::Start head{};
  head.command = wire::Command::start;
  head.version = wire::version;
  head.stop_signal = 15;
  head.descriptors = 1024;
  head.variables = 1;
  std::string strings("bench\0/\0", 8);  // the leader's id, the directory
  for (; *command != nullptr; ++command, ++head.arguments) strings.append(*command) += '\0';
  strings.append("RBIT_LEADER=bench") += '\0';
  return std::string(reinterpret_cast<const char*>(&head), sizeof head) + strings;
}

void send_with_fds(int socket, std::string& packet, const int (&fds)[4]) {
  iovec data{packet.data(), packet.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(part), fds, sizeof fds);
  check(sendmsg(socket, &message, MSG_NOSIGNAL) >= 0, "sendmsg");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: see the source\n");
    return 2;
  }
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  const std::string parent = std::to_string(getpid());
  const pid_t leader = fork();
  if (leader == 0) {
    dup2(ends[1], 3);
    execl(argv[1], argv[1], parent.c_str(), argv[4], nullptr);
    _exit(127);
  }
  close(ends[1]);

  std::string packet = start_packet(argv + 5);
  const int jobs = std::atoi(argv[2]);
  const std::string record_dir = argv[3];
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  // One slot for all jobs, as rbit has it.
  const int record = open((record_dir + "/record").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  check(record >= 0 && ftruncate(record, rbit::record::file_size) == 0, "the record");
  const auto begun = std::chrono::steady_clock::now();
  for (int job = 1; job <= jobs; ++job) {
    const std::string log = record_dir + "/" + std::to_string(job) + ".log";
    const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(null >= 0 && output >= 0, "open");
    const auto serial = static_cast<std::uint64_t>(job);
    std::memcpy(packet.data() + offsetof(wire::Start, serial), &serial, sizeof serial);
    const int fds[4] = {null, output, null, record};
    send_with_fds(ends[0], packet, fds);
    close(output);
    wire::Answer answer{};
    check(recv(ends[0], &answer, sizeof answer, 0) == sizeof answer, "the leader");
    check(answer.kind == wire::Kind::ended && answer.exit_code == 0, "the job");
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  close(ends[0]);
  waitpid(leader, nullptr, 0);
  std::printf("%.6f\n", took.count());
}
