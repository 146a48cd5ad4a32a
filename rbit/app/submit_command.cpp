#include <boost/program_options/value_semantic.hpp>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <iostream>

#include "rbit/app/brokers.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_watch.h"
#include "rbit/app/message_file.h"
#include "rbit/app/message_readers.h"
#include "rbit/base/clock.h"
#include "rbit/base/text.h"
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

std::string compose(const po::variables_map& values, const config::Settings& settings) {
  BuildRequest request;
  for (const char* needed : {"package", "version"})
    if (value(values, needed).empty())
      throw Fatal(ExitCode::usage, Error{"--" + std::string(needed), "is missing",
                                         "give both, or a FILE with a message"});
  for (const RequestOption& option : request_options)
    request.*option.member = value(values, option);
  request.web_host = web_host_of(settings.status.url);
  request.job_id = job_id(values);

  const std::string queue = value(values, "queue");
  std::string route;
  for (const auto& mapping : settings.queues)
    if (mapping.queue == queue) route = mapping.dotted_route;
  complete_from_queue(request, queue, route);
  if (const auto checked = check_request(request); !checked)
    throw Fatal(ExitCode::failed, checked.error());
  return write_request(request);
}

}  // namespace

ExitCode submit_command(const Arguments& arguments) {
  CommandLine line;
  line.usage =
      "rbit submit CONFIG --queue QUEUE (--package P --version V [OPTIONS] | FILE) [--wait]";
  line.about =
      "Puts a build request into a queue. FILE is a message to send as it is; - is standard "
      "input.\nPrints the job's key; with --wait a line a status, and ends with 0 for Done, 1 for "
      "Failed.\n75: the broker did not say whether it has the message, which may still arrive.";
  line.positions = {"CONFIG", "FILE"};
  auto add = line.options.add_options();
  add("queue", po::value<std::string>()->required(), "the queue");
  for (const RequestOption& option : request_options) {
    add(option.name, po::value<std::string>(), option.about);
    if (option.old_name != nullptr)
      add(option.old_name, po::value<std::string>(),
          ("the same as --" + std::string(option.name)).c_str());
  }
  add("wait", "follow the job to its end");
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  const config::Settings& settings = configuration.settings();

  Message message;
  message.queue = values["queue"].as<std::string>();
  message.message_id = boost::uuids::to_string(boost::uuids::random_generator()());
  message.content_type = "application/json";
  message.timestamp = to_seconds(SystemClock().wall());
  if (values.count("FILE") != 0) {
    const std::string file = values["FILE"].as<std::string>();
    for (const RequestOption& option : request_options)
      for (const char* name : {option.name, option.old_name})
        if (name != nullptr && values.count(name) != 0)
          throw Fatal(ExitCode::usage,
                      Error{"--" + std::string(name), "says what FILE says already",
                            "leave one of them out"});
    message.body = read_message_file(file);
    if (const auto read = reader_of_queue(configuration, message.queue).read(message); !read)
      throw Fatal(ExitCode::failed,
                  Error{file,
                        read.error().text() + (read.error().detail.empty() ? "" : ": ") +
                            read.error().detail,
                        "nothing was sent"});
  } else {
    message.body = compose(values, settings);
  }

  const std::string key = message.message_id;
  const auto broker = make_broker(settings);
  const bool wait = values.count("wait") != 0;
  if (!wait) {
    broker->submit(std::move(message));
    std::cout << key << "\n";
    return ExitCode::ok;
  }
  JobWatch watch(settings.state_dir, key, message.queue);
  watch.begin();  // before it is sent, so that no status is missed
  broker->submit(std::move(message));
  std::cerr << "submitted " << key << " to " << values["queue"].as<std::string>() << "\n";
  return watch.to_the_end();
}

}  // namespace rbit
