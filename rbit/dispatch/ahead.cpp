#include "rbit/dispatch/ahead.h"

#include <algorithm>
#include <set>
#include <utility>

#include "rbit/log/log.h"

namespace rbit {

Ahead::Ahead(const asio::any_io_executor& loop, Clock& clock, Ledger& ledger,
             std::function<void()> ended)
    : clock_(clock),
      ledger_(ledger),
      ended_(std::move(ended)),
      alarm_(loop, clock, [this] { look_for_the_late(); }) {}

void Ahead::add(const std::string& runner, Delivery delivery) {
  const std::string queue = delivery.message().queue;
  for (Line& line : lines_)  // of one channel all are void, or none
    if (line.queue == queue) drop_void(line);
  const SteadyTime now = clock_.steady();
  Line& line = line_of(queue, runner);
  line.messages.push_back(Waiting{std::move(delivery), now});
  ++line.share->count;
  ++count_;
  alarm_.set(now + patience);
}

Ahead::Line& Ahead::line_of(const std::string& queue, const std::string& runner) {
  const auto found = std::find_if(lines_.begin(), lines_.end(),
                                  [&](const Line& one) { return one.queue == queue; });
  if (found != lines_.end()) return *found;
  lines_.push_back(Line{queue, &runners_.at(runner), runner, {}});
  return lines_.back();
}

std::optional<Delivery> Ahead::next(const MayBegin& may_begin) {
  for (auto line = lines_.begin(); line != lines_.end();) {
    drop_void(*line);
    if (line->messages.empty()) {
      line = lines_.erase(line);
      continue;
    }
    if (!may_begin(line->runner)) {
      ++line;
      continue;
    }
    std::optional<Delivery> first(std::move(line->messages.front().delivery));
    leave(*line);
    Line its = std::move(*line);
    lines_.erase(line);
    if (!its.messages.empty()) lines_.push_back(std::move(its));
    return first;
  }
  return std::nullopt;
}

void Ahead::leave(Line& line) {
  touched_.insert(line.runner);
  line.messages.pop_front();
  --line.share->count;
  --count_;
}

/// Their connection is gone, so the broker has them again; and nobody has read them here.
void Ahead::drop_void(Line& line) {
  while (!line.messages.empty() && line.messages.front().delivery.is_void()) {
    ledger_.note_unread(line.messages.front().delivery);
    leave(line);
  }
}

void Ahead::give_back(const std::function<bool(const Line&)>& which) {
  for (auto line = lines_.begin(); line != lines_.end();) {
    if (!which(*line)) {
      ++line;
      continue;
    }
    Line its = std::move(*line);
    line = lines_.erase(line);
    while (!its.messages.empty()) {
      ledger_.note_unread(its.messages.front().delivery);
      leave(its);  // dropped
    }
  }
}

void Ahead::give_back_runner(const std::string& runner) {
  if (count(runner) > 0) give_back([&](const Line& line) { return line.runner == runner; });
}

bool Ahead::give_back_queue(const std::string& queue) {
  const int before = count_;
  if (before > 0) give_back([&](const Line& line) { return line.queue == queue; });
  return count_ < before;
}

void Ahead::give_back_all() {
  give_back([](const Line&) { return true; });
}

void Ahead::look_for_the_late() {
  const SteadyTime now = clock_.steady();
  std::set<std::string> late;  // runners
  for (Line& line : lines_) {
    drop_void(line);
    if (line.messages.empty()) continue;
    const SteadyTime due = line.messages.front().since + patience;
    due <= now ? static_cast<void>(late.insert(line.runner)) : alarm_.set(due);
  }
  if (late.empty()) return;
  for (const std::string& runner : late) {
    log::debug("a message waited here for a slot of [runner:" + runner +
               "]: nothing is taken ahead of them until its jobs are short again");
    runners_.at(runner).allowance.end();
    touched_.insert(runner);
  }
  ended_();
  for (const std::string& runner : late) give_back_runner(runner);
}

}  // namespace rbit
