#include "rbit/monitor/sessions.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "rbit/base/random.h"

namespace rbit {

bool same_secret(std::string_view given, std::string_view wanted) {
  return given.size() == wanted.size() &&
         CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
}

const Sessions::Session& Sessions::open() {
  while (all_.size() >= most) all_.pop_back();
  return all_.emplace_front(Session{random_digits() + random_digits(),
                                    random_digits() + random_digits(),
                                    std::chrono::steady_clock::now()});
}

const Sessions::Session* Sessions::find(std::string_view name) {
  const auto now = std::chrono::steady_clock::now();
  all_.remove_if([&](const Session& one) { return now - one.used > lasts; });
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const Session& one) { return same_secret(name, one.name); });
  if (found == all_.end()) return nullptr;
  found->used = now;
  all_.splice(all_.begin(), all_, found);
  return &all_.front();
}

void Sessions::close(std::string_view name) {
  all_.remove_if([&](const Session& one) { return same_secret(name, one.name); });
}

}  // namespace rbit
