#include "rbit/intake/amqp_transport.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/intake/amqp_intake.h"

using namespace rbit;
using test::Intake;
using test::Relay;
using test::Witness;

TEST_CASE("a message comes, is acknowledged and is gone") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("ack");
  Intake intake(*settings, {queue}, 2);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "a");
  intake.publish(queue, "b");
  REQUIRE(intake.wait_for(2));
  CHECK(intake.held[0]->message().queue == queue);
  CHECK(!intake.held[0]->is_void());
  CHECK(intake.settle());
  CHECK(intake.settle());
  intake.close();
  Witness witness(*settings);
  CHECK(witness.count(queue) == 0);
}

TEST_CASE("what is dropped, or still out at the end, is in its queue again") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("back");
  Intake intake(*settings, {queue}, 1);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "a");
  REQUIRE(intake.wait_for(1));
  CHECK(!intake.held[0]->message().redelivered);
  intake.held.clear();  // dropped
  intake.tell_credit();
  REQUIRE(intake.wait_for(2));
  CHECK(intake.held[0]->message().redelivered);
  CHECK(intake.transport->counters().requeued == 1);
  CHECK(intake.settle(0, Settlement::requeue()));
  REQUIRE(intake.wait_for(3));
  std::unique_ptr<Delivery> last = std::move(intake.held[0]);
  intake.close();
  CHECK(last->is_void());
  CHECK(!test::run(intake.loop, last->settle(Settlement::accept())));
  CHECK(intake.transport->counters().stale == 1);
  Witness witness(*settings);
  CHECK(witness.count(queue) == 1);
}

TEST_CASE("one queue never has more unacknowledged messages than slots, and one consumer for all") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("credit");
  Intake intake(*settings, {queue}, 3);
  intake.start();
  intake.declare(queue);
  Witness witness(*settings);
  for (int i = 0; i < 30; ++i) intake.publish(queue, std::to_string(i));
  REQUIRE(intake.wait_for(3));
  CHECK(witness.count(queue) == 27);
  for (std::size_t done = 0; done < 27; ++done) {
    CHECK(intake.settle());
    REQUIRE(intake.wait_for(done + 4));
  }
  for (int i = 0; i < 3; ++i) CHECK(intake.settle());
  CHECK(intake.transport->counters().received == 30);
  CHECK(intake.transport->counters().requeued == 0);
  CHECK(intake.transport->counters().subscriptions == 1);
  CHECK(intake.most_held == 3);
  for (int i = 0; i < 30; ++i)
    CHECK(intake.arrived[static_cast<std::size_t>(i)] == std::to_string(i));
  intake.close();
}

TEST_CASE("a slot that is free long before the acknowledgement looks at once") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("early");
  Intake intake(*settings, {queue}, 1);
  intake.start();
  intake.declare(queue);
  intake.publish(queue, "a");
  intake.publish(queue, "b");
  REQUIRE(intake.wait_for(1));
  std::unique_ptr<Delivery> slow = std::move(intake.held[0]);
  intake.held.clear();
  intake.tell_credit();  // the job is over, its verdict on its way to the disk
  REQUIRE(intake.wait_for(2));
  CHECK(test::run(intake.loop, slow->settle(Settlement::accept())));
  CHECK(intake.settle());
  CHECK(intake.transport->counters().subscriptions == 2);
  intake.close();
  Witness witness(*settings);
  CHECK(witness.count(queue) == 0);
}

TEST_CASE("without a slot nothing is taken, whatever is acknowledged meanwhile") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("full");
  Intake intake(*settings, {queue}, 2);
  intake.start();
  intake.declare(queue);
  for (const char* body : {"a", "b", "c", "d"}) intake.publish(queue, body);
  REQUIRE(intake.wait_for(2));
  intake.transport->set_credit(queue, 0);  // the slots went to another queue
  for (auto& delivery : intake.held)
    CHECK(test::run(intake.loop, delivery->settle(Settlement::accept())));  // cancel, then ack
  intake.held.clear();
  Witness witness(*settings);
  CHECK(test::eventually(intake.loop, [&] { return witness.count(queue) == 2; }));
  CHECK(intake.transport->counters().received == 2);
  intake.tell_credit();
  REQUIRE(intake.wait_for(4));
  intake.close();
}

TEST_CASE(
    "with messages ahead of the slots one consumer stays, and brings no more than may be here") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("ahead");
  Intake intake(*settings, {queue}, 2);
  intake.start();
  intake.declare(queue);
  for (int i = 0; i < 120; ++i) intake.publish(queue, std::to_string(i));
  REQUIRE(intake.wait_for(2));
  intake.ahead = 8;
  intake.tell_credit();
  REQUIRE(intake.wait_for(10));
  Witness witness(*settings);
  CHECK(witness.count(queue) == 110);
  for (std::size_t done = 0; done < 112; ++done) {
    CHECK(intake.settle());
    REQUIRE(intake.wait_for(done + 9));  // its prefetch may be what was welcome when it was made
  }
  REQUIRE(intake.wait_for(120));
  CHECK(intake.most_held == 10);
  CHECK(intake.transport->counters().received == 120);
  CHECK(intake.transport->counters().subscriptions <= 3);
  for (int i = 0; i < 120; ++i)
    CHECK(intake.arrived[static_cast<std::size_t>(i)] == std::to_string(i));
  intake.close();
}

