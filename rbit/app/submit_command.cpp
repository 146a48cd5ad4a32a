#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <utility>

#include "rbit/app/app.h"
#include "rbit/app/brokers.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/app/job_watch.h"
#include "rbit/app/message_file.h"
#include "rbit/app/message_lines.h"
#include "rbit/app/message_options.h"
#include "rbit/app/message_readers.h"
#include "rbit/app/submit_request.h"
#include "rbit/base/clock.h"
#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/core/one_message.h"

namespace rbit {

namespace po = boost::program_options;

namespace {

[[noreturn]] void misuse(const std::string& thing, const std::string& reason,
                         const std::string& cure) {
  throw Fatal(ExitCode::usage, Error{thing, reason, cure});
}

std::string text_of(const po::variables_map& values, const std::string& option) {
  return values.count(option) != 0 ? values[option].as<std::string>() : std::string();
}

/// One command's work.
class Submit {
 public:
  Submit(const po::variables_map& values, const Configuration& configuration)
      : values_(values),
        configuration_(configuration),
        queue_(text_of(values, "queue")),
        delay_(time_option(values, "delay")),
        reader_(configuration, queue_) {
    frame_.queue = queue_;
    frame_.timestamp = to_seconds(SystemClock().wall());
    frame_.content_type =
        reader_.kind() == MessageKind::raw ? "application/octet-stream" : "application/json";
    read_message_options(values, frame_);
  }

  ExitCode run() {
    check_options();
    if (has("from")) return send_lines();
    Message message = one();
    const auto broker = make_broker(configuration_.settings());
    if (has("reply")) {
      if (broker->traits().answers_by_reply) check_reply(message);
      return ask(*broker, std::move(message));
    }
    const std::string key = key_of(message);
    if (has("wait")) return watch(*broker, std::move(message), key);
    send(*broker, std::move(message));
    std::cout << key << "\n";
    return ExitCode::ok;
  }

 private:
  bool has(const char* option) const { return values_.count(option) != 0; }

  /// What says the same thing twice, or goes with nothing else that was said.
  void check_options() const {
    std::vector<std::string> bodies;
    if (const std::string request = said_request_option(values_); !request.empty())
      bodies.push_back(request);
    for (const char* option : {"json", "body", "from"})
      if (has(option)) bodies.push_back("--" + std::string(option));
    if (has("FILE")) bodies.emplace_back("FILE");
    if (bodies.size() > 1)
      misuse(bodies[0], "says what " + bodies[1] + " says already", "leave one of them out");
    if (has("reply") && has("wait")) misuse("--reply", "waits, too", "leave --wait out");
    if (has("output") && !has("wait")) misuse("--output", "is about --wait", "give both");
    if (has("timeout") && !has("reply"))
      misuse("--timeout", "is about --reply", "give both, or none of them");
    for (const char* option : {"wait", "reply", "message-id"})
      if (has("from") && has(option))
        misuse("--" + std::string(option), "is about one message, and --from sends many",
               "leave one of them out");
  }

  /// Whether the runner of the queue sends answers; of a queue that is not here nobody can say.
  void check_reply(const Message& message) const {
    const config::Settings& settings = configuration_.settings();
    for (const auto& mapping : settings.queues) {
      if (mapping.queue != queue_) continue;
      const auto runner = runner_of(mapping, message);
      if (runner && !settings.runners.at(*runner).policy.reply)
        throw Fatal(ExitCode::failed, Error{"[runner:" + *runner + "]", "sends no answers",
                                            "set reply = yes there; nothing was sent"});
    }
  }

  Message one() const {
    Message message = frame_;
    std::string what;
    if (has("json")) {
      what = "--json";
      message.body = text_of(values_, "json");
      message.content_type = has("content-type") ? frame_.content_type : "application/json";
    } else if (has("body")) {
      what = "--body";
      message.body = text_of(values_, "body");
    } else if (has("FILE")) {
      what = text_of(values_, "FILE");
      message.body = read_message_file(what);
    } else if (reader_.kind() != MessageKind::pybit && said_request_option(values_).empty()) {
      const auto kind = reader_.kind();
      misuse("queue " + text::one_line(queue_, 200),
             kind
                 ? "takes messages of kind " + std::string(to_string(*kind)) + ", and there is none"
                 : "has a route, and there is no message",
             kind == MessageKind::raw ? "give --body, a FILE or --from"
                                      : "give --json, a FILE or --from");
    } else {
      what = "the build request";
      message.body = compose_request(values_, configuration_.settings(), queue_);
    }
    Result<Message> checked = check(std::move(message), has("json"));
    if (checked) return std::move(*checked);
    const std::string why = checked.error().text();
    throw Fatal(
        ExitCode::failed,
        Error{what, why + (checked.error().detail.empty() ? "" : "; " + checked.error().detail),
              "nothing was sent"});
  }

