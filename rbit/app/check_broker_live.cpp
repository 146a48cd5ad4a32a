// What the broker can be asked without changing anything there. A passive declaration says whether
// a queue is there; declaring one that is there, as PyBit and rbit do, says whether it is the same
// one. What RabbitMQ looks at only after the permissions is used to ask for them: a declaration, a
// consumer with an argument of the wrong type, and a binding to an exchange that nobody has are
// refused in any case, with 403 if the right is missing and otherwise with another code.
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "rbit/amqp/connection.h"
#include "rbit/app/amqp_checks.h"
#include "rbit/app/amqp_wiring.h"
#include "rbit/app/run_alone.h"
#include "rbit/base/notice.h"
#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/intake/amqp_copy.h"
#include "rbit/intake/queue_names.h"
#include "rbit/intake/stream_queue.h"

namespace rbit {

namespace {

using amqp::Answer;

/// No exchange and no queue is called so.
constexpr const char* nowhere = "rbit.check.nowhere";

class LiveBroker {
 public:
  LiveBroker(const asio::any_io_executor& loop, const config::Settings& settings, bool say_bindings,
             Findings& findings)
      : loop_(loop),
        settings_(settings),
        findings_(findings),
        heard_(loop),
        say_bindings_(say_bindings) {}

  Task<Result<void>> ask() {
    amqp::ConnectionSettings login = connection_settings(settings_, "check");
    login.least_channels = settings_.command_queue ? 3 : 2;  // as many as a running rbit needs
    connection_ = std::make_shared<amqp::Connection>(loop_, std::move(login));
    const Answer opened = co_await connection_->open();
    if (!opened.ok()) {
      Error error = opened.refusal->error("broker");
      error.thing = "[amqp] " + error.thing;
      findings_.fail(error);
      co_return Result<void>();
    }
    findings_.ok("[amqp] logged in at " + connection_->broker());
    listen();
    // Another broker may take for good what RabbitMQ refuses.
    knows_questions_ = connection_->broker().find(" RabbitMQ") != std::string::npos;
    co_await ask_all();
    if (lost_ || !connection_->is_open()) say_lost();
    co_await connection_->close();
    co_return Result<void>();
  }

 private:
  void listen() {
    amqp::Connection::Events events;
    events.blocked = [this](bool blocked, const std::string& reason) {
      if (blocked) blocked_ = reason;
      heard_.notify();
    };
    connection_->listen(std::move(events));
  }

  void say_lost() {
    const std::string thing = "[amqp] broker " + connection_->peer();
    if (lost_ && lost_->limit)
      findings_.fail({thing, text::one_line(lost_->text, 300), lost_->cure});
    else
      findings_.fail({thing, "was lost while it was asked", "look at its log, and try again"});
  }

  Task<void> ask_all() {
    co_await ask_exchange();
    for (const auto& queue : settings_.queues) {
      if (!connection_->is_open()) co_return;
      co_await ask_queue(queue);
    }
    if (settings_.status.reports_to("amqp")) co_await ask_status_queue();
    if (settings_.command_queue) co_await ask_command_queue(*settings_.command_queue);
    co_await ask_to_publish();
    if (say_bindings_) say_bindings();
  }

  /// On a channel of its own, for a refusal closes it.
  Task<Answer> answer_to(amqp::Request request) {
    const auto channel = co_await connection_->channel_when_free();
    Answer answer = co_await channel->call(std::move(request));
    channel->close();
    co_return answer;
  }

  bool declares() const { return settings_.declare == config::Declare::yes; }

  /// Gives what is in a queue, if it is there.
  Task<Answer> find(std::string queue) {
    amqp::DeclareQueue passive;
    passive.name = std::move(queue);
    passive.passive = true;
    amqp::Request question = std::move(passive);
    return answer_to(std::move(question));
  }

  /// True if the right is missing. A question that was not refused or is not asked is no "no".
  Task<bool> is_forbidden(amqp::Request question) {
    if (!knows_questions_) co_return false;
    const Answer answer = co_await answer_to(std::move(question));
    co_return !answer.ok() && answer.refusal->code == amqp::access_refused;
  }