TEST_CASE("what goes back because nothing may be ahead any more comes to others, not to us") {
  const auto settings = test::broker();
  if (!settings) return;
  const std::string queue = test::fresh_queue("not.ahead");
  Intake intake(*settings, {queue}, 1);
  intake.ahead = 5;
  intake.start();
  intake.declare(queue);
  for (int i = 0; i < 9; ++i) intake.publish(queue, std::to_string(i));
  REQUIRE(intake.wait_for(6));
  intake.ahead = 0;
  intake.tell_credit();
  intake.held.resize(1);  // the others are dropped
  Witness witness(*settings);
  CHECK(test::eventually(intake.loop, [&] { return witness.count(queue) == 8; }));
  CHECK(witness.take(queue).body == "1");
  CHECK(intake.transport->counters().received == 6);
  CHECK(intake.settle());
  REQUIRE(intake.wait_for(7));
  CHECK(intake.arrived.back() == "2");
  intake.close();
}

TEST_CASE("several queues fill what may be ahead in turn") {
  const auto settings = test::broker();
  if (!settings) return;
  std::vector<std::string> queues;
  for (const char* name : {"a", "b", "c"}) queues.push_back(test::fresh_queue(name));
  Intake intake(*settings, queues, 2);
  intake.ahead = 4;
  intake.start();
  for (const std::string& queue : queues) {
    intake.declare(queue);
    for (int i = 0; i < 20; ++i) intake.publish(queue, queue);
  }
  for (std::size_t done = 0; done < 30; ++done) {
    REQUIRE(intake.wait_for(done + 1));
    CHECK(intake.settle());
  }
  for (const std::string& queue : queues)
    CHECK(std::count(intake.arrived.begin(), intake.arrived.begin() + 30, queue) >= 8);
  CHECK(intake.most_held <= 6);
  intake.close();
}

TEST_CASE("several queues share the slots, in turn, and give nothing back") {
  const auto settings = test::broker();
  if (!settings) return;
  std::vector<std::string> queues;
  for (const char* name : {"a", "b", "c"}) queues.push_back(test::fresh_queue(name));
  Intake intake(*settings, queues, 2);
  intake.start();
  for (const std::string& queue : queues) {
    intake.declare(queue);
    for (int i = 0; i < 6; ++i) intake.publish(queue, queue);
  }
  for (std::size_t done = 0; done < 18; ++done) {
    REQUIRE(intake.wait_for(done + 1));
    CHECK(intake.settle());
  }
  for (const std::string& queue : queues)
    CHECK(std::count(intake.arrived.begin(), intake.arrived.end(), queue) == 6);
  CHECK(intake.most_held <= 2);
  intake.publish(queues[1], "late");  // all are consumed again
  REQUIRE(intake.wait_for(19));
  CHECK(intake.settle());
  intake.close();
  Witness witness(*settings);
  for (const std::string& queue : queues) CHECK(witness.count(queue) == 0);
}

TEST_CASE("polling asks for as many as there are slots, and at once when one is free") {
  const auto settings = test::broker();
  if (!settings) return;
  AmqpTransportSettings wanted;
  wanted.connection = *settings;
  wanted.poll_time = std::chrono::hours(1);  // what comes before is not the timer's work
  std::vector<std::string> queues{test::fresh_queue("poll") + ".1"};
  queues.push_back(queues[0] + ".2");  // the turns go by name
  Witness witness(*settings);
  for (const std::string& queue : queues) {
    amqp::DeclareQueue declare;
    declare.name = queue;
    REQUIRE(witness.ask(declare).ok());
  }
  Intake intake(wanted, queues, 1);
  intake.publisher().start();
  for (int i = 0; i < 2; ++i)
    for (const std::string& queue : queues) {
      amqp::Outgoing message;
      message.routing_key = queue;
      message.body = queue;
      REQUIRE(test::run(intake.loop, intake.publisher().publish(message)));
    }
  intake.start();
  for (std::size_t done = 0; done < 4; ++done) {
    REQUIRE(intake.wait_for(done + 1));
    CHECK(intake.held.size() == 1);
    CHECK(intake.settle());
  }
  CHECK(intake.arrived == std::vector<std::string>{queues[0], queues[1], queues[0], queues[1]});
  CHECK(intake.transport->counters().subscriptions == 0);
  intake.close();
}

TEST_CASE("an empty queue is polled again after the poll time") {
  const auto settings = test::broker();
  if (!settings) return;
  AmqpTransportSettings wanted;
  wanted.connection = *settings;
  wanted.poll_time = std::chrono::milliseconds(20);
  const std::string queue = test::fresh_queue("poll");
  Intake intake(wanted, {queue}, 1);
  intake.start();
  intake.declare(queue);
  for (std::size_t i = 0; i < 3; ++i) {
    intake.publish(queue, "x");
    REQUIRE(intake.wait_for(i + 1));
    CHECK(intake.settle());
  }
  CHECK(intake.transport->counters().subscriptions == 0);
  intake.close();
}
