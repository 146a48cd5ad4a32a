#include "rbit/core/settlement.h"

#include "rbit/base/names.h"

namespace rbit {

std::string_view to_string(Settlement::Kind kind) {
  using enum Settlement::Kind;
  static constexpr Named<Settlement::Kind> names[] = {
      {accept, "accept"}, {retry, "retry"}, {dead_letter, "dead-letter"}, {requeue, "requeue"}};
  return name_in(names, kind);
}

}  // namespace rbit
