#include "rbit/dispatch/identity.h"

#include <utility>

#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {

/// Whether the key is that of these bytes of this queue: of a job that runs, or in the journal.
Identity look_up(std::string key, std::string digest, const Ledger& ledger,
                 const Journal& journal) {
  Identity found{std::move(key), std::move(digest), std::nullopt, Identity::Holder::nobody};
  const RunningJob* running = ledger.running(found.key);
  if (running == nullptr) found.known = journal.find(found.key);
  if (running == nullptr && !found.known) return found;
  const std::string& held = running != nullptr ? running->job.digest : found.known->digest;
  const bool ours = held == found.digest;
  found.holder = ours ? Identity::Holder::itself : Identity::Holder::other;
  return found;
}

std::string name_after(const Identity& one) {
  return text::sha256_hex(one.key + '\0' + one.digest);
}

}  // namespace

Identity identify(Delivery& delivery, const Ledger& ledger, const Journal& journal) {
  const Message& message = delivery.message();
  const std::string id = delivery.key();
  Identity identity = look_up(id, delivery.digest(), ledger, journal);
  while (identity.holder == Identity::Holder::other)
    identity = look_up(name_after(identity), identity.digest, ledger, journal);
  // What stood in the way of an earlier delivery of it may be forgotten by now.
  if (identity.holder == Identity::Holder::nobody) {
    Identity next = look_up(name_after(identity), identity.digest, ledger, journal);
    if (next.holder == Identity::Holder::itself) identity = std::move(next);
  }
  if (identity.key == id) return identity;
  log::warning("queue " + message.queue + ": message id " + text::one_line(id, 80) +
               " was given to another message before; this one is called " + identity.key);
  delivery.rename(identity.key);
  return identity;
}

}  // namespace rbit
