#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rbit/base/task.h"
#include "rbit/core/credit.h"
#include "rbit/core/delivery.h"

namespace rbit {

/// Where messages come from. On the loop's thread.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Begins to connect and goes on trying by itself for ever. `queues` are read;
  /// `deliver` is called for each message, on the loop. Nothing comes before `set_credit`.
  virtual void start(std::vector<std::string> queues, std::function<void(Delivery)> deliver) = 0;

  /// From now on this queue is read, too, or not any more. Deliveries of it that are out can still
  /// be settled. After `start`.
  virtual void add_queue(const std::string& queue) = 0;
  virtual void remove_queue(const std::string& queue) = 0;

  /// How many more messages of `queue` are welcome now. 0: none; what comes all the same is dropped
  /// by the receiver and so goes back. Called at every change.
  virtual void set_credit(const std::string& queue, Credit credit) = 0;

  /// A delivery for a message that was acknowledged early, in this life or an earlier one: nothing
  /// is left to be acknowledged, only copies may have to be made. Requeued, it goes to the end of
  /// its queue. Dropped, nothing happens. Works before `start`, too.
  virtual Delivery adopt(Message message) = 0;

  /// Whether a message that is welcome takes a while to come, so that it is better asked for before
  /// its slot is free.
  virtual bool is_far() const { return true; }

  /// Whether a message that stays out unacknowledged for long is taken back from us.
  virtual bool has_acknowledgement_timeout() const = 0;

  /// Takes no more. Deliveries that are out can still be settled.
  virtual void stop_taking() = 0;

  /// Ends when the connection is closed; deliveries still out are void and go back by themselves.
  virtual Task<void> close() = 0;
};

}  // namespace rbit
