#include "rbit/app/submit_request.h"

#include <boost/program_options/value_semantic.hpp>

#include "rbit/base/clock.h"
#include "rbit/base/result.h"
#include "rbit/base/text.h"
#include "rbit/intake/request.h"
#include "rbit/intake/request_writer.h"

namespace rbit {

namespace po = boost::program_options;

namespace {

/// What an option says of the build request.
struct RequestOption {
  const char* name;
  std::string BuildRequest::*member;
  const char* about;
  const char* old_name = nullptr;  // means the same
};

constexpr RequestOption request_options[] = {
    {"package", &BuildRequest::package, "what to build"},
    {"version", &BuildRequest::version, "its version"},
    {"uri", &BuildRequest::uri, "where it comes from"},
    {"method", &BuildRequest::method, "how to get it: git, svn, apt, http"},
    {"vcs-id", &BuildRequest::vcs_id, "which revision"},
    {"arch", &BuildRequest::arch, "architecture (old name: --platform)", "platform"},
    {"suite", &BuildRequest::suite, "suite"},
    {"dist", &BuildRequest::dist, "distribution (old name: --project)", "project"},
    {"format", &BuildRequest::format, "format"},
    {"build-env", &BuildRequest::build_env, "build environment"},
    {"job", &BuildRequest::job_id, "PyBit's number of the job"},
};

std::string value(const po::variables_map& values, const std::string& option) {
  return values.count(option) != 0 ? values[option].as<std::string>() : std::string();
}

std::string value(const po::variables_map& values, const RequestOption& option) {
  const std::string old = option.old_name != nullptr ? option.old_name : option.name;
  if (values.count(option.name) == 0) return value(values, old);
  const std::string said = value(values, option.name);
  if (values.count(old) != 0 && value(values, old) != said)
    throw Fatal(ExitCode::usage,
                Error{"--" + old, "says another than --" + std::string(option.name),
                      "leave one of them out"});
  return said;
}

/// PyBit's number, or one of ours: above 2^31, which PyBit's never reach.
std::string job_id(const po::variables_map& values) {
  if (values.count("job") == 0) return std::to_string(to_micros(SystemClock().wall()));
  std::string said = value(values, "job");
  long long number = 0;
  if (!text::parse_number(said, 0, 999'999'999'999'999'999, number) ||
      std::to_string(number) != said)
    throw Fatal(ExitCode::usage,
                Error{"--job", "'" + text::one_line(said, 80) + "' is no number of 1 to 18 digits",
                      "leave it out for a job that PyBit does not know"});
  return said;
}

/// Gives "host:port" of "http://host:port/", as PyBit writes `web_host`.
std::string web_host_of(const std::string& url) {
  const auto begin = url.find("://");
  if (begin == std::string::npos) return "";
  return url.substr(begin + 3, url.find('/', begin + 3) - begin - 3);
}

}  // namespace

void add_request_options(po::options_description& options) {
  auto add = options.add_options();
  for (const RequestOption& option : request_options) {
    add(option.name, po::value<std::string>(), option.about);
    if (option.old_name != nullptr)
      add(option.old_name, po::value<std::string>(),
          ("the same as --" + std::string(option.name)).c_str());
  }
}

std::string said_request_option(const po::variables_map& values) {
  for (const RequestOption& option : request_options)
    for (const char* name : {option.name, option.old_name})
      if (name != nullptr && values.count(name) != 0) return "--" + std::string(name);
  return "";
}

std::string compose_request(const po::variables_map& values, const config::Settings& settings,
                            const std::string& queue) {
  BuildRequest request;
  for (const char* needed : {"package", "version"})
    if (value(values, needed).empty())
      throw Fatal(ExitCode::usage, Error{"--" + std::string(needed), "is missing",
                                         "give both, or --json, --body or a FILE with a message"});
  for (const RequestOption& option : request_options)
    request.*option.member = value(values, option);
  request.web_host = web_host_of(settings.status.url);
  request.job_id = job_id(values);

  std::string route;
  for (const auto& mapping : settings.queues)
    if (mapping.queue == queue) route = mapping.dotted_route;
  complete_from_queue(request, queue, route);
  if (const auto checked = check_request(request); !checked)
    throw Fatal(ExitCode::failed, checked.error());
  return write_request(request);
}

}  // namespace rbit
