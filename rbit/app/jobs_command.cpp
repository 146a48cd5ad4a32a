#include <unistd.h>

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_list.h"
#include "rbit/app/job_table.h"
#include "rbit/app/journal_access.h"
#include "rbit/app/moment.h"
#include "rbit/app/table.h"
#include "rbit/app/terminal.h"
#include "rbit/base/clock.h"
#include "rbit/base/text.h"

namespace rbit {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

std::int64_t now() {
  return to_micros(SystemClock().wall());
}

std::vector<std::string> texts(const po::variables_map& values, const char* option) {
  return values.count(option) != 0 ? values[option].as<std::vector<std::string>>()
                                   : std::vector<std::string>();
}

/// "failed,due" names two. A status is as good as the state it comes of.
void add_states(const std::string& list, JobFilter& filter) {
  std::vector<std::string> names;
  for (const auto& [state, name] : job_state_names) names.emplace_back(name);
  names.emplace_back("due");
  for (const std::string& part : text::split(list, ',')) {
    std::string name = text::lower(text::trim(part));
    if (name == "building") name = "running";
    if (name == "due") {
      filter.due = true;
    } else if (const auto state = value_in(job_state_names, name)) {
      filter.states.push_back(*state);
    } else {
      const auto meant = text::did_you_mean(name, names);
      throw Fatal(ExitCode::usage,
                  Error{"--state", "'" + text::one_line(part, 80) + "' is no state",
                        (meant ? "did you mean " + *meant + "? " : std::string()) + "there are " +
                            text::join(names, ", ")});
    }
  }
}

/// A name that the file does not have is a slip: nothing would ever be listed.
void need_known(const char* option, const std::vector<std::string>& said,
                const std::vector<std::string>& known) {
  for (const std::string& one : said) {
    if (std::find(known.begin(), known.end(), one) != known.end()) continue;
    const auto meant = text::did_you_mean(one, known);
    std::cerr << "rbit: " << option << ": " << text::one_line(one, 255)
              << " is not in this configuration; what the journal has of it is listed"
              << (meant ? " (did you mean " + *meant + "?)" : "") << "\n";
  }
}

JobFilter filter_from(const po::variables_map& values, const config::Settings& settings) {
  JobFilter filter;
  const int limit = values["limit"].as<int>();
  if (limit < 0)
    throw Fatal(ExitCode::usage,
                Error{"--limit", "must not be negative",
                      "0 is " + std::to_string(most_listed) + ", the most there can be"});
  filter.limit = limit == 0 ? most_listed : std::min(limit, most_listed);
  for (const std::string& one : texts(values, "state")) add_states(one, filter);
  filter.queues = texts(values, "queue");
  filter.runners = texts(values, "runner");
  std::vector<std::string> runners;
  for (const auto& [name, runner] : settings.runners) runners.push_back(name);
  need_known("--queue", filter.queues, settings.queue_names());
  need_known("--runner", filter.runners, runners);
  if (values.count("since") == 0) return filter;
  const std::string since = values["since"].as<std::string>();
  const auto moment =
      parse_moment(since, now(), values.count("utc") != 0 ? Zone::utc : Zone::local);
  if (!moment)
    throw Fatal(ExitCode::usage,
                Error{"--since", "'" + text::one_line(since, 80) + "' is no time",
                      "write 90m, 2h, 1d, 03:12, 2026-11-29 or '2026-11-29 03:12:00'"});
  filter.since = *moment;
  return filter;
}

/// Its result as it is, as `explain` has it, not as a text of JSON.
json for_scripts(json job) {
  const json result = json::parse(job["result"].get<std::string>(), nullptr, false);
  job["result"] = result.is_discarded() ? json() : result;
  return job;
}

/// One command's work.
class Listing {
 public:
  Listing(const po::variables_map& values, const config::Settings& settings)
      : settings_(settings),
        filter_(filter_from(values, settings)),
        as_json_(values.count("json") != 0),
        on_terminal_(::isatty(STDOUT_FILENO) == 1) {
    style_.zone = values.count("utc") != 0 ? Zone::utc : Zone::local;
    style_.colours = wants_colours();
  }

