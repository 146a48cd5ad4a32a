#include <boost/program_options/value_semantic.hpp>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/journal_access.h"
#include "rbit/base/text.h"

namespace rbit {

namespace po = boost::program_options;

namespace {

std::string local_time(std::int64_t micros) {
  if (micros == 0) return "-";
  const std::time_t seconds = micros / 1'000'000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

/// On a terminal nothing of a message may move the cursor (RELIABILITY.md 7, rule 6).
std::string cell(const nlohmann::json& job, const char* member) {
  return text::one_line(job[member].get<std::string>(), 60);
}

}  // namespace

ExitCode jobs_command(const Arguments& arguments) {
  CommandLine line;
  line.usage = "rbit jobs CONFIG [--limit N] [--json]";
  line.about = "Lists the jobs that run and the last that ran, the newest first.";
  line.positions = {"CONFIG"};
  line.options.add_options()                                                  //
      ("limit", po::value<int>()->default_value(20), "how many at the most")  //
      ("json", "one JSON object a line");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const nlohmann::json jobs = ask_for_jobs(configuration.settings(), values["limit"].as<int>());
  for (const auto& job : jobs) {
    if (values.count("json") != 0) {
      std::cout << job.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
      continue;
    }
    std::cout << local_time(job["begun"].get<std::int64_t>()) << "  " << std::left << std::setw(10)
              << cell(job, "status") << " " << std::setw(12) << cell(job, "job") << " "
              << cell(job, "package") << " " << cell(job, "version") << "  " << cell(job, "queue")
              << "  attempt " << job["attempt"].get<int>() << "  "
              << text::one_line(job["key"].get<std::string>(), 300);  // whole, to be pasted
    const std::string reason = cell(job, "reason");
    if (!reason.empty()) std::cout << "  " << reason;
    std::cout << "\n";
  }
  return ExitCode::ok;
}

}  // namespace rbit
