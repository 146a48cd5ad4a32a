#include "rbit/app/job_filter.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rbit {

namespace {

using nlohmann::json;
using State = JobRecord::State;

template <class Value>
void read(const json& request, const char* name, Value& into) {
  try {
    const auto found = request.find(name);
    // One with a fraction, or beyond all bounds, is none of our numbers.
    if (found != request.end() && !found->is_number_float()) found->get_to(into);
  } catch (const json::exception&) {
    into = Value();
  }
}

}  // namespace

json to_json(const JobFilter& filter) {
  json made;
  made["limit"] = filter.limit;
  made["states"] = json::array();
  for (const State state : filter.states) made["states"].push_back(to_string(state));
  made["due"] = filter.due;
  made["queues"] = filter.queues;
  made["runners"] = filter.runners;
  made["since"] = filter.since;
  return made;
}

JobFilter job_filter_from(const json& request) {
  JobFilter filter;
  std::vector<std::string> states;
  read(request, "limit", filter.limit);
  filter.limit = std::clamp(filter.limit, 0, most_listed);
  read(request, "states", states);
  for (const std::string& name : states)
    if (const auto state = value_in(job_state_names, name)) filter.states.push_back(*state);
  read(request, "due", filter.due);
  read(request, "queues", filter.queues);
  read(request, "runners", filter.runners);
  read(request, "since", filter.since);
  return filter;
}

}  // namespace rbit
