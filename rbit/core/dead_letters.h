#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/message.h"

namespace rbit {

/// The dead letters of some queues, wherever they lie. On a loop's thread.
class DeadLetters {
 public:
  /// One of them in hand. Left alone it stays where it was.
  class Letter {
   public:
    virtual ~Letter() = default;
    virtual const Message& message() const = 0;
    /// Puts `fresh` into its work queue and, once it is safe there, takes this one away. A crash in
    /// between leaves both. An Error: this one stays.
    virtual Task<Result<void>> replay(Message fresh) = 0;
    /// Takes it away.
    virtual Task<Result<void>> drop() = 0;
  };
  /// Returns false once it has seen enough.
  using Visit = std::function<Task<bool>(Letter&)>;

  virtual ~DeadLetters() = default;

  /// The work queues that have some, whether they are still read or not; where only the broker
  /// could tell, those that are read.
  virtual Result<std::vector<std::string>> queues() const = 0;
  /// Shows those that are there when it begins, the oldest first, one at a time: memory does not
  /// grow with their bodies. No such queue is none. `visit` lives until the task ends.
  virtual Task<Result<void>> walk(const std::string& queue, const Visit& visit) = 0;
};

}  // namespace rbit
