#pragma once

#include <optional>
#include <string>

#include "rbit/core/delivery.h"
#include "rbit/core/journal.h"
#include "rbit/dispatch/ledger.h"

namespace rbit {

/// Which job a message is of.
struct Identity {
  std::string key, digest;
  std::optional<JobRecord> known;  // what the journal has of the key; not read if it runs here

  /// Names this message alone, also while its key is nobody's.
  std::string mark() const { return key + '#' + digest; }
};

/// The key of the job, and the id of the message's copies. An id is the producer's text, and so is
/// every header that our copies carry: a message belongs to a job if it came from the same queue
/// with the same bytes, as our copies do. Where its id stands for something else, its name is made
/// of the id and of what it is, and `delivery` is renamed.
Identity identify(Delivery& delivery, const Ledger& ledger, const Journal& journal);

}  // namespace rbit
