#include "rbit/dispatch/recall.h"

#include <algorithm>

namespace rbit {

namespace {

/// Microseconds since 1970; 0: nobody brought it back.
std::int64_t replayed_at(const Message& message) {
  const auto stamp = message.headers.find(replayed_header);
  if (stamp == message.headers.end()) return 0;
  const auto* time = std::get_if<std::int64_t>(&stamp->second);
  return time == nullptr ? 0 : *time;
}

}  // namespace

Recall recall(const Message& message, const std::optional<JobRecord>& known, bool redelivered) {
  const std::optional<int> asked = attempt_of(message);
  Recall fresh;
  fresh.attempt = asked.value_or(1);
  if (!known) return fresh;

  switch (known->state) {
    case JobRecord::State::running:  // begun in an earlier life of rbit, which died
      fresh.attempt = std::max(known->attempt, asked.value_or(1)) + 1;
      fresh.crashes = known->crashes + 1;
      return fresh;
    case JobRecord::State::waiting:  // interrupted: the same attempt once more
    case JobRecord::State::moved:
      fresh.attempt = std::max(known->attempt, asked.value_or(1));
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
  if (asked) fresh.crashes = known->crashes;
  return fresh;
}

}  // namespace rbit
