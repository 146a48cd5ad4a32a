#include "rbit/core/outcome.h"

#include "rbit/base/names.h"

namespace rbit {

std::string_view to_string(Outcome::Kind kind) {
  using enum Outcome::Kind;
  static constexpr Named<Outcome::Kind> names[] = {{done, "done"},
                                                   {failed, "failed"},
                                                   {blocked, "blocked"},
                                                   {cancelled, "cancelled"},
                                                   {crashed, "crashed"},
                                                   {timed_out, "timed-out"},
                                                   {not_started, "not-started"},
                                                   {interrupted, "interrupted"}};
  return name_in(names, kind);
}

}  // namespace rbit
