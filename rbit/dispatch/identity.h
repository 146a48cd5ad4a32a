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
  std::string id;                  // what the message itself would be called by

  /// Names this message alone, also while its key is nobody's.
  std::string mark() const { return mark_of(id, digest); }
};

/// Whether equal messages without an id are one job, as PyBit's are, or each is one of its own.
enum class Equals { one_job, many_jobs };

/// The key of the job, and the id of the message's copies. An id is the producer's text, and so is
/// every header that our copies carry: a message belongs to a job if it came from the same queue
/// with the same bytes, as our copies do. Where its id stands for something else, its name is made
/// of the id and of what it is, and `delivery` is renamed. So it is where equal messages are many
/// jobs: one that comes for the first time while another is under way gets a name of its own, and
/// one that was delivered before is taken for one of them that has lost its message.
Identity identify(Delivery& delivery, const Ledger& ledger, const Journal& journal,
                  Equals equals = Equals::one_job);

}  // namespace rbit
