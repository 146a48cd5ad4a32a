#include "rbit/app/find_runner.h"

#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/text.h"

namespace rbit {

void need_runner(const Configuration& configuration, const std::string& name) {
  const auto& runners = configuration.settings().runners;
  if (runners.contains(name)) return;
  std::vector<std::string> names;
  for (const auto& [known, settings] : runners) names.push_back(known);
  const auto meant = text::did_you_mean(name, names);
  throw Fatal(ExitCode::usage, Error{"[runner:" + name + "]", "is not in the configuration",
                                     meant ? "did you mean '" + *meant + "'?"
                                           : "it has " + text::join(names, ", ")});
}

}  // namespace rbit
