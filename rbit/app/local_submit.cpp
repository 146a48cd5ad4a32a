#include "rbit/app/local_submit.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "rbit/app/control_client.h"
#include "rbit/app/journal_file.h"
#include "rbit/app/no_answer.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/base64.h"
#include "rbit/base/clock.h"
#include "rbit/base/task.h"
#include "rbit/base/text.h"
#include "rbit/core/journal.h"
#include "rbit/core/message_codec.h"
#include "rbit/core/one_message.h"
#include "rbit/intake/local_transport.h"

namespace rbit {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_at_once = 100;            // messages
constexpr std::size_t most_bytes_at_once = 8 << 20;  // of their bodies
constexpr std::size_t longest_line = 4 << 20;        // of several; the server takes 8 MiB

/// Some messages on their way into the file, in their order.
class Batch {
 public:
  Batch(const config::Settings& settings, milliseconds delay)
      : settings_(settings), delay_(delay) {}

  /// False: there are no more.
  bool fill(MessageSource& messages) {
    messages_.clear();
    sent_ = 0;
    for (std::size_t bytes = 0; messages_.size() < most_at_once && bytes < most_bytes_at_once;) {
      if (!messages_.empty() && !messages.is_ready()) break;
      auto message = messages.next();
      if (!message) break;
      bytes += message->body.size();
      messages_.push_back(std::move(*message));
    }
    return !messages_.empty();
  }

  /// `safe` counts what is in the file.
  void send(std::size_t& safe) {
    do_at_journal(
        settings_.state_dir, [&] { return send_to_running(safe); },
        [&](const StateDir& state) { send_straight(state, safe); },
        [&] {
          return unsure_ > 0 ? which_are_unsure()
                             : std::string("look at its log; nothing was submitted");
        });
  }

 private:
  /// Returns false if no rbit runs, or it ended before it answered to all.
  bool send_to_running(std::size_t& safe) {
    while (sent_ < messages_.size()) {
      auto client = ControlClient::connect(StateDir::socket(settings_.state_dir));
      if (!client) return false;
      const bool is_heard =
          unsure_ > 0 || takes_one_ ? send_one(*client, safe) : send_some(*client, safe);
      if (!is_heard) return false;
    }
    return true;
  }

  /// As many as one line may hold: rbit commits them together, in their order.
  bool send_some(ControlClient& client, std::size_t& safe) {
    std::string line =
        R"({"do":"submit_many","delay":)" + std::to_string(delay_.count()) + R"(,"messages":[)";
    std::size_t count = 0;
    for (; sent_ + count < messages_.size(); ++count) {
      nlohmann::json part;
      describe(messages_[sent_ + count], part);
      const std::string text = part.dump();
      if (line.size() + text.size() > longest_line) break;
      line += (count == 0 ? "" : ",") + text;
    }
    if (count < 2) return send_one(client, safe);
    if (!client.send_line(line + "]}")) return false;
    unsure_ = count;
    const auto answer = client.receive();
    if (!answer && answer.error().thing == ControlClient::lost) return false;
    if (!answer) {  // an rbit that is older than this program takes one at a time
      unsure_ = 0;
      takes_one_ = true;
      return true;
    }
    if (!answer->has_value()) return false;
    unsure_ = 0;
    sent_ += count;
    safe += (**answer).value("taken", std::size_t{0});
    if (const auto refused = (**answer).find("refused"); refused != (**answer).end())
      throw Fatal(ExitCode::failed, Error{refused->value("thing", ""), refused->value("reason", ""),
                                          refused->value("cure", "")});
    return true;
  }

  bool send_one(ControlClient& client, std::size_t& safe) {
    if (!client.send(request_of(messages_[sent_]))) return false;
    unsure_ = std::max<std::size_t>(unsure_, 1);
    const auto answer = client.receive();
    if (!answer && answer.error().thing == ControlClient::lost) return false;
    if (!answer) throw Fatal(ExitCode::failed, answer.error());
    if (!answer->has_value()) return false;
    // One that was not there yet gets its key; then those after it are not there either.
    unsure_ = (**answer).contains("key") ? 0 : unsure_ - 1;
    ++sent_;
    ++safe;
    return true;
  }

