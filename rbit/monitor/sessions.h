#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>

namespace rbit {

/// Browsers that have shown the token, each by a cookie that nobody can guess. In memory alone: a
/// restart forgets them.
class Sessions {
 public:
  struct Session {
    std::string name;  // what the cookie holds
    std::string form;  // what an act has to bring beside it, which the page knows and no other site
    std::chrono::steady_clock::time_point used;
  };
  static constexpr std::size_t most = 64;
  static constexpr std::chrono::hours lasts{12};  // after its last use

  /// The one that was unused for longest makes room.
  const Session& open();
  /// Null: there is none, or not any more.
  const Session* find(std::string_view name);
  void close(std::string_view name);

 private:
  std::list<Session> all_;  // the last used first
};

/// Takes the same time wherever the two differ.
bool same_secret(std::string_view given, std::string_view wanted);

}  // namespace rbit
