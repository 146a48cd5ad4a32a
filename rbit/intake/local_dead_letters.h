#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/intake/dead_letters.h"

namespace rbit {

/// The dead letters of the embedded queue: rows of table `dead` of the journal's file.
class LocalDeadLetters : public DeadLetters {
 public:
  /// `queues` are those that have a runner: others get nothing back. `replayed` is called after
  /// each replay with its queue. Database and clock outlive this.
  LocalDeadLetters(Database& database, const Clock& clock, std::vector<std::string> queues,
                   std::function<void(const std::string& queue)> replayed = {});

  Task<Result<void>> walk(const std::string& queue, const Visit& visit) override;

  /// The queues that have dead letters, whether they are still read or not.
  static Result<std::vector<std::string>> queues(Database& database);

 private:
  class Row;

  Database& database_;
  const Clock& clock_;
  std::vector<std::string> queues_;
  std::function<void(const std::string&)> replayed_;
};

}  // namespace rbit
