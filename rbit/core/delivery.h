#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/message.h"
#include "rbit/core/settlement.h"

namespace rbit {

/// Why a copy that a settlement wanted was not taken, while the broker is there.
enum class CopyRefusal {
  none,     // it was taken, or the broker is not there
  for_now,  // the broker is blocked: it takes nothing from anybody, perhaps for hours
  lasting,  // the queue it goes to does not take it
};

/// The means to settle one delivery; made by the transport that delivered it.
class Settler {
 public:
  virtual ~Settler() = default;
  /// Does it, and ends when it is done as far as this side can know: a copy is confirmed before the
  /// original is acknowledged. An Error: it was not settled; unless `is_void`, try again later.
  /// Where a copy is wanted `message` bears its key as id, as that shall.
  virtual Task<Result<void>> settle(const Message& message, const Settlement& settlement) = 0;
  /// Early acknowledgement (rbit/doc/order.rst, ack-after): whoever calls this has put on record
  /// that the message is ours, whatever comes of it. The broker is told so, and the task ends when
  /// it has processed that. An Error: it may not have heard, and may deliver the message again.
  /// Either way `settle` is from now on about copies alone, and is never void.
  virtual Task<Result<void>> acknowledge(const Message& message) = 0;
  /// After a `settle` in vain: whether the copy it wanted was refused.
  virtual CopyRefusal refusal() const { return CopyRefusal::none; }
  /// True once nothing can be settled any more: the connection it came on is gone, the broker has
  /// the message and will deliver it again.
  virtual bool is_void() const { return false; }
  /// Gives the message back to its queue without waiting; called when a Delivery is dropped. One
  /// that was acknowledged is on record with us, and nothing happens.
  virtual void requeue() = 0;
};

/// A message and the duty to settle it, once. Dropped, it goes back to its queue.
class Delivery {
 public:
  Delivery(Message message, std::unique_ptr<Settler> settler)
      : message_(std::move(message)),
        digest_(digest_of(message_)),
        key_(key_of(message_, digest_)),
        settler_(std::move(settler)) {}
  Delivery(Delivery&&) noexcept = default;
  Delivery& operator=(Delivery&& other) noexcept {
    if (this != &other) {
      drop();
      message_ = std::move(other.message_);
      digest_ = std::move(other.digest_);
      key_ = std::move(other.key_);
      settler_ = std::move(other.settler_);
    }
    return *this;
  }
  ~Delivery() { drop(); }

  const Message& message() const { return message_; }
  /// As `key_of` and `digest_of` say of the message.
  const std::string& key() const { return key_; }
  const std::string& digest() const { return digest_; }
  /// Gives it the key that its copies will carry as id, where its own is somebody else's too.
  void rename(std::string key) {
    message_.message_id = key;
    key_ = std::move(key);
  }
  /// Notes something on it that its copies shall carry.
  void mark(const std::string& header, HeaderValue value) {
    message_.headers[header] = std::move(value);
  }
  bool is_void() const { return !settler_ || settler_->is_void(); }
  CopyRefusal refusal() const { return settler_ ? settler_->refusal() : CopyRefusal::none; }

  /// The duty is done when this succeeds. REQUIRES: not settled yet; this and `settlement` stay
  /// where they are until the task ends.
  Task<Result<void>> settle(const Settlement& settlement) {
    std::optional<Message> named;  // only where a copy is made
    if (settlement.kind != Settlement::Kind::accept) named.emplace(message_).message_id = key_;
    const Message& message = named ? *named : message_;
    auto result = co_await settler_->settle(message, settlement);
    if (result) settler_.reset();
    co_return result;
  }

  /// REQUIRES: it is on record that we own the message. As `Settler::acknowledge`.
  Task<Result<void>> acknowledge() { return settler_->acknowledge(message_); }

 private:
  void drop() {
    if (settler_) settler_->requeue();
    settler_.reset();
  }

  Message message_;
  std::string digest_, key_;
  std::unique_ptr<Settler> settler_;
};

}  // namespace rbit
