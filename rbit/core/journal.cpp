#include "rbit/core/journal.h"

#include "rbit/base/names.h"

namespace rbit {

std::string_view to_string(JobRecord::State state) {
  using enum JobRecord::State;
  static constexpr Named<JobRecord::State> names[] = {
      {waiting, "waiting"}, {running, "running"},     {blocked, "blocked"}, {done, "done"},
      {failed, "failed"},   {cancelled, "cancelled"}, {moved, "moved"},     {dead, "dead"}};
  return name_in(names, state);
}

bool is_unfinished(JobRecord::State state) {
  return state == JobRecord::State::running || state == JobRecord::State::waiting;
}

}  // namespace rbit
