#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "rbit/base/failpoint.h"

// RBIT_FAIL=POINT:ACTION[=MS][@N], several with commas between: at the Nth time (1) the point is
// passed do the action.
//   abort      SIGKILL to itself: nothing is flushed, nobody is told
//   stop       SIGSTOP to itself, until somebody sends SIGCONT
//   delay=MS   the loop stands still so long; at every time from the Nth on
// RBIT_FAIL_LOG=FILE gets a line `POINT ACTION MONOTONIC-MICROSECONDS` before the action is done: a
// test that waits for a point that is never passed must not take that for a survival.
namespace rbit {

namespace {

enum class Action { abort, stop, delay };

struct Failure {
  std::string point;
  Action action = Action::abort;
  int nth = 1;
  int milliseconds = 0;
  std::atomic<int> passed{0};
};

/// A wrong RBIT_FAIL would be a test that tests nothing.
[[noreturn]] void refuse(std::string_view text) {
  std::fprintf(stderr, "rbit-faulty: RBIT_FAIL: not POINT:ACTION[=MS][@N]: %.*s\n",
               static_cast<int>(text.size()), text.data());
  std::_Exit(2);
}

void parse(std::string_view text, Failure& failure) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) refuse(text);
  failure.point = text.substr(0, colon);
  std::string action(text.substr(colon + 1));
  if (const std::size_t at = action.find('@'); at != std::string::npos) {
    failure.nth = std::atoi(action.c_str() + at + 1);
    action.resize(at);
  }
  if (const std::size_t equals = action.find('='); equals != std::string::npos) {
    failure.milliseconds = std::atoi(action.c_str() + equals + 1);
    action.resize(equals);
  }
  if (action == "abort")
    failure.action = Action::abort;
  else if (action == "stop")
    failure.action = Action::stop;
  else if (action == "delay" && failure.milliseconds > 0)
    failure.action = Action::delay;
  else
    refuse(text);
  if (failure.nth < 1) refuse(text);
}

std::vector<Failure> read_environment() {
  const char* variable = std::getenv("RBIT_FAIL");
  std::string_view text = variable == nullptr ? "" : variable;
  std::size_t count = 0;
  for (const char letter : text) count += letter == ',';
  std::vector<Failure> failures(text.empty() ? 0 : count + 1);
  for (Failure& failure : failures) {
    const std::size_t comma = text.find(',');
    parse(text.substr(0, comma), failure);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return failures;
}

void note(const char* point, const char* action) {
  const char* path = std::getenv("RBIT_FAIL_LOG");
  if (path == nullptr) return;
  std::FILE* file = std::fopen(path, "ae");
  if (file == nullptr) return;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  std::fprintf(
      file, "%s %s %lld\n", point, action,
      static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
  std::fclose(file);
}

void act(const Failure& failure) {
  switch (failure.action) {
    case Action::abort:
      note(failure.point.c_str(), "abort");
      ::kill(::getpid(), SIGKILL);
      for (;;) ::pause();  // it comes
    case Action::stop:
      note(failure.point.c_str(), "stop");
      ::kill(::getpid(), SIGSTOP);
      break;
    case Action::delay:
      note(failure.point.c_str(), "delay");
      std::this_thread::sleep_for(std::chrono::milliseconds(failure.milliseconds));
      break;
  }
}

}  // namespace

void failpoint(const char* name) {
  static std::vector<Failure> failures = read_environment();
  for (Failure& failure : failures) {
    if (failure.point != name) continue;
    const int passed = ++failure.passed;
    if (passed == failure.nth || (failure.action == Action::delay && passed > failure.nth))
      act(failure);
  }
}

}  // namespace rbit
