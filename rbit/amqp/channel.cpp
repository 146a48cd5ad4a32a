#include "rbit/amqp/channel.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "rbit/amqp/connection.h"

namespace rbit::amqp {

Task<Answer> answer_of(std::function<void(std::function<void(Answer)>)> start) {
  auto initiate = [start = std::move(start)](auto handler) {
    // std::function wants to copy what it holds, and a coroutine's handler cannot be copied.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    start([shared](Answer answer) { std::move (*shared)(std::move(answer)); });
  };
  Answer answer = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Answer)>(
      std::move(initiate), asio::use_awaitable);
  co_return answer;
}

Channel::~Channel() {
  close();
}

void Channel::request(Request request, Done done) {
  const auto connection = connection_.lock();
  if (open_ && connection) {
    connection->send(number_, std::move(request), std::move(done));
  } else if (done) {
    // Never inside this call: whoever waits is not yet suspended.
    asio::post(loop_, [done = std::move(done)] {
      done(Answer{{}, Refusal{lost, "the channel is closed"}});
    });
  }
}

Task<Answer> Channel::call(Request request) {
  return answer_of([this, request = std::move(request)](Done done) mutable {
    this->request(std::move(request), std::move(done));
  });
}

void Channel::close() {
  if (!std::exchange(open_, false)) return;
  events_ = {};
  if (const auto connection = connection_.lock()) connection->close_channel(number_);
}

void Channel::ended(const Refusal& why) {
  if (!std::exchange(open_, false)) return;
  const Events events = std::exchange(events_, {});
  if (events.closed) events.closed(why);
}

}  // namespace rbit::amqp
