#include "rbit/base/amqp_keeper.h"

#include <algorithm>
#include <random>
#include <utility>

#include "rbit/base/log.h"
#include "rbit/base/text.h"

namespace rbit::amqp {

namespace {
using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds healthy_after{60};  // then the pauses start small again
// A broker that knows us and does not want us is not asked often, and is named again now and then.
constexpr std::chrono::seconds not_welcome_pause{30};  // and as much again at random
constexpr std::chrono::minutes not_welcome_said{10};
constexpr std::chrono::seconds long_first_try{2};

bool is_here(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

Keeper::Keeper(const asio::any_io_executor& loop, ConnectionSettings settings, Voice voice)
    : loop_(loop),
      settings_(std::move(settings)),
      voice_(voice),
      pause_(settings_.backoff_base, settings_.backoff_cap),
      changed_(loop),
      first_try_(loop) {
  std::shuffle(settings_.endpoints.begin(), settings_.endpoints.end(),
               std::minstd_rand(std::random_device{}()));
}

void Keeper::start(Events events) {
  events_ = std::move(events);
  started_ = true;
  if (!settings_.tls)
    for (const Endpoint& endpoint : settings_.endpoints)
      if (!is_here(endpoint.host))
        say(true, "the password travels to " + endpoint.text() +
                      " unencrypted (amqps:// and port 5671 would protect it)");
  say_if_it_takes_long();
  spawn(loop_, run(), "the connection to the broker");
}

Task<void> Keeper::close() {
  if (!started_) co_return;
  closing_ = true;
  first_try_.cancel();
  changed_.notify();
  if (connection_) {
    const std::shared_ptr<Connection> connection = connection_;
    co_await connection->close();
  }
  while (!ended_) co_await changed_.wait();
}

std::string Keeper::endpoints() const {
  std::string all;
  for (const Endpoint& endpoint : settings_.endpoints)
    all += (all.empty() ? "" : ", ") + endpoint.text();
  return all;
}

/// A connect that hangs, or a broker that says nothing, would leave the log empty for long.
void Keeper::say_if_it_takes_long() {
  if (voice_ != Voice::loud) return;
  first_try_.expires_after(long_first_try);
  first_try_.async_wait([where = endpoints()](boost::system::error_code cancelled) {
    if (!cancelled) log::info("connecting to " + where);
  });
}

Task<void> Keeper::run() {
  while (!closing_) {
    const auto begun = SteadyClock::now();
    const bool stood = co_await serve();
    if (closing_) break;
    if (stood && SteadyClock::now() - begun >= healthy_after) pause_.reset();
    std::chrono::milliseconds pause = pause_.next();
    if (not_welcome_) {
      Backoff jitter(not_welcome_pause, not_welcome_pause);
      pause = not_welcome_pause + jitter.next();
    }
    co_await changed_.wait_for(pause);
  }
  ended_ = true;
  changed_.notify();
}

Task<bool> Keeper::serve() {
  connection_ = std::make_shared<Connection>(loop_, settings_);
  const std::shared_ptr<Connection> connection = connection_;
  const Answer opened = co_await connection->open();
  first_try_.cancel();
  refusal_ = opened.refusal;
  if (!opened.ok()) {
    connection_.reset();
    if (closing_) co_return false;
    ++failures_;
    not_welcome_ = opened.refusal->login;
    say_unreachable(*opened.refusal);
    if (events_.vain) events_.vain(*opened.refusal);
    co_return false;
  }
  not_welcome_ = false;
  failures_ = 0;
  said_unreachable_ = false;
  said_not_welcome_ = {};
  say(false, "connected to the broker at " + connection->peer());

  bool lost_it = false;
  Refusal why;
  Connection::Events events;
  events.closed = [&](const Refusal& reason) {
    lost_it = true;
    why = reason;
    why.endpoint = connection->peer();
    refusal_ = why;
    changed_.notify();
  };
  events.blocked = [this](bool blocked, const std::string& reason) {
    say(blocked, blocked ? "the broker takes no messages for now: " + text::one_line(reason, 200)
                         : "the broker takes messages again");
  };
  connection->listen(std::move(events));
  if (events_.up) events_.up(connection);
  while (!lost_it) co_await changed_.wait();
  connection_.reset();
  if (closing_) co_return true;
  said_unreachable_ = true;  // it is the same state until it is back
  say(true, "the connection to the broker at " + connection->peer() +
                " is lost, trying again until it is back: " + text::one_line(why.text, 300));
  if (events_.down) events_.down(why);
  co_return true;
}

void Keeper::say_unreachable(const Refusal& why) {
  const std::string reason = text::one_line(why.text, 300);
  if (why.login) {
    const auto now = SteadyClock::now();
    if (said_not_welcome_ != SteadyClock::time_point{} &&
        now - said_not_welcome_ < not_welcome_said)
      return;
    said_not_welcome_ = now;
    const std::string text = "the broker refuses us as user '" + settings_.user +
                             "' of virtual host '" + settings_.virtual_host + "': " + reason +
                             (why.cure.empty() ? "" : " (" + why.cure + ")");
    voice_ == Voice::loud ? log::error(text) : log::debug(text);
    return;
  }
  if (said_unreachable_) return log::debug("still no broker: " + reason);
  said_unreachable_ = true;
  say(true, "broker unreachable, trying again until it is there: " + reason);
}

void Keeper::say(bool serious, const std::string& text) const {
  if (voice_ == Voice::quiet)
    log::debug(settings_.name + ": " + text);
  else if (serious)
    log::warning(text);
  else
    log::info(text);
}

}  // namespace rbit::amqp
