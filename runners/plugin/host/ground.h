#pragma once

#include <signal.h>
#include <sys/time.h>

#include <array>
#include <string>
#include <vector>

namespace rbit::plugin_host {

/// What a job finds in this process and has to leave as it was, as far as only the process itself
/// sees it; rbit looks at the rest from outside. Reads, and changes nothing.
class Ground {
 public:
  /// How it is now. Variables of these names are the host's own to change.
  explicit Ground(std::vector<std::string> own_variables);
  /// What is otherwise by now: "changed its environment".
  std::vector<std::string> changes() const;

 private:
  struct View {
    std::vector<std::string> environment;            // sorted
    std::array<struct sigaction, _NSIG> handlers{};  // by signal
    sigset_t blocked{};
    std::array<itimerval, 3> timers{};
    std::array<int, 8> flags{};  // of descriptors 0 to 3: of the open file, of the descriptor
    std::array<int, 6> marks{};  // of the process: see look()
    std::string locale;
  };
  View look() const;

  std::vector<std::string> own_variables_;
  View before_;
};

}  // namespace rbit::plugin_host