  /// Why the queue cannot be made: a missing right (403), or a limit that is reached. None: it is
  /// there, or it can.
  Task<std::optional<amqp::Refusal>> may_not_make(const std::string& queue) {
    if (!knows_questions_) co_return std::nullopt;
    amqp::DeclareQueue question;
    question.name = queue;
    question.arguments["x-expires"] = "rbit check";  // no number: refused, whatever is there
    amqp::Request request = std::move(question);
    const Answer answer = co_await answer_to(std::move(request));
    if (answer.ok() || (answer.refusal->code != amqp::access_refused && !answer.refusal->limit))
      co_return std::nullopt;
    co_return answer.refusal;
  }

  Task<void> ask_exchange() {
    if (settings_.exchange.empty() || !(declares() || settings_.command_queue)) co_return;
    const std::string thing = "exchange " + shown(settings_.exchange);
    amqp::Request passive = amqp::DeclareExchange{settings_.exchange, true};
    const Answer there = co_await answer_to(std::move(passive));
    if (!there.ok() && there.refusal->code == amqp::not_found) {
      if (declares())
        findings_.ok(thing + " is not there yet; rbit makes it");
      else
        findings_.warn({thing,
                        "is not there, and rbit does not make it: no cancel reaches its command "
                        "queue",
                        "start the front-end, which makes it, correct [rbit] exchange, or write "
                        "declare = yes"});
      co_return;
    }
    if (!there.ok()) co_return refused(thing, there);
    if (!declares()) {
      findings_.ok(thing + " is there");
      co_return;
    }
    amqp::Request same = amqp::DeclareExchange{settings_.exchange, false};
    const Answer equal = co_await answer_to(std::move(same));
    if (equal.ok())
      findings_.ok(thing + " is direct and durable");
    else if (equal.refusal->code == amqp::precondition_failed)
      findings_.fail({thing, "is not as PyBit declares it (direct, durable): " + said(equal),
                      "correct [rbit] exchange, or delete it there and let rbit make it"});
    else if (equal.refusal->code == amqp::access_refused)
      findings_.ok(thing + " is there, and others make it");
    else
      refused(thing, equal);
  }

  Task<void> ask_queue(const config::QueueMapping& mapping) {
    const std::string thing = "queue " + shown(mapping.queue);
    const bool there = co_await is_there(mapping.queue, thing);
    if (!there) co_return;
    amqp::Request consume = amqp::Consume{mapping.queue, "rbit.check", true};
    const bool unreadable = co_await is_forbidden(std::move(consume));
    if (unreadable)
      findings_.fail({thing, our_user() + " may not read from it",
                      "give him the permission to read it (rabbitmqctl set_permissions)"});
    if (declares() && mapping.legacy) co_await ask_to_bind(mapping.queue, thing);
    const std::string dead = dead_queue(mapping.queue);
    const bool makes_dead = co_await ask_for_own(thing, dead, "where dead letters go");
    if (!makes_dead) co_return;
    co_await ask_for_arguments(mapping.queue);
    // There is one for each delay; this one never is, so that it shows what a new one would meet.
    co_await ask_for_own(thing, retry_queues(mapping.queue) + "check", "where retries wait");
  }

  /// Whether rbit can make its own queue, if it is not there yet. If not, that is told.
  Task<bool> ask_for_own(const std::string& thing, const std::string& own,
                         const std::string& purpose) {
    const auto denied = co_await may_not_make(own);
    if (denied && denied->limit)
      findings_.fail({thing,
                      "rbit's own queue " + shown(own) + ", " + purpose +
                          ", cannot be made: " + text::one_line(denied->text, 300),
                      denied->cure});
    else if (denied)
      findings_.fail({thing,
                      our_user() + " may not make rbit's own queue " + shown(own) + ", " + purpose,
                      R"(give him the permission to configure rbit\.(dead|retry)\..*)"});
    co_return !denied;
  }

  /// Somebody else may have made one of our queues, with an argument that drops messages.
  Task<void> ask_for_arguments(const std::string& queue) {
    const std::string dead = dead_queue(queue);
    const Answer found = co_await find(dead);
    if (!found.ok()) co_return;
    Message message;
    message.queue = queue;
    const Settlement letter = Settlement::dead_letter("");
    amqp::Request same = AmqpCopy::queue_for(message, letter, settings_.quorum);
    const Answer equal = co_await answer_to(std::move(same));
    if (!equal.ok() && equal.refusal->code == amqp::precondition_failed)
      findings_.warn({"queue " + shown(dead),
                      "is not as rbit makes it, and may drop dead letters: " + said(equal),
                      "delete it when it is empty, and let rbit make it"});
  }

