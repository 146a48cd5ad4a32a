#include "rbit/monitor/event_stream.h"

#include <utility>

#include "rbit/base/json_text.h"

namespace rbit {

namespace {

std::string object_of(const StateParts& parts) {
  std::string text;
  {
    json::ObjectText object(text);
    for (const auto& [name, value] : parts) object.member(name) += value;
  }
  return text;
}

/// REQUIRES: JSON in one line, as it is written here.
EventStream::Text event(const char* name, const StateParts& parts) {
  return std::make_shared<const std::string>("event: " + std::string(name) +
                                             "\ndata: " + object_of(parts) + "\n\n");
}

}  // namespace

bool EventStream::publish(StateParts parts) {
  StateParts changed;
  for (const auto& [name, value] : parts) {
    const auto before = parts_.find(name);
    if (before == parts_.end() || before->second != value) changed.emplace(name, value);
  }
  if (changed.empty() && has_state()) return false;
  parts_ = std::move(parts);
  ++version_;
  whole_.reset();
  change_ = event("change", changed);
  news_.notify();
  return true;
}

void EventStream::end() {
  over_ = true;
  news_.notify();
}

std::string EventStream::state() const {
  return object_of(parts_);
}

EventStream::Text EventStream::whole() {
  if (!whole_) whole_ = event("state", parts_);
  return whole_;
}

EventStream::Text EventViewer::news() {
  if (stream_->over_ || heard_ == stream_->version_) return nullptr;
  const bool is_next = heard_ > 0 && heard_ + 1 == stream_->version_;
  heard_ = stream_->version_;
  return is_next ? stream_->change_ : stream_->whole();
}

Task<EventStream::Text> EventViewer::next(std::chrono::steady_clock::duration limit) {
  EventStream::Text text = news();
  if (!text && !is_over()) {
    co_await stream_->news_.wait_for(limit);
    text = news();
  }
  co_return text;
}

}  // namespace rbit
