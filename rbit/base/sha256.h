#pragma once

// EVP_Digest and even SHA256() first load OpenSSL's providers: 2 MB resident for a hash of 64
// bytes. The plain functions are deprecated for new programs, and do not.
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include <openssl/sha.h>

#include <string>
#include <string_view>

namespace rbit {

/// SHA-256 of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  Sha256& add(std::string_view bytes);
  /// Lower-case hexadecimal. Nothing may be added afterwards.
  std::string hex();

 private:
  SHA256_CTX context_;
};

}  // namespace rbit
