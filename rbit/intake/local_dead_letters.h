#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/core/dead_letters.h"

namespace rbit {

/// The dead letters of the embedded queue: rows of table `dead` of the journal's file.
class LocalDeadLetters : public DeadLetters {
 public:
  /// `queues` are those that have a runner: others get nothing back. `replayed` is called after
  /// each replay with its queue. Database and clock outlive this.
  LocalDeadLetters(Database& database, const Clock& clock, std::vector<std::string> queues,
                   std::function<void(const std::string& queue)> replayed = {});

  Result<std::vector<std::string>> queues() const override;
  Task<Result<void>> walk(const std::string& queue, const Visit& visit) override;

 private:
  class Row;

  Database& database_;
  const Clock& clock_;
  std::vector<std::string> queues_;
  std::function<void(const std::string&)> replayed_;
};

}  // namespace rbit
