#include "rbit/base/sha256.h"

#include <array>

#include "rbit/base/text.h"

namespace rbit {

Sha256::Sha256() {
  SHA256_Init(&context_);
}

Sha256& Sha256::add(std::string_view bytes) {
  SHA256_Update(&context_, bytes.data(), bytes.size());
  return *this;
}

std::string Sha256::hex() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_Final(digest.data(), &context_);
  return text::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

// Here and not in text.cpp, so that a small program (rbit-plugin-host) can have that without
// OpenSSL.
namespace text {

std::string sha256_hex(std::string_view bytes) {
  return Sha256().add(bytes).hex();
}

std::string slug(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = is_alnum(c) || c == '_' || c == '-' || (c == '.' && !out.empty());
    out += plain ? c : '_';
  }
  if (out == name && out.size() <= 100 && !out.empty()) return out;
  return out.substr(0, 87) + "-" + sha256_hex(name).substr(0, 12);  // 87 + 1 + 12 = 100
}

}  // namespace text

}  // namespace rbit
