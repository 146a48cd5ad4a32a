// Apart from text.cpp, so that a small program (rbit-plugin-host) can have that without OpenSSL.
#include "rbit/base/text.h"

// EVP_Digest and even SHA256() first load OpenSSL's providers: 2 MB resident for a hash of 64
// bytes. The plain functions are deprecated for new programs, and do not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <string>
#include <string_view>

namespace rbit::text {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(digest.data(), &context);
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string slug(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || (c == '.' && !out.empty());
    out += plain ? c : '_';
  }
  if (out == name && out.size() <= 100 && !out.empty()) return out;
  return out.substr(0, 87) + "-" + sha256_hex(name).substr(0, 12);  // 87 + 1 + 12 = 100
}

}  // namespace rbit::text
