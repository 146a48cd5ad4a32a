#include "rbit/dispatch/identity.h"

#include <algorithm>
#include <utility>

#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/core/job_facts.h"
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

bool has_lost_its_messages(const RunningJob& job) {
  return std::all_of(job.deliveries.begin(), job.deliveries.end(),
                     [](const Delivery& one) { return one.is_void(); });
}

/// The job of a message that was delivered before and has no id, of several with equal ones. Empty:
/// none of them misses a message.
std::string twin_without_message(const Identity& one, const Ledger& ledger,
                                 const Journal& journal) {
  for (const auto& [key, running] : ledger.all_running())
    if (running->job.digest == one.digest && has_lost_its_messages(*running)) return key;
  std::string found;
  for (std::string& key : journal.held_twins(one.digest)) {
    if (ledger.place_of(key) != Ledger::Place::nowhere) continue;
    if (key == one.id) return key;
    if (found.empty()) found = std::move(key);
  }
  return found;
}

/// See Equals::many_jobs.
void tell_from_its_equals(Identity& one, const Message& message, const Ledger& ledger,
                          const Journal& journal) {
  if (one.id != one.digest || attempt_of(message)) return;  // it has an id
  if (message.redelivered && !ledger.is_unread(one.mark())) {
    const std::string twin = twin_without_message(one, ledger, journal);
    if (!twin.empty()) one.key = twin;
  } else if (ledger.place_of(one.key) != Ledger::Place::nowhere) {
    one.key = random_uuid();
  }
}

std::string name_after(const Identity& one) {
  return text::sha256_hex(one.key + '\0' + one.digest);
}

}  // namespace

Identity identify(Delivery& delivery, const Ledger& ledger, const Journal& journal, Equals equals) {
  const Message& message = delivery.message();
  const std::string id = delivery.key();
  Identity identity{id, delivery.digest(), std::nullopt, id};
  if (equals == Equals::many_jobs) tell_from_its_equals(identity, message, ledger, journal);
  const bool is_twin = identity.key != id;
  Holder holder = look_up(identity, ledger, journal);
  while (holder == Holder::other) {
    identity.key = name_after(identity);
    holder = look_up(identity, ledger, journal);
  }
  // What stood in the way of an earlier delivery of it may be forgotten by now.
  if (holder == Holder::nobody && !is_twin) {
    Identity next = identity;
    next.key = name_after(identity);
    if (look_up(next, ledger, journal) == Holder::itself) identity = std::move(next);
  }
  if (identity.key == id) return identity;
  delivery.rename(identity.key);
  if (!is_twin)
    log::warning("queue " + message.queue + ": message id " + text::one_line(id, 80) +
                     " was given to another message before; this one is called " + identity.key,
                 facts_of(delivery));
  return identity;
}

}  // namespace rbit
