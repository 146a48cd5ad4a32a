#pragma once

#include <functional>
#include <utility>

#include "rbit/base/notice.h"

namespace rbit {

/// What is under way, so that an orderly stop can wait for the end of it. On the loop's thread.
class Flows {
 public:
  /// `on_end` is called whenever one has ended.
  Flows(const asio::any_io_executor& loop, std::function<void()> on_end)
      : on_end_(std::move(on_end)), ended_(loop) {}

  /// One of them, for as long as it lives.
  class Token {
   public:
    Token(Token&& other) noexcept : flows_(std::exchange(other.flows_, nullptr)) {}
    Token& operator=(Token&&) = delete;
    ~Token() {
      if (flows_ != nullptr) flows_->end_one();
    }

   private:
    friend class Flows;
    explicit Token(Flows& flows) : flows_(&flows) { ++flows.count_; }
    Flows* flows_;
  };
  Token enter() { return Token(*this); }
  int count() const { return count_; }
  /// Notified when one has ended.
  Notice& ended() { return ended_; }

 private:
  void end_one() {
    --count_;
    ended_.notify();
    on_end_();
  }

  std::function<void()> on_end_;
  int count_ = 0;
  Notice ended_;
};

}  // namespace rbit
