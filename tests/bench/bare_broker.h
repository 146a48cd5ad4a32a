// What the bare programs have in common: a subscription at the broker, and results put on disk.
#pragma once

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace bare {

using Clock = std::chrono::steady_clock;

inline void check(bool fine, const char* what) {
  if (fine) return;
  std::perror(what);
  std::exit(1);
}

inline double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

/// One consumer with a prefetch, on one connection; each message is acknowledged by itself.
class Broker {
 public:
  Broker(int port, const char* queue, std::size_t prefetch) : broker_(amqp_new_connection()) {
    amqp_socket_t* socket = amqp_tcp_socket_new(broker_);
    check(amqp_socket_open(socket, "127.0.0.1", port) == 0, "connecting");
    check(amqp_login(broker_, "/", 16, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"),
          "login");
    amqp_channel_open(broker_, 1);
    check(amqp_get_rpc_reply(broker_), "channel.open");
    const amqp_bytes_t name = amqp_cstring_bytes(queue);
    amqp_queue_declare(broker_, 1, name, 0, 1, 0, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(broker_), "queue.declare");
    amqp_basic_qos(broker_, 1, 0, static_cast<std::uint16_t>(prefetch), 0);
    check(amqp_get_rpc_reply(broker_), "basic.qos");
    amqp_basic_consume(broker_, 1, name, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(broker_), "basic.consume");
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  int socket() const { return amqp_get_sockfd(broker_); }

  /// Gives what has come to `job(tag, body)`, until there is nothing or `job` returns false. Call
  /// it before each wait for `socket`: the library holds messages that poll() does not see.
  template <class Job>
  void take(Job job) {
    const timeval at_once{0, 0};
    for (bool more = true; more;) {
      amqp_maybe_release_buffers(broker_);
      amqp_envelope_t envelope;
      const amqp_rpc_reply_t got = amqp_consume_message(broker_, &envelope, &at_once, 0);
      if (got.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
          got.library_error == AMQP_STATUS_TIMEOUT)
        return;
      check(got, "consuming");
      const amqp_bytes_t& body = envelope.message.body;
      more = job(envelope.delivery_tag,
                 std::string_view(static_cast<const char*>(body.bytes), body.len));
      amqp_destroy_envelope(&envelope);
    }
  }

  void acknowledge(std::uint64_t tag) {
    check(amqp_basic_ack(broker_, 1, tag, 0) == 0, "basic.ack");
  }

  void close() {
    check(amqp_connection_close(broker_, AMQP_REPLY_SUCCESS), "connection.close");
    amqp_destroy_connection(broker_);
  }

 private:
  static void check(const amqp_rpc_reply_t& reply, const char* what) {
    bare::check(reply.reply_type == AMQP_RESPONSE_NORMAL, what);
  }
  static void check(bool fine, const char* what) { bare::check(fine, what); }

  amqp_connection_state_t broker_;
};

/// Results on disk: 64 bytes a job in a file that is overwritten in a ring, for a sync of a file
/// that grows costs many times as much. All that ended in one turn share a sync.
class Results {
 public:
  /// "-": none are kept.
  explicit Results(const std::string& path) {
    if (path == "-") return;
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(file_ >= 0, "the file of results");
    const std::string zeros(ring, '\0');
    check(write(file_, zeros.data(), zeros.size()) == static_cast<ssize_t>(ring), "write");
    check(fdatasync(file_) == 0, "fdatasync");
  }

  void note(std::uint64_t tag) {
    if (file_ < 0) return;
    char record[64] = {};
    std::snprintf(record, sizeof record, "%llu done\n", static_cast<unsigned long long>(tag));
    check(pwrite(file_, record, sizeof record, place_) == sizeof record, "pwrite");
    place_ = (place_ + static_cast<off_t>(sizeof record)) % static_cast<off_t>(ring);
  }

  void sync() {
    if (file_ >= 0) check(fdatasync(file_) == 0, "fdatasync");
  }

 private:
  static constexpr std::size_t ring = 1 << 20;
  int file_ = -1;
  off_t place_ = 0;
};

}  // namespace bare
