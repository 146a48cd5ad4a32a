#include "rbit/core/journal.h"

namespace rbit {

std::string_view to_string(JobRecord::State state) {
  switch (state) {
    case JobRecord::State::waiting:
      return "waiting";
    case JobRecord::State::running:
      return "running";
    case JobRecord::State::blocked:
      return "blocked";
    case JobRecord::State::done:
      return "done";
    case JobRecord::State::failed:
      return "failed";
    case JobRecord::State::cancelled:
      return "cancelled";
    case JobRecord::State::moved:
      return "moved";
    case JobRecord::State::dead:
      return "dead";
  }
  return "";
}

bool is_unfinished(JobRecord::State state) {
  return state == JobRecord::State::running || state == JobRecord::State::waiting;
}

}  // namespace rbit
