#include "rbit/amqp/keeper.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rbit/base/loopback.h"
#include "rbit/base/random.h"
#include "rbit/base/text.h"
#include "rbit/log/log.h"

namespace rbit::amqp {

namespace {
using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::minutes not_welcome_said{10};  // a broker that refuses us is named again
constexpr std::chrono::seconds long_first_try{2};
constexpr std::size_t most_protocol_faults = 5;  // within:
constexpr std::chrono::minutes protocol_faults_span{10};

}  // namespace

Keeper::Keeper(const asio::any_io_executor& loop, ConnectionSettings settings, Voice voice)
    : loop_(loop),
      settings_(std::move(settings)),
      channel_max_(settings_.channel_max),
      voice_(voice),
      pause_(settings_.backoff_base, settings_.backoff_cap),
      changed_(loop),
      first_try_(loop),
      blocked_since_(loop),
      protocol_faults_(most_protocol_faults, protocol_faults_span) {
  std::shuffle(settings_.endpoints.begin(), settings_.endpoints.end(),
               std::minstd_rand(static_cast<std::uint32_t>(random_number())));
}

void Keeper::start(Events events) {
  events_ = std::move(events);
  started_ = true;
  if (!settings_.tls)
    for (const Endpoint& endpoint : settings_.endpoints)
      if (!is_loopback(endpoint.host))
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
    if (stood && SteadyClock::now() - begun >= settings_.healthy_after) {
      pause_.reset();
      if (!starved_) said_channels_.clear();
    }
    std::chrono::milliseconds pause = pause_.next();
    if (not_welcome_ || (refusal_ && refusal_->limit)) {
      const auto least = not_welcome_ ? settings_.not_welcome_pause : settings_.limit_pause / 2;
      pause = least + Backoff(least, least).next();
    }
    co_await changed_.wait_for(pause);
  }
  ended_ = true;
  changed_.notify();
}

Task<bool> Keeper::serve() {
  connection_ = std::make_shared<Connection>(loop_, settings_);
  const std::shared_ptr<Connection> connection = connection_;
  Answer opened = co_await connection->open();
  if (opened.ok() && starved_) opened = co_await try_channels(connection);
  first_try_.cancel();
  refusal_ = opened.refusal;
  if (!opened.ok()) {
    connection_.reset();
    if (closing_) co_return false;
    not_welcome_ = opened.refusal->login;
    say_unreachable(*opened.refusal);
    if (events_.connect_failed) events_.connect_failed(*opened.refusal);
    co_return false;
  }
  not_welcome_ = false;
  said_not_welcome_ = {};
  if (!starved_) say_connected();

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
    note_blocked(blocked, reason);
    if (events_.blocked) events_.blocked(blocked);
  };
  connection->listen(std::move(events));
  up_ = true;
  if (events_.up) events_.up(connection);
  while (!lost_it) {
    if (!starved_) {
      co_await changed_.wait();
      continue;
    }
    const bool told = co_await changed_.wait_for(settings_.limit_pause);
    if (told || lost_it) continue;
    starved_ = false;  // others who share the limit have left us enough
    say_connected();
  }
  up_ = false;
  connection_.reset();
  blocked_.reset();
  blocked_since_.cancel();
  if (closing_) co_return true;
  note_channel_limit(why, connection->channels_at_end());
  refusal_ = why;
  said_unreachable_ = true;  // it is the same state until it is back
  said_limit_ = why.limit;
  if (!starved_ || !why.limit)
    say(true, "the connection to the broker at " + connection->peer() +
                  " is lost, trying again until it is back: " + text::one_line(why.text, 300));
  if (events_.down) events_.down(why);
  if (why.protocol && protocol_faults_.note(SteadyClock::now()) && events_.hopeless)
    events_.hopeless(why);
  co_return true;
}

void Keeper::say_connected() {
  said_unreachable_ = false;
  const std::string peer = connection_->peer();
  say(false, "connected to the broker at " + peer);
  if (settings_.tls && !settings_.tls->verify)
    say(true, "tls-verify = no: nobody knows who answers at " + peer);
}

