#include "rbit/app/options.h"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <iostream>
#include <string_view>
#include <utility>

#include "rbit/base/result.h"
#include "rbit/base/text.h"

namespace rbit {

namespace po = boost::program_options;

namespace {

/// What stands for an argument that has no option's name.
constexpr std::pair<std::string_view, const char*> meanings[] = {
    {"CONFIG", ", the INI file"},
    {"JOB", ": a key or an unambiguous beginning of it, PyBit's number, or `last`"},
    {"RUNNER", ", the NAME of a section [runner:NAME]"},
    {"MESSAGE-FILE", ", the file with the message (- is standard input)"}};

std::string missing(const std::string& argument) {
  for (const auto& [name, meaning] : meanings)
    if (name == argument) return argument + " is missing" + meaning;
  return argument + " is missing";
}

/// What is wrong, and with what: the option that was meant, or what the one that is there is for.
std::string explained(const po::error& error, const po::options_description& options) {
  const std::string what = text::one_line(error.what(), 300);
  const auto* const about = dynamic_cast<const po::error_with_option_name*>(&error);
  if (about == nullptr) return what;
  const std::string name = about->get_option_name();
  std::vector<std::string> names{"--help"};
  for (const auto& option : options.options()) {
    names.push_back("--" + option->long_name());
    if (names.back() == name) return what + " (" + name + ": " + option->description() + ")";
  }
  const auto meant = text::did_you_mean(name, names);
  return what + (meant ? " (did you mean " + *meant + "?)" : "");
}

}  // namespace

void misuse(const std::string& usage, const std::string& what) {
  const std::string command = usage.substr(0, usage.find(" CONFIG"));
  throw Fatal(
      ExitCode::usage,
      std::vector{(command == "rbit [run]" ? "rbit" : command) + ": " + what, "usage: " + usage});
}

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
    misuse(command.usage, explained(error, command.options));
  }
  if (values.count("help") != 0) {
    std::cout << "usage: " << command.usage << "\n\n" << command.about << "\n" << visible;
    throw Fatal(ExitCode::ok, std::vector<std::string>{});
  }
  if (command.rest.empty() && values.count(rest) != 0) {
    const std::string first = values[rest].as<std::vector<std::string>>().front();
    misuse(command.usage, "'" + text::one_line(first, 80) + "' is one argument too many");
  }
  for (int i = 0; i < command.required; ++i) {
    const std::string& name = command.positions[static_cast<std::size_t>(i)];
    if (values.count(name) == 0) misuse(command.usage, missing(name));
  }
  return values;
}

}  // namespace rbit
