#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "rbit/base/notice.h"

namespace rbit {

/// The parts of a state, each as JSON, by their names.
using StateParts = std::map<std::string, std::string>;

/// What viewers of the page hear: a state, whole for who comes, and then of each change the parts
/// that are others now. A change is written once for all of them, and held once: who reads too
/// slowly for one gets the whole next. On the loop's thread; viewers share it.
class EventStream {
 public:
  /// An event as it is sent (text/event-stream).
  using Text = std::shared_ptr<const std::string>;

  explicit EventStream(const asio::any_io_executor& loop) : news_(loop) {}

  /// A state. False: it is as it was, and nobody hears anything.
  bool publish(StateParts parts);
  /// No more will come.
  void end();

  int viewers() const { return viewers_; }
  bool has_state() const { return version_ > 0; }
  /// The last state, one object; "{}": none has come.
  std::string state() const;

 private:
  friend class EventViewer;
  Text whole();

  Notice news_;
  StateParts parts_;
  std::uint64_t version_ = 0;  // 0: no state has come
  Text whole_, change_;        // of this version; `whole_` is written when somebody wants it
  bool over_ = false;
  int viewers_ = 0;
};

/// One of them. Nothing waits for it.
class EventViewer {
 public:
  explicit EventViewer(std::shared_ptr<EventStream> stream) : stream_(std::move(stream)) {
    ++stream_->viewers_;
  }
  ~EventViewer() { --stream_->viewers_; }
  EventViewer(const EventViewer&) = delete;
  EventViewer& operator=(const EventViewer&) = delete;

  /// What it has not heard yet; null: nothing came within `limit`, or no more will come.
  Task<EventStream::Text> next(std::chrono::steady_clock::duration limit);
  bool is_over() const { return stream_->over_; }

 private:
  EventStream::Text news();

  std::shared_ptr<EventStream> stream_;
  std::uint64_t heard_ = 0;  // the version
};

}  // namespace rbit
