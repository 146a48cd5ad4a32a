// Apart from text.cpp, so that a small program (rbit-plugin-host) can have that without OpenSSL.
#include "rbit/base/text.h"

#include <openssl/evp.h>

#include <array>
#include <string>
#include <string_view>

namespace rbit::text {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
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
