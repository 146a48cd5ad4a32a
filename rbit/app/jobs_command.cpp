#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/journal_access.h"
#include "rbit/app/progress_json.h"
#include "rbit/base/text.h"
#include "rbit/base/time_text.h"
#include "rbit/core/progress_text.h"

namespace rbit {

namespace po = boost::program_options;

namespace {

constexpr std::size_t longest_name = 300;

std::string local_time(std::int64_t micros) {
  return micros == 0 ? "-" : time_text(micros / 1'000'000, "%Y-%m-%d %H:%M:%S", Zone::local);
}

/// "04:58:48", with the day if it is not today.
std::string time_of_day(std::int64_t micros) {
  const std::string then = local_time(micros),
                    now = local_time(std::int64_t{std::time(nullptr)} * 1'000'000);
  return then.substr(0, 10) == now.substr(0, 10) ? then.substr(11) : then;
}

/// On a terminal nothing of a message may move the cursor.
std::string cell(const nlohmann::json& job, const char* member, std::size_t limit = 60) {
  return text::one_line(job[member].get<std::string>(), limit);
}

/// When, how and what; without a number the key is the name, and stands there once. Names are
/// whole, to be pasted.
void print(const nlohmann::json& job) {
  std::cout << local_time(job["begun"].get<std::int64_t>()) << "  " << std::left << std::setw(10)
            << cell(job, "status") << " " << std::setw(12) << cell(job, "name", longest_name);
  if (job["package"] != "") std::cout << " " << cell(job, "package") << " " << cell(job, "version");
  std::cout << "  " << cell(job, "queue") << "  attempt " << job["attempt"].get<int>();
  if (job["job"] != "") std::cout << "  " << cell(job, "key", longest_name);
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
  const bool is_left = std::any_of(jobs.begin(), jobs.end(),
                                   [](const auto& job) { return job.contains("rbit_runs"); });
  if (is_left && values.count("json") == 0)
    std::cerr
        << "rbit: no rbit runs with this configuration; what is unfinished goes on when one is "
           "started\n";
  for (const auto& job : jobs) {
    if (values.count("json") != 0) {
      std::cout << job.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
      continue;
    }
    print(job);
    const std::string reason = cell(job, "reason");
    if (!reason.empty()) std::cout << "  " << reason;
    if (const auto progress = job.find("progress"); progress != job.end())
      std::cout << "  " << to_text(progress_from(*progress));
    if (const std::string said = cell(job, "said"); job["state"] == "running" && !said.empty())
      std::cout << "  " << said;
    if (const auto again = job["again"].get<std::int64_t>(); again > 0)
      std::cout << "  again at " << time_of_day(again);
    if (job.contains("rbit_runs")) std::cout << "  (no rbit runs)";
    std::cout << "\n";
  }
  return ExitCode::ok;
}

}  // namespace rbit
