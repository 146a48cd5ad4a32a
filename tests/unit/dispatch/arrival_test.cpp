#include "rbit/dispatch/arrival.h"

#include <doctest/doctest.h>

#include <vector>

namespace rbit {

namespace {

using Place = Ledger::Place;
using Read = ArrivalFacts::Read;

/// What is not said is false.
ArrivalFacts facts(std::initializer_list<void (*)(ArrivalFacts&)> all) {
  ArrivalFacts made;
  for (const auto& set : all) set(made);
  return made;
}

void runs(ArrivalFacts& one) {
  one.place = Place::running;
}
void is_settled(ArrivalFacts& one) {
  one.place = Place::settling;
}
void waits(ArrivalFacts& one) {
  one.place = Place::waiting;
}
void has_verdict(ArrivalFacts& one) {
  one.has_verdict = true;
}
void is_copy(ArrivalFacts& one) {
  one.is_its_copy = true;
}
void is_answered(ArrivalFacts& one) {
  one.is_answered = true;
}
void is_suspect(ArrivalFacts& one) {
  one.is_suspect = true;
}
void is_counted(ArrivalFacts& one) {
  one.read = Read::counted;
}
void was_read(ArrivalFacts& one) {
  one.read = Read::well;
}
void is_no_job(ArrivalFacts& one) {
  one.read = Read::in_vain;
}
void has_slot(ArrivalFacts& one) {
  one.has_slot = true;
}
void may_be_dropped(ArrivalFacts& one) {
  one.may_be_dropped = true;
}

}  // namespace

TEST_CASE("what becomes of a message that has come") {
  struct Row {
    ArrivalFacts facts;
    Arrival arrival;
  };
  const std::vector<Row> table{
      // A redelivery joins, and so does what somebody else sends of the key. Our own copy for a
      // later attempt waits until this one is settled.
      {facts({runs}), Arrival::join},
      {facts({runs, has_slot}), Arrival::join},
      {facts({runs, has_verdict}), Arrival::join},
      {facts({runs, is_copy}), Arrival::join},
      {facts({runs, has_verdict, is_copy}), Arrival::wait},
      {facts({is_settled}), Arrival::wait},
      {facts({is_settled, has_slot, was_read}), Arrival::wait},
      {facts({waits}), Arrival::acknowledge},
      {facts({waits, has_slot, is_suspect}), Arrival::acknowledge},
      // An answer that is on record is all it gets.
      {facts({is_answered}), Arrival::answer_again},
      {facts({is_answered, is_suspect, has_slot}), Arrival::answer_again},
      // What came before and is unknown is counted before it is read, if it can stay.
      {facts({is_suspect}), Arrival::go_back},
      {facts({is_suspect, has_slot}), Arrival::count},
      {facts({is_suspect, may_be_dropped}), Arrival::count},
      {facts({is_suspect, has_slot, is_counted}), Arrival::read},
      // Whatever has no slot is read all the same: it may be no job.
      {facts({}), Arrival::read},
      {facts({has_slot}), Arrival::read},
      {facts({is_no_job}), Arrival::refuse},
      {facts({is_no_job, has_slot}), Arrival::refuse},
      {facts({is_no_job, is_suspect, has_slot}), Arrival::refuse},
      {facts({was_read, has_slot}), Arrival::begin},
      {facts({was_read, has_slot, is_suspect}), Arrival::begin},
      {facts({was_read, has_slot, may_be_dropped}), Arrival::begin},
      {facts({was_read}), Arrival::go_back},
      {facts({was_read, may_be_dropped}), Arrival::keep_waiting},
      {facts({was_read, is_suspect, may_be_dropped}), Arrival::keep_waiting},
  };
  for (std::size_t i = 0; i < table.size(); ++i) {
    CAPTURE(i);
    CHECK(arrival_of(table[i].facts) == table[i].arrival);
  }
}

}  // namespace rbit
