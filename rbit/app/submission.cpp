#include "rbit/app/submission.h"

#include <boost/asio/io_context.hpp>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "rbit/app/amqp_wiring.h"
#include "rbit/app/control_client.h"
#include "rbit/app/run_alone.h"
#include "rbit/app/state_dir.h"
#include "rbit/base/clock.h"
#include "rbit/base/database.h"
#include "rbit/base/text.h"
#include "rbit/intake/local_transport.h"
#include "rbit/journal/schema.h"

namespace rbit {

namespace {

/// Returns false if no rbit runs, or it ended before it answered. `again`: one may have taken the
/// message before.
bool submit_to_running(const config::Settings& settings, const Message& message, bool& again) {
  auto client = ControlClient::connect(StateDir::socket(settings.state_dir));
  if (!client) return false;
  nlohmann::json request;
  request["do"] = "submit";
  request["queue"] = message.queue;
  request["body"] = message.body;
  request["message_id"] = message.message_id;
  request["again"] = again;
  if (!client->send(request)) return false;
  again = true;
  const auto answer = client->receive();
  if (!answer && answer.error().thing == ControlClient::lost) return false;
  if (!answer) throw Fatal(ExitCode::failed, answer.error());
  return answer->has_value();
}

void submit_straight(const StateDir& state, const config::Settings& settings, Message message,
                     bool again) {
  asio::io_context loop;
  auto database = Database::open(loop.get_executor(), state.database());
  if (!database) throw Fatal(StateDir::code_of_failure(state.path()), database.error());
  if (const auto upgraded = schema::upgrade(**database); !upgraded)
    throw Fatal(StateDir::code_of_failure(state.path()), upgraded.error());
  if (again && LocalTransport::has(**database, message.message_id)) return;
  std::vector<std::string> queues;
  for (const auto& mapping : settings.queues) queues.push_back(mapping.queue);
  const SystemClock clock;
  const auto key = run_alone(
      loop, LocalTransport::submit_straight(**database, clock, queues, std::move(message)));
  if (!key) throw Fatal(ExitCode::failed, key.error());
}

void submit_local(const config::Settings& settings, const Message& message) {
  // An rbit that starts or stops just now has the lock but no socket yet, or no more: for a moment.
  constexpr auto patience = std::chrono::seconds(10);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (bool again = false;;) {
    if (submit_to_running(settings, message, again)) return;
    const auto state = StateDir::try_open(settings.state_dir);
    if (state) return submit_straight(*state, settings, message, again);
    if (std::chrono::steady_clock::now() > end)
      throw Fatal(ExitCode::temporary,
                  Error{settings.state_dir, "an rbit has it and does not answer",
                        again ? "message " + message.message_id +
                                    " may have arrived: ask rbit explain for it"
                              : "look at its log; nothing was submitted"});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

constexpr std::chrono::seconds broker_patience(5);

Task<amqp::Answer> publish_once(amqp::PublishConnection& publisher, amqp::Outgoing message) {
  amqp::Answer sent = co_await publisher.send(std::move(message));
  if (sent.ok()) co_await publisher.close();
  co_return sent;
}

void submit_amqp(const config::Settings& settings, Message message) {
  asio::io_context loop;
  const auto publisher = make_publisher(loop.get_executor(), settings, "submit", broker_patience);
  amqp::Outgoing outgoing;
  outgoing.routing_key = message.queue;
  outgoing.body = std::move(message.body);
  outgoing.content_type = message.content_type;
  outgoing.message_id = message.message_id;
  outgoing.timestamp = message.timestamp;
  const amqp::Answer sent = run_alone(loop, publish_once(*publisher, std::move(outgoing)));
  if (sent.ok()) return;
  Error error = sent.refusal->error("queue " + message.queue);
  if (sent.refusal->unsure) {
    error.reason += "; message " + message.message_id + " may still arrive and run";
    error.cure = "ask rbit explain for it before it is sent again";
    if (const auto blocked = publisher->blocked())
      error.reason = "the broker takes no messages now (" + *blocked + "): " + error.reason;
    throw Fatal(ExitCode::temporary, error);
  }
  if (!publisher->is_up() && error.cure.empty()) {  // it was tried until patience ended
    error.reason = "it did not answer within " + std::to_string(broker_patience.count()) + " s";
    error.cure = "see whether the broker runs, and what its log says; nothing was sent";
  }
  const ExitCode code = publisher->is_up()           ? ExitCode::failed
                        : publisher->refused_login() ? ExitCode::no_permission
                                                     : ExitCode::unavailable;
  throw Fatal(code, error);
}

}  // namespace

std::string new_message_id() {
  return boost::uuids::to_string(boost::uuids::random_generator()());
}

void submit(const config::Settings& settings, Message message) {
  if (settings.broker.local)
    submit_local(settings, message);
  else
    submit_amqp(settings, std::move(message));
}

}  // namespace rbit
