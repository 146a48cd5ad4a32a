#include "rbit/dispatch/ledger.h"

#include <utility>

namespace rbit {

std::string mark_of(const std::string& id, const std::string& digest) {
  return id + '#' + digest;
}

namespace {
constexpr std::size_t most_unread = 10'000;  // they are hints, and must not grow for ever
}

Ledger::Place Ledger::place_of(const std::string& key) const {
  if (running_.contains(key)) return Place::running;
  if (settling_.contains(key)) return Place::settling;
  return backlog_.holds(key) ? Place::waiting : Place::nowhere;
}

RunningJob* Ledger::running(const std::string& key) const {
  const auto found = running_.find(key);
  return found == running_.end() ? nullptr : found->second.get();
}

Ledger::Claim Ledger::run(Job job) {
  std::string key = job.key;
  auto& place = running_[key];
  place = std::make_unique<RunningJob>(loop_, std::move(job));
  return Claim(*this, std::move(key), place.get());
}

Ledger::Claim Ledger::settle(std::string key) {
  settling_.insert(key);
  return Claim(*this, std::move(key), nullptr);
}

Ledger::Claim::~Claim() {
  job_ != nullptr ? ledger_.running_.erase(key_) : ledger_.settling_.erase(key_);
  ledger_.changed_.notify();
}

Task<Ledger::ReadingTurn> Ledger::reading_turn() {
  while (is_reading_) co_await read_.wait();
  is_reading_ = true;
  co_return ReadingTurn(this);
}

void Ledger::note_unread(std::string mark) {
  if (unread_.size() >= most_unread) unread_.clear();
  unread_.insert(std::move(mark));
}

void Ledger::note_unread(const Delivery& delivery) {
  if (!delivery.message().redelivered) note_unread(mark_of(delivery.key(), delivery.digest()));
}

}  // namespace rbit
