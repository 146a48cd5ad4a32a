#include "rbit/base/aside.h"

#include <chrono>
#include <optional>
#include <string>

#include "rbit/base/complaint.h"
#include "rbit/base/shortage.h"

namespace rbit {

void say_no_thread(const std::exception& failed) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::minutes pause{1};
  static std::optional<Clock::time_point> said;  // the loop's
  if (said && Clock::now() - *said < pause) return;
  said = Clock::now();
  complain(std::string("no thread is to be had, what needs one holds the rest up meanwhile: ") +
               failed.what() + " (" + cure_of_shortage(EAGAIN) + ")",
           Complaint::goes_on);
}

}  // namespace rbit
