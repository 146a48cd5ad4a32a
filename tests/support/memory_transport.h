#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rbit/core/transport.h"

namespace rbit::test {

/// A broker in memory: queues of messages, and a record of what became of each.
class MemoryTransport : public Transport {
 public:
  struct Settled {
    std::string body;
    Settlement settlement;
    std::map<std::string, HeaderValue> headers{};
    std::string id{}, queue{};  // id: its copy's
  };

  void start(std::vector<std::string> queues, std::function<void(Delivery)> deliver) override {
    queues_ = std::move(queues);
    deliver_ = std::move(deliver);
  }
  void add_queue(const std::string& queue) override { queues_.push_back(queue); }
  void remove_queue(const std::string& queue) override {
    std::erase(queues_, queue);
    credit_[queue] = 0;
  }
  const std::vector<std::string>& queues() const { return queues_; }
  void set_credit(const std::string& queue, Credit credit) override {
    credit_[queue] = credit.all();
    pump();
  }
  Delivery adopt(Message message) override {
    return Delivery(std::move(message), std::make_unique<Adopted>(*this));
  }
  bool has_acknowledgement_timeout() const override { return true; }
  void stop_taking() override { taking_ = false; }
  void go_on() {
    taking_ = true;
    pump();
  }
  Task<void> close() override { co_return; }

  void send(Message message) {
    waiting_.push_back(std::move(message));
    pump();
  }
  /// As a broker does when a connection is lost: what is out is void and comes again.
  void lose_connection() {
    ++epoch_;
    auto lost = std::move(out_);
    out_.clear();
    for (auto& message : lost) {
      message.redelivered = true;
      waiting_.push_back(std::move(message));
    }
    pump();
  }
  /// The next `count` settlements fail, as when a copy is refused.
  void refuse_settlements(int count) { refusals_ = count; }
  /// From now on retries and dead letters find no queue that takes them, or find it again.
  void refuse_copies(bool refuse) { refuses_copies_ = refuse; }
  /// From now on the broker is blocked and takes no copy, or takes them again.
  void block(bool block) { blocked_ = block; }
  /// The next `count` retries find none.
  void refuse_retries(int count) { retries_to_refuse_ = count; }
  /// From now on a job that is not at the broker cannot go back to its queue.
  void refuse_requeues(bool refuse) { refuses_requeues_ = refuse; }
  /// What is dropped is at the head of its queue again, as at a broker. Else it is only counted.
  void take_back() { takes_back_ = true; }
  /// Delivers whatever the credit says, as a message that raced.
  void push(Message message) {
    out_.push_back(message);
    deliver_(Delivery(std::move(message), std::make_unique<Token>(*this)));
  }

  std::vector<Settled> settled;
  std::vector<std::string> acknowledged;  // early, by body
  int given_back = 0;
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t out() const { return out_.size(); }
  int credit(const std::string& queue) const {
    const auto found = credit_.find(queue);
    return found == credit_.end() ? 0 : found->second;
  }

 private:
  class Adopted : public Settler {
   public:
    explicit Adopted(MemoryTransport& transport) : transport_(transport) {}
    Task<Result<void>> settle(const Message& message, const Settlement& settlement) override {
      const bool goes_back = settlement.kind == Settlement::Kind::requeue;
      refusal_ = transport_.refusal(settlement);
      if (goes_back && transport_.refuses_requeues_) refusal_ = CopyRefusal::lasting;
      if (refusal_ != CopyRefusal::none) co_return Error{"queue of copies", "no such queue", ""};
      if (transport_.refusals_ > 0) {
        --transport_.refusals_;
        co_return Error{"delivery", "refused", ""};
      }
      transport_.settled.push_back(
          {message.body, settlement, message.headers, key_of(message), message.queue});
      co_return Result<void>();
    }
    Task<Result<void>> acknowledge(const Message&) override { co_return Result<void>(); }
    CopyRefusal refusal() const override { return refusal_; }
    void requeue() override {}

