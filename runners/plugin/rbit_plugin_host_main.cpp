// rbit-plugin-host: runs the jobs of one plugin, in a process of its own (rbit-plugin(7)).

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/exit_code.h"
#include "rbit/base/json.h"
#include "rbit/base/standard_descriptors.h"
#include "rbit/base/text.h"
#include "rbit/core/task_message.h"
#include "runners/plugin/host/cancel_flag.h"
#include "runners/plugin/host/event_channel.h"
#include "runners/plugin/host/host.h"
#include "runners/plugin/host/job_input.h"
#include "runners/plugin/host/library.h"

#if defined(__SANITIZE_ADDRESS__)
// A plugin that crashes ends the host by its signal, in a sanitized build too.
extern "C" const char* __asan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0";
}
#endif

namespace {

using namespace rbit;

constexpr int kEventsFd = 3;
constexpr int kRefused = 1;

struct Options {
  bool once = false;
  std::string message;  // --message, for --once: the kind of what is read
  long trusted_uid = -1;
  plugin_host::Settings settings;  // --set, for --once
  std::string library, name;
};

void usage(std::ostream& out) {
  out << "usage: rbit-plugin-host LIBRARY NAME             jobs on standard input, events on 3\n"
         "       rbit-plugin-host --once [--set KEY=VALUE]... LIBRARY NAME < JOB.json\n"
         "       rbit-plugin-host --once --message json|raw [--set KEY=VALUE]... LIBRARY NAME < "
         "BODY\n"
         "See rbit-plugin(7) and rbit-runner(7).\n";
}

std::optional<Options> parse(const std::vector<std::string>& arguments) {
  Options options;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    constexpr std::string_view trust = "--trust-uid=";
    if (argument == "--once") {
      options.once = true;
    } else if (argument == "--set" && i + 1 < arguments.size()) {
      const std::string& setting = arguments[++i];
      const std::size_t equals = setting.find('=');
      if (equals == std::string::npos) return std::nullopt;
      options.settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
    } else if (argument == "--message" && i + 1 < arguments.size()) {
      options.message = arguments[++i];
      if (!text::is_one_of(options.message, {"pybit", "json", "raw", "task"})) return std::nullopt;
    } else if (argument.starts_with(trust)) {
      const char* end = argument.data() + argument.size();
      const auto read = std::from_chars(argument.data() + trust.size(), end, options.trusted_uid);
      if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    } else if (argument.starts_with("--")) {
      return std::nullopt;
    } else {
      words.push_back(argument);
    }
  }
  const bool is_of_once = !options.settings.empty() || !options.message.empty();
  if (words.size() != 2 || (is_of_once && !options.once)) return std::nullopt;
  options.library = words[0];
  options.name = words[1];
  return options;
}

int run_once(const Options& options, plugin_host::Host& host, plugin_host::JobInput& input) {
  using plugin_host::JobData;
  std::string text = input.rest();
  const bool is_task = options.message == "task";
  if (options.message == "json" || is_task) {
    const auto parsed = json::parse(text);
    const auto task = parsed && is_task ? task_of(*parsed) : Error{"", "no JSON"};
    if (!parsed || (is_task && !task)) {
      std::cerr << "rbit-plugin-host: standard input: "
                << (parsed ? task.error() : parsed.error()).reason << "\n";
      return static_cast<int>(ExitCode::usage);
    }
  }
  const bool is_any = options.message != "pybit" && !options.message.empty();
  Result<JobData> job = is_any ? plugin_host::job_of_message(options.message, std::move(text))
                               : plugin_host::parse_job_or_request(text);
  if (!job) {
    std::cerr << "rbit-plugin-host: " << job.error().text() << "\n";
    return static_cast<int>(ExitCode::usage);
  }
  for (const auto& [key, value] : options.settings) {
    std::erase_if(job->settings, [&](const auto& setting) { return setting.first == key; });
    job->settings.emplace_back(key, value);
  }
  std::sort(job->settings.begin(), job->settings.end());
  switch (host.run(*job)) {
    case RBIT_DONE:
      return static_cast<int>(ExitCode::ok);
    case RBIT_BLOCKED:
      return static_cast<int>(ExitCode::temporary);
    default:
      return static_cast<int>(ExitCode::failed);
  }
}

int run(const Options& options) {
  // Before anything is opened, for it would get number 3.
  const bool has_events = ::fcntl(kEventsFd, F_SETFD, FD_CLOEXEC) == 0;
  if (!has_events && !options.once) {
    std::cerr << "rbit-plugin-host: descriptor 3 is not open (--once needs none)\n";
    return static_cast<int>(ExitCode::usage);
  }
  // Events take the place of standard output, the job's own output goes to standard error.
  if (!has_events && (::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kEventsFd) != kEventsFd ||
                      ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)) {
    std::cerr << "rbit-plugin-host: standard output cannot be taken for events\n";
    return static_cast<int>(ExitCode::usage);
  }
  // By a number that no open() gets when a plugin has closed 3.
  plugin_host::EventChannel events(::fcntl(kEventsFd, F_DUPFD_CLOEXEC, 10), options.once);
  plugin_host::JobInput input;
  plugin_host::cancel_flag::install();
  // Lines of a job that is at work for hours are seen when they are written, not 4 KiB later.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);

  const Result<plugin_host::Loaded> loaded =
      plugin_host::load_runner(options.library, options.name, options.trusted_uid);
  if (!loaded) {
    const Error& error = loaded.error();
    events.refused(Error{error.thing, error.reason, ""}.text(), error.cure);
    return options.once ? static_cast<int>(ExitCode::config) : kRefused;
  }
  plugin_host::Host host(*loaded->runner, events, loaded->file);
  if (options.once) {
    const int code = run_once(options, host, input);
    host.close();
    return code;
  }
  events.ready();
  host.serve(input);
  host.close();
  return static_cast<int>(ExitCode::ok);
}

}  // namespace

int main(int argc, char** argv) {
  need_standard_descriptors();
  int code = static_cast<int>(ExitCode::internal);
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "--help") {
      usage(std::cout);
      return 0;
    }
    const std::optional<Options> options = parse(arguments);
    if (!options) {
      usage(std::cerr);
      return static_cast<int>(ExitCode::usage);
    }
    code = run(*options);
  } catch (const std::exception& error) {
    std::cerr << "rbit-plugin-host: " << error.what() << "\n";
  }
  std::cout.flush();
  std::fflush(nullptr);
  // Neither destructors of the plugin nor threads it left behind can hold up the end.
  ::_exit(code);
}
