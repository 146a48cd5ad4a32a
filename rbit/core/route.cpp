#include "rbit/core/route.h"

#include <algorithm>
#include <set>

namespace rbit {

bool Route::add(const std::string& pattern, const std::string& runner) {
  if (!pattern.ends_with('*')) return exact_.emplace(pattern, runner).second;
  return beginnings_.emplace(pattern.substr(0, pattern.size() - 1), runner).second;
}

bool Route::names(std::string_view value) const {
  return exact_.contains(value) ||
         std::any_of(beginnings_.begin(), beginnings_.end(), [&](const auto& one) {
           return !one.first.empty() && value.starts_with(one.first);
         });
}

const std::string* Route::runner_of(std::string_view value) const {
  if (const auto found = exact_.find(value); found != exact_.end()) return &found->second;
  const Names::value_type* longest = nullptr;  // that the value begins with
  for (const auto& one : beginnings_)
    if (value.starts_with(one.first) && (!longest || one.first.size() > longest->first.size()))
      longest = &one;
  return longest != nullptr ? &longest->second : nullptr;
}

std::vector<std::string> Route::runners() const {
  std::set<std::string> names;
  for (const Names* all : {&exact_, &beginnings_})
    for (const auto& [pattern, runner] : *all) names.insert(runner);
  return {names.begin(), names.end()};
}

std::vector<std::string> QueueRunner::all() const {
  return route ? route->runners() : std::vector<std::string>{runner};
}

}  // namespace rbit
