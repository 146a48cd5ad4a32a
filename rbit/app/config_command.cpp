#include <iostream>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"

namespace rbit {

ExitCode config_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit config CONFIG";
  line.about = "Prints every value in force and where it comes from; secrets as ***.";
  line.positions = {"CONFIG"};
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  std::cout << config::show(configuration.loaded);
  return ExitCode::ok;
}

}  // namespace rbit
