#pragma once

#include <vector>

#include "rbit/amqp/settings.h"
#include "rbit/base/result.h"

namespace rbit::amqp {

/// Something about the files of TLS that would stop a handshake, or soon will.
struct TlsFinding {
  bool fatal = true;
  Error error;
};

/// What can be known of the files without a broker: missing, unreadable, no PEM, not valid yet or
/// any more, a key that is not the certificate's. Empty: nothing speaks against them.
std::vector<TlsFinding> check_tls_files(const TlsSettings& settings);

}  // namespace rbit::amqp
