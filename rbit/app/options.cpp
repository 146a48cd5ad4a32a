#include "rbit/app/options.h"

#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <iostream>

#include "rbit/base/result.h"
#include "rbit/base/text.h"

namespace rbit {

namespace po = boost::program_options;

po::variables_map parse(const CommandLine& command, const Arguments& arguments) {
  po::options_description visible;
  visible.add(command.options);
  visible.add_options()("help,h", "print this and end");
  po::options_description all;
  all.add(visible);
  po::positional_options_description positions;
  for (const auto& name : command.positions) {
    all.add_options()(name.c_str(), po::value<std::string>());
    positions.add(name.c_str(), 1);
  }

  const std::string rest = command.rest.empty() ? "(too many)" : command.rest;
  all.add_options()(rest.c_str(), po::value<std::vector<std::string>>());
  positions.add(rest.c_str(), -1);

  po::variables_map values;
  try {
    po::store(
        po::command_line_parser(arguments)
            .options(all)
            .positional(positions)
            .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
            .run(),
        values);
    if (values.count("help") == 0) po::notify(values);  // asks for what is required
  } catch (const po::error& error) {
    throw Fatal(ExitCode::usage,
                std::vector{std::string("rbit: ") + error.what(), "usage: " + command.usage});
  }
  if (values.count("help") != 0) {
    std::cout << "usage: " << command.usage << "\n\n" << command.about << "\n" << visible;
    throw Fatal(ExitCode::ok, std::vector<std::string>{});
  }
  if (command.rest.empty() && values.count(rest) != 0) {
    const std::string first = values[rest].as<std::vector<std::string>>().front();
    throw Fatal(ExitCode::usage,
                std::vector{"rbit: '" + text::one_line(first, 80) + "' is one argument too many",
                            "usage: " + command.usage});
  }
  for (int i = 0; i < command.required; ++i) {
    if (values.count(command.positions[static_cast<std::size_t>(i)]) == 0)
      throw Fatal(ExitCode::usage, std::vector{std::string("rbit: an argument is missing"),
                                               "usage: " + command.usage});
  }
  return values;
}

}  // namespace rbit