Task<Answer> Keeper::try_channels(std::shared_ptr<Connection> connection) {
  Answer answer;
  std::vector<std::shared_ptr<Channel>> all;
  for (int i = 0; i < settings_.least_channels; ++i) all.push_back(connection->new_channel());
  for (const auto& channel : all) {
    Request harmless = SetPrefetch{1};
    answer = co_await channel->call(std::move(harmless));
    if (!answer.ok()) break;
  }
  if (answer.ok() && connection->is_open()) {
    for (const auto& channel : all) channel->close();
    co_return answer;
  }
  if (answer.ok()) answer.refusal = Refusal{lost, "the connection is lost"};
  if (answer.refusal->limit) answer.refusal = too_few_channels(*answer.refusal);
  answer.refusal->endpoint = connection->peer();
  co_return answer;
}

Refusal Keeper::too_few_channels(Refusal why) const {
  why.cure = "this connection needs " + std::to_string(settings_.least_channels) +
             ", and those of one user share the limit: rabbitmqctl set_user_limits, max-channels";
  return why;
}

/// A user may be allowed fewer channels than a connection is. The next connection has a few less
/// than there were, for our other connections share that limit; the one after it, as many again.
/// Where there were fewer than it needs, each is tried out first, and has no users until it has
/// them.
void Keeper::note_channel_limit(Refusal& why, int channels) {
  settings_.channel_max = channel_max_;
  if (!why.limit) return;
  starved_ = channels < settings_.least_channels;
  std::string line = "the broker allows us no more channels, ";
  if (starved_) {
    why = too_few_channels(std::move(why));
    line += "trying again every few seconds: " + why.said();
  } else {
    settings_.channel_max =
        std::clamp(channels - 2, settings_.least_channels, settings_.channel_max);
    line += "going on with " + std::to_string(settings_.channel_max) + ": " + why.said();
  }
  if (line == said_channels_) return;
  said_channels_ = line;
  say(true, line);
}

void Keeper::reconnect(const std::string& why) {
  if (connection_) connection_->abort(why);
}

/// Said aloud by a quiet one too: only the connection that publishes hears of it.
void Keeper::note_blocked(bool blocked, const std::string& reason) {
  const std::string peer = connection_->peer();
  blocked_since_.cancel();
  if (!blocked) {
    blocked_.reset();
    return log::info("the broker at " + peer + " takes messages again");
  }
  blocked_ = text::one_line(reason, 200);
  log::warning("the broker at " + peer + " takes no messages for now, ours wait: " + *blocked_);
  if (settings_.endpoints.size() < 2) return;
  blocked_since_.expires_after(settings_.blocked_limit);
  blocked_since_.async_wait(
      [this, peer, weak = std::weak_ptr(connection_)](boost::system::error_code cancelled) {
        if (cancelled || weak.expired() || !blocked_) return;
        log::warning("the broker at " + peer + " has taken no messages for " +
                     std::to_string(settings_.blocked_limit.count() / 1000) + " s: trying another");
        auto& all = settings_.endpoints;  // the next try begins with another
        std::stable_partition(all.begin(), all.end(),
                              [&](const Endpoint& one) { return one.text() != peer; });
        reconnect("it takes no messages");
      });
}

void Keeper::say_unreachable(const Refusal& why) {
  if (why.login) {
    const auto now = SteadyClock::now();
    if (said_not_welcome_ != SteadyClock::time_point{} &&
        now - said_not_welcome_ < not_welcome_said)
      return;
    said_not_welcome_ = now;
    const std::string text = "the broker refuses us as user '" + settings_.user +
                             "' of virtual host '" + settings_.virtual_host + "': " + why.said();
    voice_ == Voice::loud ? log::error(text) : log::debug(text);
    return;
  }
  if (said_unreachable_ && said_limit_ == why.limit)
    return log::debug("still no broker: " + text::one_line(why.text, 300));
  said_unreachable_ = true;
  said_limit_ = why.limit;
  say(true, (why.limit ? "the broker has no room for us, trying again every few seconds: "
                       : "broker unreachable, trying again until it is there: ") +
                why.said());
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
