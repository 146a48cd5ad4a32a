#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "rbit/base/names.h"

namespace rbit {

/// What becomes of a message; every delivery gets exactly one.
struct Settlement {
  enum class Kind {
    accept,       // gone from its queue
    retry,        // comes back after `delay` as attempt `next_attempt`
    dead_letter,  // kept in rbit.dead.<queue>, with `reason`
    requeue,      // back in its queue at once, as it was; one of ours as attempt `next_attempt`
  };

  Kind kind = Kind::accept;
  std::chrono::milliseconds delay{0};
  int next_attempt = 1;  // of a dead letter: how many there were
  std::string
      reason;  // for the header x-rbit-reason: at most 200 characters, no control characters
  std::string detail{};  // for x-rbit-detail, the same: what exactly is wrong with the message

  static Settlement accept() { return {}; }
  static Settlement requeue(int attempt = 1) { return {Kind::requeue, {}, attempt, ""}; }
  static Settlement dead_letter(std::string reason, int attempts = 1) {
    return {Kind::dead_letter, {}, attempts, std::move(reason)};
  }
  static Settlement retry(std::chrono::milliseconds delay, int next_attempt, std::string reason) {
    return {Kind::retry, delay, next_attempt, std::move(reason)};
  }
};

inline constexpr Named<Settlement::Kind> settlement_names[] = {
    {Settlement::Kind::accept, "accept"},
    {Settlement::Kind::retry, "retry"},
    {Settlement::Kind::dead_letter, "dead-letter"},
    {Settlement::Kind::requeue, "requeue"}};

constexpr std::string_view to_string(Settlement::Kind kind) {
  return name_in(settlement_names, kind);
}

}  // namespace rbit