  ExitCode once() {
    const json jobs = ask_for_jobs(settings_, filter_);
    if (!as_json_ && !has_rbit(settings_)) std::cerr << "rbit: " << nobody_runs << "\n";
    std::cout << text_of(jobs);
    return ExitCode::ok;
  }

  /// Until somebody ends it. The screen is written over, not cleared, so that it does not flicker.
  ExitCode watch() {
    if (as_json_ || !on_terminal_)
      throw Fatal(ExitCode::usage, Error{"--watch", "writes on a terminal, in place",
                                         "leave it out and ask again, or use rbit log -f"});
    std::cout << "\x1b[2J";
    for (json jobs;;) {
      std::string head = "rbit jobs, " + moment_text(now(), style_.zone);
      try {
        if (has_rbit(settings_) || jobs.is_null()) jobs = ask_for_jobs(settings_, filter_);
        if (!has_rbit(settings_)) head += ", " + std::string(nobody_runs);
      } catch (const Fatal& fatal) {  // one that starts or stops just now
        if (jobs.is_null() || fatal.code() != ExitCode::temporary) throw;
      }
      draw(head, text_of(jobs));
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }

 private:
  static constexpr const char* nobody_runs =
      "no rbit runs with this configuration; what is unfinished goes on when one is started";

  std::string text_of(const json& jobs) {
    if (on_terminal_ && !as_json_) {
      style_.width = terminal_width(STDOUT_FILENO);
      return jobs.empty() ? "no such job\n" : job_table(jobs, now(), style_);
    }
    std::string text;
    for (const json& job : jobs)
      text += as_json_ ? for_scripts(job).dump(-1, ' ', true, json::error_handler_t::replace) + "\n"
                       : job_line(job, now(), style_.zone);
    return text;
  }

  /// As much as the terminal has lines for.
  void draw(const std::string& head, const std::string& text) const {
    std::size_t left = terminal_height(STDOUT_FILENO) - 1;
    // A line that is too long for the terminal is cut by it, and takes no second one.
    std::string screen = "\x1b[?7l\x1b[H" + cut_to(head, style_.width) + "\x1b[K\n";
    for (const std::string& line : text::split(text, '\n'))
      if (!line.empty() && left-- > 1) screen += line + "\x1b[K\n";
    std::cout << screen << "\x1b[J\x1b[?7h" << std::flush;
  }

  const config::Settings& settings_;
  JobFilter filter_;
  bool as_json_, on_terminal_;
  TextStyle style_;
};

}  // namespace

ExitCode jobs_command(const Arguments& arguments) {
  CommandLine line;
  line.usage =
      "rbit jobs CONFIG [--state STATE] [--queue Q] [--runner R] [--since TIME] [--limit N]\n"
      "       [--watch | --json] [--utc]";
  line.about =
      "Lists the jobs that wait here or come again, that run, and the last that ran, the newest\n"
      "first. States: waiting, due, running, blocked, done, failed, cancelled, moved, dead.";
  line.positions = {"CONFIG"};
  const auto any_number = [] { return po::value<std::vector<std::string>>()->composing(); };
  line.options.add_options()                                                            //
      ("state", any_number(), "only those in it; several with commas, or given again")  //
      ("queue", any_number(), "only those of that queue; may be given again")           //
      ("runner", any_number(), "only those of that runner; may be given again")         //
      ("since", po::value<std::string>(),
       "only those of which something happened since: 90m, 03:12, "
       "2026-11-29")                                                                    //
      ("limit", po::value<int>()->default_value(20), "how many at the most; 0: 10000")  //
      ("watch", "on a terminal: show them again each second, in place")                 //
      ("json", "one JSON object a line")                                                //
      ("utc", "times in UTC instead of local time");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  Listing listing(values, configuration.settings());
  return values.count("watch") != 0 ? listing.watch() : listing.once();
}

}  // namespace rbit
