#include "rbit/dispatch/arrival.h"

namespace rbit {

Arrival arrival_of(const ArrivalFacts& facts) {
  using Read = ArrivalFacts::Read;
  switch (facts.place) {
    case Ledger::Place::running:
      // Our own copy for its next attempt, or for this one again, may come before the journal has
      // noted that this one is settled; answered with it, the copy would be lost.
      return facts.has_verdict && facts.is_its_copy ? Arrival::wait : Arrival::join;
    case Ledger::Place::settling:
      return Arrival::wait;
    case Ledger::Place::waiting:
      return Arrival::acknowledge;
    case Ledger::Place::nowhere:
      break;
  }
  if (facts.is_answered) return Arrival::answer_again;
  const bool can_stay = facts.has_slot || facts.may_wait || facts.may_be_dropped;
  if (facts.read == Read::not_yet && facts.is_suspect)
    return can_stay ? Arrival::count : Arrival::go_back;
  if (facts.read == Read::not_yet || facts.read == Read::counted) return Arrival::read;
  if (facts.read == Read::in_vain) return Arrival::refuse;
  if (facts.has_slot) return Arrival::begin;
  return facts.may_be_dropped ? Arrival::keep_waiting : Arrival::go_back;
}

}  // namespace rbit
