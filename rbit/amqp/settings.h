#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/host_port.h"

namespace rbit::amqp {

/// One broker of the list. `host` is a name or an address, a v6 address without brackets.
struct Endpoint {
  std::string host = "localhost";
  std::uint16_t port = 5672;

  /// "localhost:5672", "[::1]:5672"
  std::string text() const { return join_host_port(host, port); }
};

/// TLS with the broker's certificate verified. Empty files: the system's CA paths, no certificate
/// of our own.
struct TlsSettings {
  std::string ca_file, cert_file, key_file;
  bool verify = true;  // false: encrypted to whoever answers; for addresses of this machine only
};

/// What a connection needs to know. "" as virtual host means "/".
struct ConnectionSettings {
  std::vector<Endpoint> endpoints{Endpoint{}};
  std::string user = "guest", password = "guest", virtual_host = "/";
  std::chrono::seconds heartbeat{30};  // asked for; the broker may lower it
  int channel_max = 16;                // asked for, too
  int least_channels = 1;              // a broker that allows fewer is none for us
  /// Nothing long is published here, so that frames may come that are longer than was agreed.
  bool only_reads = false;
  std::optional<TlsSettings> tls;
  // Pauses between tries to connect: full jitter below a step that doubles.
  std::chrono::milliseconds backoff_base{500}, backoff_cap{30'000};
  std::chrono::milliseconds healthy_after{60'000};  // then the pauses start small again
  // A broker that knows us and does not want us is asked again after 1 to 2 times this.
  std::chrono::milliseconds not_welcome_pause{30'000};
  // One that has no room for us at the moment, after half to all of this.
  std::chrono::milliseconds limit_pause{7'000};
  std::chrono::milliseconds blocked_limit{300'000};  // connection.blocked: then the next host
  std::chrono::milliseconds confirm_limit{30'000};   // of a publish: then connect again
  std::string own_headers{};  // what the names of our own headers begin with; empty: we have none
  std::string name = "rbit";  // what the broker's tools show: rbit's name and the connection's role
};

}  // namespace rbit::amqp
