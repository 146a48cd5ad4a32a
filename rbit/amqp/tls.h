#pragma once

#include <string>

#include "rbit/amqp/settings.h"
#include "rbit/base/result.h"

namespace rbit::amqp {

/// Makes an OpenSSL context (SSL_CTX*) that ends the handshake unless the peer's certificate is
/// good for `host`: the library's own checks load no CA and ignore IP addresses. `host` must
/// outlive the context.
Result<void> secure(void* ssl_context, const TlsSettings& settings, const std::string& host);

/// Why a handshake of this thread has just failed, as OpenSSL has it; empty if it does not say.
std::string tls_trouble();

}  // namespace rbit::amqp
