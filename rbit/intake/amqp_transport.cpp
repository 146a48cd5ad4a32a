#include "rbit/intake/amqp_transport.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "rbit/intake/amqp_settler.h"
#include "rbit/log/log.h"

namespace rbit {

using amqp::Connection;
using amqp::Refusal;

namespace {

constexpr std::chrono::milliseconds least_poll_time{10};  // 0 would never sleep
// Between two looks at a queue that is empty.
constexpr std::chrono::milliseconds least_pause{20}, pause_a_queue{2};

amqp::ConnectionSettings for_intake(const AmqpTransportSettings& all) {
  amqp::ConnectionSettings settings = all.connection;
  // A channel a queue, another one for a queue whose old channel has jobs that are not answered
  // yet, a few that are thrown away, and the command queue's. The broker may allow fewer.
  settings.channel_max = std::max(16, 2 * static_cast<int>(all.queues.size()) + 8);
  settings.channel_max = std::min(settings.channel_max, 65535);
  settings.least_channels = 1 + all.channels_for_others;
  settings.only_reads = true;
  return settings;
}

}  // namespace

AmqpTransport::AmqpTransport(const asio::any_io_executor& loop, Clock& clock,
                             AmqpTransportSettings settings, amqp::PublishConnection& publisher)
    : loop_(loop),
      settings_(std::move(settings)),
      copy_(publisher, clock, settings_.worker,
            {settings_.declare != Topology::Declare::no, settings_.quorum}),
      topology_(loop, settings_.declare, settings_.exchange),
      keeper_(loop, for_intake(settings_), amqp::Voice::loud),
      channels_(loop, settings_.channels_for_others),
      changed_(loop),
      look_(loop),
      flows_(loop) {}

AmqpTransport::~AmqpTransport() {
  for (const auto& [name, reader] : readers_) reader->unlink();
  for (const auto& tender : leaving_) tender->reader().unlink();
}

void AmqpTransport::on_state(std::function<void(bool, const std::string&)> hook) {
  state_hook_ = std::move(hook);
}

void AmqpTransport::on_hopeless(std::function<void(const Error&)> hook) {
  hopeless_hook_ = std::move(hook);
}

std::uint32_t AmqpTransport::consumers(const std::string& queue) const {
  const auto reader = readers_.find(queue);
  return reader != readers_.end() && reader->second->consumes() ? 1 : 0;
}

void AmqpTransport::on_not_welcome(std::function<void(const Error&)> hook) {
  not_welcome_hook_ = std::move(hook);
}

void AmqpTransport::on_acknowledgement_timeout(std::function<void(milliseconds)> hook) {
  timeout_hook_ = std::move(hook);
}

Delivery AmqpTransport::adopt(Message message) {
  return Delivery(std::move(message), std::make_unique<AmqpSettler>(copy_));
}

void AmqpTransport::start(std::vector<std::string> queues, std::function<void(Delivery)> deliver) {
  deliver_ = std::move(deliver);
  if (settings_.poll_time) way_ = AmqpReader::Way::look_only;
  for (const std::string& queue : queues) add_queue(queue);
  amqp::Keeper::Events events;
  events.up = [this](std::shared_ptr<Connection> connection) {
    topology_.connected(connection);
    said_reading_ = false;
    connection_ = connection;
    changed_.notify();
    if (state_hook_) state_hook_(true, "");
    if (connection_hook_) connection_hook_(std::move(connection));
  };
  events.down = [this](const Refusal& why) {
    connection_.reset();
    changed_.notify();
    if (state_hook_) state_hook_(false, why.text);
  };
  events.connect_failed = [this](const Refusal& why) {
    if (state_hook_) state_hook_(false, why.text);
    if (why.login && not_welcome_hook_) not_welcome_hook_(why.error("broker"));
  };
  events.hopeless = [this](const Refusal& why) {
    if (hopeless_hook_) hopeless_hook_(why.error("broker"));
  };
  keeper_.start(std::move(events));
  if (way_ == AmqpReader::Way::look_only) start_looking();
}

void AmqpTransport::start_looking() {
  if (!std::exchange(looks_, true)) flows_.start(look_around(), "looking at queues");
}

void AmqpTransport::add_queue(const std::string& name) {
  using Way = AmqpReader::Way;
  if (way_ == Way::consume && !readers_.empty()) {
    way_ = Way::look_first;
    for (const auto& [other, reader] : readers_) reader->go_way(way_);
    start_looking();
  }
  WorkQueue queue{name, ""};
  for (const WorkQueue& known : settings_.queues)
    if (known.name == name) queue = known;
  AmqpReader::Links links{deliver_, [this] {
                            look_due_ = true;
                            look_.notify();
                          }};
  auto reader =
      std::make_shared<AmqpReader>(loop_, queue, way_, copy_, counters_, std::move(links));
  readers_[name] = reader;
  QueueTender::Means means{settings_, topology_, channels_, changed_, {}, {}, {}};
  means.common = [this] { return connection_ && connection_->is_open() ? connection_ : nullptr; };
  means.noted = [this] { say_reading(); };
  means.acknowledgement_timeout = [this](milliseconds limit) {
    if (timeout_hook_) timeout_hook_(limit);
  };
  tenders_.push_back(std::make_shared<QueueTender>(loop_, std::move(reader), std::move(means)));
  flows_.start(tenders_.back()->run(), "reading a queue");
}

void AmqpTransport::remove_queue(const std::string& queue) {
  const auto its = std::find_if(tenders_.begin(), tenders_.end(), [&](const auto& tender) {
    return tender->reader().queue().name == queue;
  });
  if (its == tenders_.end()) return;
  const std::shared_ptr<QueueTender> tender = *its;
  tenders_.erase(its);
  readers_.erase(queue);
  flows_.start(leave(tender), "leaving a queue");
}

Task<void> AmqpTransport::leave(std::shared_ptr<QueueTender> tender) {
  leaving_.insert(tender);
  co_await tender->leave();
  leaving_.erase(tender);
}

void AmqpTransport::set_credit(const std::string& queue, Credit credit) {
  const auto found = readers_.find(queue);
  if (found == readers_.end() || !found->second->set_credit(credit)) return;
  to_apply_.push_back(found->second);
  apply_soon();
}

/// Many changes of one turn of the loop are one change.
void AmqpTransport::apply_soon() {
  if (std::exchange(apply_due_, true)) return;
  asio::post(loop_, [this, alive = lifetime_.watch()] {
    if (alive.is_over()) return;
    apply_due_ = false;
    for (const auto& reader : std::exchange(to_apply_, {})) reader->apply();
  });
}

void AmqpTransport::stop_taking() {
  for (const auto& [name, reader] : readers_) reader->stop();
}

Task<void> AmqpTransport::close() {
  closing_ = true;
  stop_taking();
  changed_.notify();
  look_.notify();
  for (const auto& tender : tenders_) co_await tender->close();
  for (const auto& tender : std::set(leaving_)) co_await tender->close();
  co_await keeper_.close();
  changed_.notify();
  co_await flows_.all_ended();
}

std::map<std::string, std::string> AmqpTransport::troubles(std::chrono::milliseconds grace) const {
  std::map<std::string, std::string> troubles;
  for (const auto& tender : tenders_)
    if (const std::string trouble = trouble_of(*tender, grace); !trouble.empty())
      troubles[tender->reader().queue().name] = trouble;
  return troubles;
}

std::string AmqpTransport::away() const {
  if (keeper_.is_up()) return "";
  const auto& why = keeper_.refusal();
  return why ? why->said() : "no answer from " + keeper_.endpoints() + " so far";
}

std::string AmqpTransport::trouble_of(const QueueTender& tender,
                                      std::chrono::milliseconds grace) const {
  if (tender.reads() || tender.unread_for() < grace) return tender.trouble();
  if (!keeper_.is_up() && !tender.is_apart()) return "not connected: " + away();
  return tender.trouble().empty() ? "the broker has not let us read it so far" : tender.trouble();
}

void AmqpTransport::say_reading() {
  std::size_t read = 0, settled = 0;
  for (const auto& tender : tenders_) {
    const bool well = tender->trouble().empty();
    if (tender->reads() && well) ++read;
    if (tender->reads() || !well) ++settled;
  }
  if (read == 0 || settled < tenders_.size() || std::exchange(said_reading_, true)) return;
  const std::string poll =
      settings_.poll_time
          ? ", looking every " + std::to_string(settings_.poll_time->count() / 1000) + " s"
          : "";
  const std::string all = read == settled ? "" : " of " + std::to_string(settled);
  log::info("consuming from " + std::to_string(read) + all + " queues" + poll);
}

AmqpReader* AmqpTransport::next_to_look() {
  const SteadyTime now = std::chrono::steady_clock::now();
  // Beside a queue that has many messages those that have none are asked now and then: whatever
  // their number, less often than once in two milliseconds.
  const auto pause = std::max(least_pause, pause_a_queue * static_cast<int>(readers_.size()));
  const auto fits = [&](const auto& one) {
    const AmqpReader& reader = *one.second;
    if (!reader.wants_a_look()) return false;
    return !reader.seems_empty() || (!settings_.poll_time && now - reader.looked() >= pause);
  };
  const auto after = readers_.upper_bound(last_looked_);
  auto found = std::find_if(after, readers_.end(), fits);
  if (found == readers_.end()) {
    found = std::find_if(readers_.begin(), after, fits);
    if (found == after) return nullptr;
  }
  last_looked_ = found->first;
  return found->second.get();
}

/// Fills free slots by basic.get, one queue after the other; false when nobody wants a look.
Task<bool> AmqpTransport::look_once() {
  AmqpReader* reader = next_to_look();
  if (!reader) co_return false;
  co_await reader->look();
  // Whoever got the message says in this turn or the next what that means for the slots.
  co_await asio::post(loop_, asio::use_awaitable);
  co_return true;
}

Task<void> AmqpTransport::look_around() {
  while (!closing_) {
    look_due_ = false;
    const bool looked = co_await look_once();
    if (looked) continue;
    if (!settings_.poll_time) {  // all that have a slot are empty: their next message comes to us
      for (const auto& [name, reader] : readers_)
        if (reader->seems_empty()) reader->subscribe();
      if (!look_due_ && !closing_) co_await look_.wait();
      continue;
    }
    bool asked = look_due_ || closing_;
    if (!asked) asked = co_await look_.wait_for(std::max(*settings_.poll_time, least_poll_time));
    if (asked) continue;
    for (const auto& [name, reader] : readers_) reader->forget_emptiness();
  }
}

}  // namespace rbit
