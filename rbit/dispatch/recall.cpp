#include "rbit/dispatch/recall.h"

#include <algorithm>

namespace rbit {

Recall recall(const Message& message, const std::optional<JobRecord>& known, bool redelivered,
              int attempts) {
  const std::optional<int> asked = attempt_of(message);
  // Another rbit's copy may be ahead of what we know, but not beyond the last attempt there is.
  const int next = known ? known->attempt + 1 : 1;
  const int wanted = std::min(asked.value_or(1), std::max(attempts, next));
  Recall fresh;
  fresh.attempt = wanted;
  if (!known) return fresh;

  switch (known->state) {
    case JobRecord::State::running:  // begun in an earlier life of rbit, which died
      fresh.attempt = std::max(next, wanted);
      fresh.crashes = known->crashes + 1;
      return fresh;
    case JobRecord::State::waiting:  // interrupted: the same attempt once more
    case JobRecord::State::moved:
      fresh.attempt = std::max(known->attempt, wanted);
      fresh.crashes = known->crashes;
      return fresh;
    case JobRecord::State::blocked:
    case JobRecord::State::done:
    case JobRecord::State::failed:
    case JobRecord::State::cancelled:
    case JobRecord::State::dead:
      break;
  }

  // It has a verdict. Who brought the message back from the dead since then wants another, even if
  // the broker calls it redelivered. Our own copies say which attempt they are; a message of
  // another producer is the old one only if the broker delivered it before, else somebody wants the
  // job done again.
  const bool since = replayed_at(message) > known->ended;
  const bool answered = asked ? *asked <= known->attempt : redelivered && !since;
  if (answered) {
    // Its copy, if it has one, was confirmed before the journal called it settled: not another.
    const bool gave_back = known->settlement.kind == Settlement::Kind::requeue;
    Recall again;
    again.answer = known->settled && !gave_back ? Settlement::accept() : known->settlement;
    return again;
  }
  // A job that waits for its next attempt is not over, whoever asks for it meanwhile.
  const bool is_over = known->state != JobRecord::State::blocked;
  if (!is_over) fresh.attempt = std::max(next, wanted);
  if (asked || !is_over) fresh.crashes = known->crashes;
  return fresh;
}

}  // namespace rbit
