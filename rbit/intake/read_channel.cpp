#include "rbit/intake/read_channel.h"

#include <algorithm>

namespace rbit {

using amqp::Answer;
using amqp::Refusal;

namespace {
constexpr int most_reserved = 4;
}

std::shared_ptr<ReadChannel> ReadChannel::on(std::shared_ptr<amqp::Channel> channel) {
  auto made = std::make_shared<ReadChannel>(std::move(channel));
  amqp::Channel::Events events;
  // The channel does not hold us, or it would live for ever.
  const std::weak_ptr<ReadChannel> weak = made;
  events.delivered = [weak](amqp::Incoming incoming) {
    if (const auto self = weak.lock()) self->deliver(std::move(incoming));
  };
  events.consumer_cancelled = [weak](const std::string& tag) {
    if (const auto self = weak.lock()) self->tell_cancelled(tag);
  };
  events.closed = [weak](const Refusal& why) {
    if (const auto self = weak.lock()) self->tell_closed(why);
  };
  made->channel().listen(std::move(events));
  return made;
}

std::string ReadChannel::join(std::string queue, std::weak_ptr<Member> member) {
  std::string tags = "rbit-" + std::to_string(++joined_) + "-";
  all_[tags] = Place{std::move(queue), std::move(member)};
  ++members_;
  return tags;
}

void ReadChannel::leave(const std::string& tags) {
  const auto found = all_.find(tags);
  if (found == all_.end() || std::exchange(found->second.left, true)) return;
  --members_;
  // What was under way to those that left before it has come: the broker has answered since.
  std::erase_if(all_, [&](const auto& one) {
    return one.first != tags && one.second.left && one.second.queue == found->second.queue;
  });
}

Task<Answer> ReadChannel::get(std::string tags) {
  const auto self = shared_from_this();
  const auto found = all_.find(tags);
  const std::string queue = found == all_.end() ? "" : found->second.queue;
  getter_ = std::move(tags);
  amqp::Get get{queue};
  const Answer answer = co_await channel().call(std::move(get));
  co_return answer;
}

/// "rbit-3-17" is the seventeenth consumer of the member whose tags begin with "rbit-3-".
ReadChannel::Place* ReadChannel::place_of(const std::string& tag) {
  const auto found = all_.find(tag.substr(0, tag.rfind('-') + 1));
  return found == all_.end() ? nullptr : &found->second;
}

void ReadChannel::deliver(amqp::Incoming incoming) {
  const bool got = incoming.consumer_tag.empty();
  const Place* to = place_of(got ? getter_ : incoming.consumer_tag);
  if (to == nullptr) return;  // it goes back when the channel closes
  if (const auto member = to->member.lock())
    member->delivered(shared_from_this(), std::move(incoming));
}

void ReadChannel::tell_cancelled(const std::string& tag) {
  const Place* to = place_of(tag);
  if (to == nullptr || to->left) return;
  if (const auto member = to->member.lock()) member->consumer_cancelled(shared_from_this(), tag);
}

std::vector<std::string> ReadChannel::concerned(const Refusal& why) const {
  std::vector<std::string> present, suspects, named;
  for (const auto& [tags, place] : all_) {
    if (place.left) continue;
    present.push_back(tags);
    const bool is_suspect = std::any_of(
        why.suspects.begin(), why.suspects.end(),
        [&](const std::string& one) { return one == place.queue || one.starts_with(tags); });
    if (is_suspect) suspects.push_back(tags);
    if (is_suspect && why.text.find("'" + place.queue + "'") != std::string::npos)
      named.push_back(tags);
  }
  if (named.size() == 1) return named;
  return suspects.empty() ? present : suspects;
}

void ReadChannel::tell_closed(const Refusal& why) {
  const auto self = shared_from_this();  // a member may let go of us
  const std::vector<std::string> theirs = concerned(why);
  const Refusal of_another{bystander, "another queue had its channel closed: " + why.text};
  const auto all = all_;
  for (const auto& [tags, place] : all) {
    const auto member = place.member.lock();
    if (place.left || !member) continue;
    const bool concerned = std::find(theirs.begin(), theirs.end(), tags) != theirs.end();
    member->closed(self, concerned ? why : of_another);
  }
}

Task<Answer> ReadChannel::barrier() {
  return amqp::answer_of([self = shared_from_this()](amqp::Channel::Done done) {
    self->waiting_.push_back(std::move(done));
    if (!self->asking_) self->ask();
  });
}

void ReadChannel::ask() {
  asking_ = true;
  channel_->request(
      amqp::SetPrefetch{1},
      [self = shared_from_this(), asked = std::exchange(waiting_, {})](const Answer& answer) {
        self->asking_ = false;
        if (!self->waiting_.empty()) self->ask();
        for (const auto& done : asked) done(answer);
      });
}

Task<std::shared_ptr<ReadChannel>> ReadChannels::take(std::shared_ptr<amqp::Connection> connection,
                                                      bool in_trouble) {
  forget_old(connection);
  const int reserved = std::min(most_reserved, std::max(others_, connection->channel_max() / 2));
  const bool refuge =
      std::any_of(all_.begin(), all_.end(), [](const One& one) { return one.in_trouble; });
  const int used = static_cast<int>(all_.size()) + opening_ - (refuge ? 1 : 0);
  const bool room = used < connection->channel_max() - reserved;
  // One channel of the reserve is for queues in trouble, all of them together.
  if (room || (in_trouble && !refuge && reserved > others_)) {
    ++opening_;
    const auto channel = co_await connection->channel_when_free();
    --opening_;
    opened_.notify();
    if (!channel->is_open()) co_return nullptr;
    const auto made = ReadChannel::on(channel);
    forget_old(connection);
    all_.push_back({made, !room});
    co_return made;
  }
  while (all_.empty() && opening_ > 0) co_await opened_.wait();
  co_return shared(in_trouble);
}

void ReadChannels::forget_old(const std::shared_ptr<amqp::Connection>& connection) {
  if (connection_.lock() != connection) all_.clear();
  connection_ = connection;
  std::erase_if(all_, [](const One& one) {
    const auto channel = one.channel.lock();
    return !channel || !channel->channel().is_open();
  });
}

/// The one with the fewest queues, of those that are all in trouble, or all well, if there is one.
std::shared_ptr<ReadChannel> ReadChannels::shared(bool in_trouble) const {
  std::shared_ptr<ReadChannel> best;
  bool best_fits = false;
  for (const One& one : all_) {
    const auto channel = one.channel.lock();
    const bool fits = one.in_trouble == in_trouble;
    if (best && (best_fits != fits ? best_fits : best->members() <= channel->members())) continue;
    best = channel;
    best_fits = fits;
  }
  return best;
}

}  // namespace rbit