  Task<void> ask_to_bind(const std::string& queue, const std::string& thing) {
    amqp::Request bind = amqp::BindQueue{queue, nowhere, queue};
    const bool forbidden = co_await is_forbidden(std::move(bind));
    if (forbidden)
      findings_.warn({thing, our_user() + " may not bind it",
                      "give him the permission to write to it, or bind it yourself to exchange " +
                          shown(settings_.exchange)});
  }

  /// Whether the queue is there, which is told, and why not.
  Task<bool> is_there(const std::string& name, const std::string& thing) {
    const Answer there = co_await find(name);
    if (!there.ok()) {
      co_await not_there(name, thing, there);
      co_return false;
    }
    const std::string found = thing + ": " + std::to_string(there.reply.messages) + " messages, " +
                              std::to_string(there.reply.consumers) + " consumers";
    if (!declares()) {
      findings_.ok(found);
      co_return true;
    }
    amqp::DeclareQueue declare;
    declare.name = name;
    amqp::Request same = std::move(declare);
    const Answer equal = co_await answer_to(std::move(same));
    if (equal.ok())
      findings_.ok(found);
    else if (equal.refusal->code == amqp::precondition_failed)
      say_different(thing, *equal.refusal);
    else if (equal.refusal->code == amqp::access_refused)
      findings_.warn(
          {thing,
           "is there, but " + our_user() + " may not declare it, so what it is like is not known",
           "give him the permission to configure it, or write [rbit] declare = passive"});
    else
      refused(thing, equal);
    co_return true;
  }

  /// rbit reads queues of every type but streams as they are; PyBit declares before it sends.
  void say_different(const std::string& thing, const amqp::Refusal& why) {
    const bool front_end = !settings_.status.url.empty() || settings_.status.reports_to("pybit");
    const auto says = [&](const char* words) { return why.text.find(words) != std::string::npos; };
    const bool may_lose = !says(" arg 'x-") || says(" arg 'x-message-ttl'") ||
                          says(" arg 'x-expires'") || says(" arg 'x-max-length") ||
                          says(" arg 'x-delivery-limit'");
    Error error{thing,
                std::string("is not as PyBit and rbit declare it (durable, no arguments), so ") +
                    "PyBit cannot send to it: " + text::one_line(why.text, 300),
                "delete it when it is empty and let rbit make it, with policies for limits; or "
                "write [rbit] declare = passive"};
    if (const auto stream = stream_refusal(why)) {
      error.reason = text::one_line(stream->text, 300);
      error.cure = stream->cure;
    } else if (!front_end && !may_lose) {
      error.reason += "; rbit reads it as it is";
      error.cure = "write [rbit] declare = passive if no PyBit is meant to send to it";
      return findings_.warn(error);
    }
    findings_.fail(error);
  }

  Task<void> not_there(const std::string& name, const std::string& thing, const Answer& answer) {
    const bool makes_it = answer.refusal->code == amqp::not_found && declares();
    std::optional<amqp::Refusal> denied;
    if (makes_it) denied = co_await may_not_make(name);
    if (answer.refusal->code == amqp::resource_locked)
      findings_.fail({thing, "is exclusive to another connection: " + said(answer),
                      "end that one, or correct the queue's name"});
    else if (answer.refusal->code != amqp::not_found)
      refused(thing, answer);
    else if (!makes_it)
      findings_.fail({thing, "is not there, and rbit does not make it",
                      "make it, correct its name, or write [rbit] declare = yes"});
    else if (denied && denied->limit)
      findings_.fail({thing,
                      "is not there, and cannot be made: " + text::one_line(denied->text, 300),
                      denied->cure});
    else if (denied)
      findings_.fail({thing, "is not there, and " + our_user() + " may not make it",
                      "make it, or give him the permission to configure it (rabbitmqctl "
                      "set_permissions)"});
    else
      findings_.ok(thing + " is not there yet; rbit makes it");
  }

  Task<void> ask_status_queue() {
    const std::string& name = settings_.status.queue;
    const std::string thing = "[status] queue " + shown(name);
    co_await is_there(name, thing);
  }

