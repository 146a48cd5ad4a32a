#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/core/message_fact.h"

namespace rbit {

/// Which runner does a message, by the value of one of its parts ([route:NAME] of the
/// configuration). One name leads to one runner; an exact name counts before one that ends in *,
/// and of those the longest that fits.
class Route {
 public:
  Route(std::string name, MessageFact by) : name_(std::move(name)), by_(std::move(by)) {}

  const std::string& name() const { return name_; }
  const MessageFact& by() const { return by_; }

  /// `pattern`: a value, or what it begins with and *. False: it is there already.
  bool add(const std::string& pattern, const std::string& runner);

  /// Returns null if there is none.
  const std::string* runner_of(std::string_view value) const;
  /// Whether it has a name for the value, and not only * for the rest.
  bool names(std::string_view value) const;
  /// Each once, in the order of their names.
  std::vector<std::string> runners() const;

 private:
  using Names = std::map<std::string, std::string, std::less<>>;  // to the runner

  std::string name_;
  MessageFact by_;
  Names exact_, beginnings_;
};

/// Who does the messages of a queue: one runner, or the one that its route names.
struct QueueRunner {
  std::string runner;                  // empty: `route` says it
  std::shared_ptr<const Route> route;  // none: all are `runner`'s

  std::vector<std::string> all() const;
};

}  // namespace rbit
