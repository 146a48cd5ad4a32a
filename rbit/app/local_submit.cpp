#include "rbit/app/local_submit.h"

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
          return is_unsure_ ? "message " + messages_[sent_].message_id +
                                  " may have arrived: ask rbit explain for it"
                            : std::string("look at its log; nothing was submitted");
        });
  }

 private:
  /// Returns false if no rbit runs, or it ended before it answered to all.
  bool send_to_running(std::size_t& safe) {
    for (; sent_ < messages_.size(); ++sent_, ++safe, is_unsure_ = false) {
      auto client = ControlClient::connect(StateDir::socket(settings_.state_dir));
      if (!client || !client->send(request_of(messages_[sent_]))) return false;
      is_unsure_ = true;
      const auto answer = client->receive();
      if (!answer && answer.error().thing == ControlClient::lost) return false;
      if (!answer) throw Fatal(ExitCode::failed, answer.error());
      if (!answer->has_value()) return false;
    }
    return true;
  }

  nlohmann::json request_of(const Message& message) const {
    nlohmann::json request;
    // An rbit that is older than this program knows "submit" and a body that is a text, no more.
    const std::string& body = message.body.bytes();
    const bool is_plain = text::is_utf8(body) && message.headers.empty() && delay_.count() == 0;
    request["do"] = is_plain ? "submit" : "submit_message";
    request["queue"] = message.queue;
    request["properties"] = properties_to_json(message);
    if (is_plain)
      request["body"] = body;
    else
      request["bytes"] = base64::encoded(body);
    request["message_id"] = message.message_id;
    request["delay"] = delay_.count();
    request["again"] = is_unsure_;
    return request;
  }

  /// All of them in one commit.
  void send_straight(const StateDir& state, std::size_t& safe) {
    asio::io_context loop;
    const auto database = open_journal_file(loop.get_executor(), state);
    if (is_unsure_ && LocalTransport::has(*database, messages_[sent_].message_id)) {
      ++sent_;
      ++safe;
    }
    is_unsure_ = false;
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
  bool is_unsure_ = false;  // the next one was sent, and not answered
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