   private:
    MemoryTransport& transport_;
    CopyRefusal refusal_ = CopyRefusal::none;
  };
  class Token : public Settler {
   public:
    explicit Token(MemoryTransport& transport)
        : transport_(transport), epoch_(transport.epoch_), body_(transport.out_.back().body) {}
    Task<Result<void>> settle(const Message& message, const Settlement& settlement) override {
      if (is_void()) co_return Error{"delivery", "its connection is gone", ""};
      refusal_ = transport_.refusal(settlement);
      if (refusal_ != CopyRefusal::none) co_return Error{"queue of copies", "no such queue", ""};
      if (transport_.refusals_ > 0) {
        --transport_.refusals_;
        co_return Error{"delivery", "refused", ""};
      }
      transport_.forget(message.body);
      transport_.settled.push_back(
          {message.body, settlement, message.headers, key_of(message), message.queue});
      if (settlement.kind == Settlement::Kind::requeue) ++transport_.given_back;
      co_return Result<void>();
    }
    Task<Result<void>> acknowledge(const Message& message) override {
      const bool lost = is_void();
      owned_ = true;
      if (lost) co_return Error{"delivery", "its connection is gone", ""};
      transport_.forget(message.body);
      transport_.acknowledged.push_back(message.body);
      co_return Result<void>();
    }
    CopyRefusal refusal() const override { return refusal_; }
    bool is_void() const override { return !owned_ && epoch_ != transport_.epoch_; }
    void requeue() override {
      if (!owned_ && !is_void()) transport_.came_back(body_);
    }

   private:
    MemoryTransport& transport_;
    int epoch_;
    Body body_;
    bool owned_ = false;
    CopyRefusal refusal_ = CopyRefusal::none;
  };

  CopyRefusal refusal(const Settlement& settlement) {
    const bool retry = settlement.kind == Settlement::Kind::retry;
    if (!retry && settlement.kind != Settlement::Kind::dead_letter) return CopyRefusal::none;
    if (blocked_) return CopyRefusal::for_now;
    if (retry && retries_to_refuse_ > 0) {
      --retries_to_refuse_;
      return CopyRefusal::lasting;
    }
    return refuses_copies_ ? CopyRefusal::lasting : CopyRefusal::none;
  }
  void forget(const std::string& body) {
    const auto at = std::find_if(out_.begin(), out_.end(),
                                 [&](const Message& message) { return message.body == body; });
    if (at != out_.end()) out_.erase(at);
  }
  void came_back(const Body& body) {
    ++given_back;
    const auto at = std::find_if(out_.begin(), out_.end(),
                                 [&](const Message& message) { return message.body == body; });
    if (!takes_back_ || at == out_.end()) return;
    Message message = std::move(*at);
    out_.erase(at);
    message.redelivered = true;
    const auto behind = std::find_if(waiting_.begin(), waiting_.end(),
                                     [](const Message& one) { return !one.redelivered; });
    waiting_.insert(behind, std::move(message));
  }
  void pump() {
    if (pumping_) return;  // a delivery may be answered while it is being made
    pumping_ = true;
    while (auto message = next()) push(std::move(*message));
    pumping_ = false;
  }
  std::optional<Message> next() {
    for (auto at = waiting_.begin(); at != waiting_.end() && taking_; ++at) {
      int& credit = credit_[at->queue];
      if (credit <= 0) continue;
      --credit;
      Message message = std::move(*at);
      waiting_.erase(at);
      return message;
    }
    return std::nullopt;
  }

  std::vector<std::string> queues_;
  std::function<void(Delivery)> deliver_;
  std::map<std::string, int> credit_;
  std::deque<Message> waiting_;
  std::vector<Message> out_;
  bool taking_ = true;
  bool takes_back_ = false;
  bool pumping_ = false;
  int refusals_ = 0;
  bool refuses_copies_ = false;
  bool blocked_ = false;
  bool refuses_requeues_ = false;
  int retries_to_refuse_ = 0;
  int epoch_ = 0;
};

}  // namespace rbit::test
