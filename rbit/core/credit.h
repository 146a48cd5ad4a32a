#pragma once

namespace rbit {

/// How many more messages of a queue are welcome now.
struct Credit {
  /// As many as there are free slots.
  Credit(int free_slots = 0) : free(free_slots) {}  // NOLINT: a number of slots is a credit
  Credit(int free_slots, int ahead_of_slots, int most_out)
      : free(free_slots), ahead(ahead_of_slots), window(most_out) {}

  int free = 0;    // each begins at once
  int ahead = 0;   // these wait here for a slot
  int window = 0;  // when all slots are in use and all that may wait here do; 0: nobody knows

  int all() const { return free + ahead; }
  bool operator==(const Credit&) const = default;
};

}  // namespace rbit
