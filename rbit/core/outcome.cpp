#include "rbit/core/outcome.h"

namespace rbit {

std::string_view to_string(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::done:
      return "done";
    case Outcome::Kind::failed:
      return "failed";
    case Outcome::Kind::blocked:
      return "blocked";
    case Outcome::Kind::cancelled:
      return "cancelled";
    case Outcome::Kind::crashed:
      return "crashed";
    case Outcome::Kind::timed_out:
      return "timed-out";
    case Outcome::Kind::not_started:
      return "not-started";
    case Outcome::Kind::interrupted:
      return "interrupted";
  }
  return "";
}

}  // namespace rbit