  /// It is exclusive: whoever has it refuses all others.
  Task<void> ask_command_queue(const std::string& name) {
    const std::string thing = "command queue " + shown(name);
    const Answer there = co_await find(name);
    std::optional<amqp::Refusal> denied;
    if (!there.ok() && there.refusal->code == amqp::not_found) denied = co_await may_not_make(name);
    if (there.ok())
      findings_.fail({thing, "is there, and not exclusive: PyBit holds us for away",
                      "delete it; nobody but a running rbit makes it"});
    else if (there.refusal->code == amqp::resource_locked)
      findings_.warn({thing, "is taken: an rbit of this name runs, or another PyBit client",
                      "if it is another one than this, give one of them another [rbit] name"});
    else if (there.refusal->code != amqp::not_found)
      refused(thing, there);
    else if (denied && denied->limit)
      findings_.fail({thing, "cannot be made: " + text::one_line(denied->text, 300), denied->cure});
    else if (denied)
      findings_.fail(
          {thing, our_user() + " may not make it, so no front-end can cancel here",
           "give him the permission to configure it, or write [rbit] command-queue = no"});
    else
      findings_.ok(thing + " is free");
  }

  /// To the default exchange, to nobody: it comes back. A broker with an alarm reads this message,
  /// says that it takes no more, and reads nothing until the alarm is over.
  Task<void> ask_to_publish() {
    const auto channel = co_await connection_->channel_when_free();
    channel->request(amqp::SelectConfirms{});
    amqp::Outgoing message;
    message.routing_key = std::string(nowhere) + "." + std::to_string(random_number());
    message.message_id = message.routing_key;
    channel->publish(std::move(message), [this](const Answer& one) {
      sent_ = one;
      heard_.notify();
    });
    while (!sent_ && !blocked_) co_await heard_.wait();
    // The news of an alarm may come after the message: what is asked now is not answered then.
    const auto other = co_await connection_->channel_when_free();
    other->request(amqp::SetPrefetch{1}, [this](const Answer& one) {
      afterwards_ = one;
      heard_.notify();
    });
    while (!afterwards_ && !blocked_) co_await heard_.wait();
    channel->close();
    other->close();
    const std::string thing = "the default exchange";
    if (blocked_) {
      findings_.fail({thing,
                      "takes no messages now, the broker blocks whoever publishes: " +
                          text::one_line(*blocked_, 200),
                      "give it memory or room on its disk (rabbitmqctl status names the alarm)"});
      co_return;
    }
    const Answer answer = *sent_;
    if (answer.ok() || answer.refusal->code == amqp::no_route)
      findings_.ok(thing + " takes messages");
    else if (answer.refusal->code == amqp::access_refused)
      findings_.fail(
          {thing, our_user() + " may not write to it, and no retry, dead letter or report gets out",
           "give him the permission to write to amq.default"});
    else
      refused(thing, answer);
  }

  /// AMQP 0-9-1 has no question for bindings.
  void say_bindings() {
    bool legacy = false;
    for (const auto& queue : settings_.queues) legacy = legacy || queue.legacy;
    if (!legacy) return;
    if (declares())
      findings_.ok("bindings to exchange " + shown(settings_.exchange) + ": rbit makes them");
    else
      findings_.warn({"bindings to exchange " + shown(settings_.exchange),
                      "rbit makes none, and AMQP cannot tell whether there are any",
                      "ask for them with --management, or write [rbit] declare = yes"});
  }

  void refused(const std::string& thing, const Answer& answer) {
    if (answer.refusal->code == amqp::lost || !connection_->is_open()) {
      if (!lost_) lost_ = answer.refusal;  // told at the end
      return;
    }
    findings_.fail({thing, said(answer), answer.refusal->cure});
  }

  std::string our_user() const { return "user '" + settings_.broker.user + "'"; }
  static std::string said(const Answer& answer) {
    return text::one_line(answer.refusal->text, 300);
  }
  static std::string shown(const std::string& name) { return text::one_line(name, 300); }

  asio::any_io_executor loop_;
  const config::Settings& settings_;
  Findings& findings_;
  std::shared_ptr<amqp::Connection> connection_;
  Notice heard_;                             // an answer, or of the broker's state
  std::optional<std::string> blocked_;       // why it takes no messages
  std::optional<Answer> sent_, afterwards_;  // of the message that is sent, and behind it
  std::optional<amqp::Refusal> lost_;  // the first answer that said that the connection is over
  bool say_bindings_, knows_questions_ = false;
};

}  // namespace

void check_broker_live(const config::Settings& settings, bool say_bindings, Findings& findings) {
  asio::io_context loop{1};
  LiveBroker broker(loop.get_executor(), settings, say_bindings, findings);
  (void)run_alone(loop, broker.ask());
}

}  // namespace rbit
