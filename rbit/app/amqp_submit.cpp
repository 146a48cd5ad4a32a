#include "rbit/app/amqp_submit.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "rbit/amqp/connection.h"
#include "rbit/app/amqp_submission.h"
#include "rbit/app/amqp_wiring.h"
#include "rbit/app/no_answer.h"
#include "rbit/app/run_alone.h"
#include "rbit/base/json.h"
#include "rbit/base/random.h"
#include "rbit/core/one_message.h"

namespace rbit {

namespace {

using Patience = std::optional<std::chrono::milliseconds>;

/// Listens for one answer.
class AnswerQueue {
 public:
  AnswerQueue(const asio::any_io_executor& loop, const config::Settings& settings)
      : connection_(
            std::make_shared<amqp::Connection>(loop, connection_settings(settings, "reply"))),
        changed_(loop) {}

  const std::string& name() const { return name_; }

  Task<amqp::Answer> open(std::string correlation_id) {
    correlation_id_ = std::move(correlation_id);
    const amqp::Answer opened = co_await connection_->open();
    if (!opened.ok()) co_return opened;
    channel_ = connection_->new_channel();
    amqp::Channel::Events events;
    events.delivered = [this](const amqp::Incoming& incoming) { receive(incoming); };
    events.consumer_cancelled = [this](const std::string&) {
      end(amqp::Refusal{amqp::lost, "the broker deleted the queue of the answer"});
    };
    events.closed = [this](const amqp::Refusal& why) { end(why); };
    channel_->listen(std::move(events));
    amqp::DeclareQueue queue;
    queue.name = name_;
    queue.durable = false;
    queue.exclusive = queue.auto_delete = true;
    const amqp::Answer declared = co_await channel_->call(std::move(queue));
    if (!declared.ok()) co_return declared;
    channel_->request(amqp::SetPrefetch{1});
    amqp::Consume consume{name_, "answer"};
    co_return co_await channel_->call(std::move(consume));
  }

  /// False: it did not come in time, or the connection is gone.
  Task<bool> wait(Patience patience) {
    const auto begin = std::chrono::steady_clock::now();
    while (!body_ && !ended_) {
      if (!patience) {
        co_await changed_.wait();
        continue;
      }
      const auto left = begin + *patience - std::chrono::steady_clock::now();
      if (left <= left.zero()) break;
      co_await changed_.wait_for(left);
    }
    co_return body_.has_value();
  }
  Task<void> close() {
    channel_->listen({});
    co_await connection_->close();
  }

  const std::optional<std::string>& body() const { return body_; }
  const std::optional<amqp::Refusal>& ended() const { return ended_; }

 private:
  void receive(const amqp::Incoming& incoming) {
    channel_->settle(amqp::Settle{incoming.delivery_tag});
    if (incoming.correlation_id != correlation_id_ || body_) return;
    body_ = incoming.body;
    changed_.notify();
  }
  void end(const amqp::Refusal& why) {
    ended_ = why;
    changed_.notify();
  }

  std::shared_ptr<amqp::Connection> connection_;
  std::shared_ptr<amqp::Channel> channel_;
  Notice changed_;
  std::string name_ = "rbit.reply." + random_uuid();
  std::string correlation_id_;
  std::optional<std::string> body_;
  std::optional<amqp::Refusal> ended_;
};

JobAnswer answer_from(const std::string& body) {
  const auto answer = json::parse(body);
  if (!answer || !answer->is_object() || !answer->contains("status"))
    throw Fatal(ExitCode::failed, Error{"the answer", "is not one of rbit's",
                                        "does another program answer messages of this queue?"});
  JobAnswer made;
  made.status = json::text_in(*answer, "status");
  made.message = json::text_in(*answer, "message");
  if (const auto result = answer->find("result"); result != answer->end() && !result->is_null())
    made.result = result->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return made;
}

/// Sends it and gives the body of the answer.
Task<std::string> ask(asio::io_context& loop, const config::Settings& settings, Message message,
                      std::chrono::milliseconds delay, Patience patience) {
  AnswerQueue answers(loop.get_executor(), settings);
  const amqp::Answer opened = co_await answers.open(message.correlation_id);
  if (!opened.ok()) {
    const ExitCode code = opened.refusal->login ? ExitCode::no_permission : ExitCode::unavailable;
    throw Fatal(code, opened.refusal->error("queue " + answers.name()));
  }
  const std::string id = message.message_id;
  message.reply_to = answers.name();
  OneMessage only(std::move(message));
  std::size_t safe = 0;
  AmqpSubmission submission(loop, settings);
  const bool sent = co_await submission.run(only, delay, safe);
  if (!sent) throw Fatal(*submission.failure());
  const bool came = co_await answers.wait(patience);
  if (!came && answers.ended())
    throw Fatal(ExitCode::temporary, answers.ended()->error("the answer to message " + id));
  if (!came) throw no_answer(id, *patience);
  std::string body = *answers.body();
  co_await answers.close();
  co_return body;
}

}  // namespace

void submit_to_broker(const config::Settings& settings, MessageSource& messages,
                      std::chrono::milliseconds delay, std::size_t& safe) {
  asio::io_context loop;
  AmqpSubmission submission(loop, settings);
  if (!run_alone(loop, submission.run(messages, delay, safe))) throw Fatal(*submission.failure());
}

JobAnswer ask_broker(const config::Settings& settings, Message message,
                     std::chrono::milliseconds delay, Patience patience) {
  asio::io_context loop;
  if (message.correlation_id.empty()) message.correlation_id = message.message_id;
  return answer_from(run_alone(loop, ask(loop, settings, std::move(message), delay, patience)));
}

}  // namespace rbit
