// RabbitMQ 3.10.8 answers basic.consume through the queue's process. A basic.cancel that reaches
// the channel before that answer makes it crash ({badkey, Tag}), and the whole connection ends with
// 541 INTERNAL_ERROR: every message under way came again.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "rbit/amqp/connection.h"
#include "tests/support/broker.h"
#include "tests/support/loop.h"

using namespace rbit;
using namespace rbit::amqp;

TEST_CASE("a consumer that is cancelled at once does not take the connection along") {
  const auto settings = test::broker();
  if (!settings) return;
  asio::io_context loop;
  const auto connection = std::make_shared<Connection>(loop.get_executor(), *settings);
  REQUIRE(test::run(loop, connection->open()).ok());
  const auto channel = connection->new_channel();
  DeclareQueue declare;
  declare.name = test::fresh_queue("cancelled");
  REQUIRE(test::run(loop, channel->call(declare)).ok());

  constexpr int consumers = 200;
  int delivered = 0;
  Channel::Events events;
  events.delivered = [&](const Incoming&) { ++delivered; };
  channel->listen(std::move(events));
  for (int i = 0; i < consumers; ++i) {
    const std::string tag = "c" + std::to_string(i);
    channel->request(SetPrefetch{1});
    channel->request(Consume{declare.name, tag});
    channel->request(CancelConsumer{tag});
  }
  SUBCASE("what is asked behind it keeps its place") {
    const Answer last = test::run(loop, channel->call(declare));
    CHECK_MESSAGE(last.ok(), (last.refusal ? last.refusal->text : ""));
    CHECK(last.reply.consumers == 0);
    CHECK(connection->is_open());
    CHECK(test::run(loop, channel->call(DeleteQueue{declare.name})).ok());
    test::run(loop, connection->close());
  }
  SUBCASE("what is held back is answered when the connection ends") {
    bool answered = false;
    asio::co_spawn(loop, channel->call(declare),
                   [&](std::exception_ptr, Answer) { answered = true; });
    connection->abort();
    CHECK(test::eventually(loop, [&] { return answered; }));
  }
}
