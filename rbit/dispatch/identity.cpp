#include "rbit/dispatch/identity.h"

#include <utility>

#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// What a key stands for already, among the jobs that run and in the journal.
enum class Holder { nobody, itself, other };

Holder look_up(Identity& one, const Ledger& ledger, const Journal& journal) {
  const RunningJob* running = ledger.running(one.key);
  one.known = running == nullptr ? journal.find(one.key) : std::nullopt;
  if (running == nullptr && !one.known) return Holder::nobody;
  const std::string& held = running != nullptr ? running->job.digest : one.known->digest;
  return held == one.digest ? Holder::itself : Holder::other;
}

std::string name_after(const Identity& one) {
  return text::sha256_hex(one.key + '\0' + one.digest);
}

}  // namespace

Identity identify(Delivery& delivery, const Ledger& ledger, const Journal& journal) {
  const Message& message = delivery.message();
  const std::string id = delivery.key();
  Identity identity{id, delivery.digest(), std::nullopt};
  Holder holder = look_up(identity, ledger, journal);
  while (holder == Holder::other) {
    identity.key = name_after(identity);
    holder = look_up(identity, ledger, journal);
  }
  // What stood in the way of an earlier delivery of it may be forgotten by now.
  if (holder == Holder::nobody) {
    Identity next = identity;
    next.key = name_after(identity);
    if (look_up(next, ledger, journal) == Holder::itself) identity = std::move(next);
  }
  if (identity.key == id) return identity;
  log::warning("queue " + message.queue + ": message id " + text::one_line(id, 80) +
               " was given to another message before; this one is called " + identity.key);
  delivery.rename(identity.key);
  return identity;
}

}  // namespace rbit
