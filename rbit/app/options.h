#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <vector>

namespace rbit {

/// The arguments of one command, as `main` hands them on: without the program and the command.
using Arguments = std::vector<std::string>;

/// What a command takes.
struct CommandLine {
  std::string usage;  // "rbit submit CONFIG --queue Q [OPTIONS] [FILE]"
  std::string about;  // a sentence or two for --help
  boost::program_options::options_description options;
  std::vector<std::string> positions;  // names of the arguments without a dash, in order
  std::string rest;                    // name of any number of arguments behind them; "": none
  int required = 1;                    // how many of them must be there
};

/// Ends a command whose line is wrong: `what`, and how it is written.
[[noreturn]] void misuse(const std::string& usage, const std::string& what);

/// Reads `arguments`. Throws Fatal{usage} with the cure for what does not fit; prints the help and
/// throws Fatal{ok} without lines for --help.
boost::program_options::variables_map parse(const CommandLine& command, const Arguments& arguments);

}  // namespace rbit
