#include "rbit/core/settlement.h"

namespace rbit {

std::string_view to_string(Settlement::Kind kind) {
  switch (kind) {
    case Settlement::Kind::accept:
      return "accept";
    case Settlement::Kind::retry:
      return "retry";
    case Settlement::Kind::dead_letter:
      return "dead-letter";
    case Settlement::Kind::requeue:
      return "requeue";
  }
  return "";
}

}  // namespace rbit
