#pragma once

#include "rbit/dispatch/ledger.h"

namespace rbit {

/// What becomes of a message that has come.
enum class Arrival {
  join,          // its job runs here: it will get the same answer
  wait,          // until what is being written of its key is written; then it is looked at again
  acknowledge,   // its job waits here and is on record as ours
  answer_again,  // its answer is on record, and the broker did not hear it
  count,         // of reading it rbit may have died: it is counted before it is read
  read,
  refuse,        // it is no job
  go_back,       // no slot is free: it goes back to its queue
  keep_waiting,  // no slot is free and its queue might drop it: it is put on record as ours
  begin,
};

/// What is known of the message so far; `arrival_of` asks for the rest by `count` and `read`.
struct ArrivalFacts {
  Ledger::Place place = Ledger::Place::nowhere;  // of its key
  // Of a job that runs:
  bool has_verdict = false;
  bool is_its_copy = false;  // it asks for the attempt that runs, or for a later one
  // Of one that does not:
  bool is_answered = false;
  bool is_suspect = false;  // the broker delivered it before, and nothing is known of it
  enum class Read { not_yet, counted, well, in_vain } read = Read::not_yet;
  bool has_slot = false;
  bool may_wait = false;        // it may find one yet: which runner's it is is still to be read
  bool may_be_dropped = false;  // it came back so often that its queue might drop it next time
};

Arrival arrival_of(const ArrivalFacts& facts);

}  // namespace rbit