  /// Whether it can be said how the message will be read: what goes to a queue that is not here,
  /// for another rbit, is a build request only if it is given as one.
  bool knows_reader() const {
    const auto queues = configuration_.settings().queue_names();
    return std::find(queues.begin(), queues.end(), queue_) != queues.end() ||
           !(has("json") || has("body") || has("from"));
  }

  /// As the runner of the queue will read it.
  Result<Message> check(Message message, bool must_be_json) const {
    if (message.message_id.empty()) message.message_id = random_uuid();
    note_size(message);
    const MessageReader any_json("", MessageKind::json);
    if (must_be_json)
      if (const auto read = any_json.read(message); !read) return read.error();
    if (knows_reader())
      if (const auto read = reader_.read(message); !read) return read.error();
    message.size = 0;
    return message;
  }

  void send(const Broker& broker, Message message) const {
    OneMessage only(std::move(message));
    std::size_t safe = 0;
    broker.submit(only, delay_, safe);
  }

  ExitCode watch(const Broker& broker, Message message, const std::string& key) const {
    JobWatch watch(configuration_.settings().state_dir, key, queue_);
    const config::Settings& settings = configuration_.settings();
    if (has("output")) watch.show_output(run_place(settings, settings.state_dir).log_dir);
    watch.begin();  // before it is sent, so that no status is missed
    send(broker, std::move(message));
    std::cerr << "submitted " << key << " to " << queue_ << "\n";
    return watch.to_the_end();
  }

  ExitCode ask(const Broker& broker, Message message) const {
    std::optional<std::chrono::milliseconds> patience;
    if (has("timeout")) patience = time_option(values_, "timeout");
    const JobAnswer answer = broker.ask(std::move(message), delay_, patience);
    if (answer.status == to_string(Status::done)) {
      if (!answer.result.empty()) std::cout << answer.result << "\n";
      return ExitCode::ok;
    }
    std::cerr << text::one_line(answer.status +
                                (answer.message.empty() ? "" : ": " + answer.message))
              << "\n";
    return ExitCode::failed;
  }

  ExitCode send_lines() const {
    MessageLines lines(text_of(values_, "from"), [this](std::string line) {
      Message message = frame_;
      message.body = std::move(line);
      Result<Message> checked = check(std::move(message), false);
      if (checked || checked.error().detail.empty()) return checked;
      Error why = checked.error();
      why.reason += ": " + why.detail;
      return Result<Message>(why);
    });
    std::size_t safe = 0;
    try {
      make_broker(configuration_.settings())->submit(lines, delay_, safe);
    } catch (const Fatal&) {
      say(safe);
      throw;
    }
    say(safe);
    if (lines.failure()) throw Fatal(ExitCode::failed, *lines.failure());
    return ExitCode::ok;
  }
  void say(std::size_t safe) const {
    std::cout << safe << (safe == 1 ? " message was" : " messages were") << " sent to "
              << text::one_line(queue_, 255) << std::endl;
  }

  const po::variables_map& values_;
  const Configuration& configuration_;
  std::string queue_;
  std::chrono::milliseconds delay_;
  QueueReader reader_;
  Message frame_;  // what all have but a body
};

}  // namespace

ExitCode submit_command(const Arguments& arguments) {
  CommandLine line;
  line.usage =
      "rbit submit CONFIG --queue QUEUE (--json JSON | --body TEXT | FILE | --from LINES |\n"
      "       --package P --version V [OPTIONS]) [--wait | --reply] [OPTIONS]";
  line.about =
      "Puts a message into a queue, if it is one that the runner of the queue takes. FILE is sent "
      "as\n"
      "it is; - is standard input. --from sends each line of a file as a message of its own.\n"
      "--package and its like make a build request.\n"
      "Prints the job's key; with --wait a line a status, and with --reply the result; then ends "
      "with "
      "0\nfor Done, 1 for Failed.\n75: the broker did not say whether it has the message, which "
      "may "
      "still arrive; or there is no\nanswer within --timeout.";
  line.positions = {"CONFIG", "FILE"};
  auto add = line.options.add_options();
  add("queue", po::value<std::string>()->required(), "the queue");
  add("json", po::value<std::string>(), "the body, JSON");
  add("body", po::value<std::string>(), "the body, any text");
  add("from", po::value<std::string>(), "a file of bodies, one a line; - is standard input");
  add("wait", "follow the job to its end");
  add("output", "with --wait: print what the job writes, too, as it comes");
  add("reply", "wait for the result of the job and print it");
  add("timeout", po::value<std::string>(), "with --reply: how long, such as 30s; else for ever");
  add_message_options(line.options);
  add_request_options(line.options);
  const auto values = parse(line, arguments);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  return Submit(values, configuration).run();
}

}  // namespace rbit