  /// True: in the form that an rbit knows that is older than this program: a body that is a text,
  /// no more.
  bool describe(const Message& message, nlohmann::json& request) const {
    const std::string& body = message.body.bytes();
    const bool is_text = text::is_utf8(body);
    request["queue"] = message.queue;
    request["properties"] = properties_to_json(message);
    if (is_text)
      request["body"] = body;
    else
      request["bytes"] = base64::encoded(body);
    request["message_id"] = message.message_id;
    return is_text && message.headers.empty() && delay_.count() == 0;
  }

  nlohmann::json request_of(const Message& message) const {
    nlohmann::json request;
    request["do"] = describe(message, request) ? "submit" : "submit_message";
    request["delay"] = delay_.count();
    request["again"] = unsure_ > 0;
    return request;
  }

  std::string which_are_unsure() const {
    const std::string first = "message " + messages_[sent_].message_id;
    return unsure_ == 1 ? first + " may have arrived: ask rbit explain for it"
                        : first + " and the " + std::to_string(unsure_ - 1) +
                              " after it may have arrived: ask rbit explain for it";
  }

  /// All of them in one commit.
  void send_straight(const StateDir& state, std::size_t& safe) {
    asio::io_context loop;
    const auto database = open_journal_file(loop.get_executor(), state);
    // They are committed in their order: after the first that is not there, none is.
    for (; unsure_ > 0 && LocalTransport::has(*database, messages_[sent_].message_id); --unsure_) {
      ++sent_;
      ++safe;
    }
    unsure_ = 0;
    std::optional<Error> wrong;
    for (std::size_t i = sent_; i < messages_.size(); ++i)
      spawn(loop.get_executor(), write(*database, messages_[i], safe, wrong), "submitting");
    loop.run();
    if (wrong) throw Fatal(ExitCode::failed, *wrong);
  }
  Task<void> write(Database& database, const Message& message, std::size_t& safe,
                   std::optional<Error>& wrong) const {
    const SystemClock clock;
    const auto key = co_await LocalTransport::submit_straight(
        database, clock, settings_.queue_names(), message, 0, delay_);
    if (key)
      ++safe;
    else if (!wrong)
      wrong = key.error();
  }

  const config::Settings& settings_;
  milliseconds delay_;
  std::vector<Message> messages_;
  std::size_t sent_ = 0;    // of them
  std::size_t unsure_ = 0;  // so many after these were sent, and not answered
  bool takes_one_ = false;  // the rbit that runs is older
};

/// The job as the rbit that runs has it; null: none runs, or the job has not begun.
nlohmann::json ask_for_job(const std::string& state_dir, const std::string& key, bool& runs) {
  auto client = ControlClient::connect(StateDir::socket(state_dir));
  runs = client.has_value();
  if (!client) return nullptr;
  nlohmann::json request;
  request["do"] = "job";
  request["job"] = key;
  if (!client->send(request)) return nullptr;
  const auto answer = client->receive();
  return answer && *answer ? (**answer).value("job", nlohmann::json()) : nlohmann::json();
}

bool is_over(const nlohmann::json& job) {
  const auto state = value_in(job_state_names, job.value("state", ""));
  return state && !is_unfinished(*state) && *state != JobRecord::State::blocked &&
         *state != JobRecord::State::moved;
}

}  // namespace

void submit_here(const config::Settings& settings, MessageSource& messages, milliseconds delay,
                 std::size_t& safe) {
  Batch batch(settings, delay);
  while (batch.fill(messages)) batch.send(safe);
}

JobAnswer ask_here(const config::Settings& settings, Message message, milliseconds delay,
                   std::optional<milliseconds> patience) {
  const std::string key = key_of(message);
  const std::int64_t earlier =
      to_micros(SystemClock().wall());  // the key may have had a job before
  OneMessage only(std::move(message));
  std::size_t safe = 0;
  submit_here(settings, only, delay, safe);
  const auto begin = std::chrono::steady_clock::now();
  for (bool said = false, runs = false;;) {
    const nlohmann::json job = ask_for_job(settings.state_dir, key, runs);
    if (job.is_object() && job.value("ended", std::int64_t{0}) > earlier && is_over(job))
      return {job.value("status", ""), job.value("message", ""), job.value("result", "")};
    if (!runs && !std::exchange(said, true))
      std::cerr << "waiting for an rbit with the state directory " << settings.state_dir << "\n";
    const auto passed = std::chrono::steady_clock::now() - begin;
    if (patience && passed >= *patience) throw no_answer(key, *patience);
    constexpr milliseconds pause{50};  // nothing tells of an rbit that starts
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace rbit
