#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rbit/core/dead_letters.h"
#include "rbit/core/journal.h"

namespace rbit {

/// The dead letters that the broker refused and that the journal keeps until it takes them.
class KeptDeadLetters : public DeadLetters {
 public:
  /// Publishes `again`, if there is one, into its queue as a new message, and then ends the one of
  /// this key. An Error: it stays.
  using End =
      std::function<Task<Result<void>>(const std::string& key, std::optional<Message> again)>;

  /// The journal outlives this.
  KeptDeadLetters(const Journal& journal, End end) : journal_(journal), end_(std::move(end)) {}

  Result<std::vector<std::string>> queues() const override;
  Task<Result<void>> walk(const std::string& queue, const Visit& visit) override;

 private:
  class Row;

  const Journal& journal_;
  End end_;
};

}  // namespace rbit
