#include "rbit/intake/read_channel.h"

#include <algorithm>

namespace rbit {

using amqp::Answer;
using amqp::Refusal;

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

std::string ReadChannel::join(Member member) {
  std::string tags = "rbit-" + std::to_string(++joined_) + "-";
  all_[tags] = std::move(member);
  ++members_;
  return tags;
}

void ReadChannel::leave(const std::string& tags) {
  const auto found = all_.find(tags);
  if (found == all_.end() || !found->second.closed) return;
  found->second.closed = nullptr;
  found->second.consumer_cancelled = nullptr;
  --members_;
  // What was under way to those that left before it has come: the broker has answered since.
  std::erase_if(all_, [&](const auto& one) {
    return one.first != tags && !one.second.closed && one.second.queue == found->second.queue;
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
ReadChannel::Member* ReadChannel::member_of(const std::string& tag) {
  const auto found = all_.find(tag.substr(0, tag.rfind('-') + 1));
  return found == all_.end() ? nullptr : &found->second;
}

void ReadChannel::deliver(amqp::Incoming incoming) {
  const bool got = incoming.consumer_tag.empty();
  Member* to = member_of(got ? getter_ : incoming.consumer_tag);
  if (to == nullptr) return;  // it goes back when the channel closes
  const auto delivered = to->delivered;
  delivered(std::move(incoming));
}

void ReadChannel::tell_cancelled(const std::string& tag) {
  Member* to = member_of(tag);
  if (to == nullptr || !to->consumer_cancelled) return;
  const auto cancelled = to->consumer_cancelled;
  cancelled(tag);
}

std::vector<std::string> ReadChannel::concerned(const Refusal& why) const {
  std::vector<std::string> present, suspects, named;
  for (const auto& [tags, member] : all_) {
    if (!member.closed) continue;
    present.push_back(tags);
    const bool is_suspect = std::any_of(
        why.suspects.begin(), why.suspects.end(),
        [&](const std::string& one) { return one == member.queue || one.starts_with(tags); });
    if (is_suspect) suspects.push_back(tags);
    if (is_suspect && why.text.find("'" + member.queue + "'") != std::string::npos)
      named.push_back(tags);
  }
  if (named.size() == 1) return named;
  return suspects.empty() ? present : suspects;
}

void ReadChannel::tell_closed(const Refusal& why) {
  const auto self = shared_from_this();  // a member may let go of us
  const std::vector<std::string> theirs = concerned(why);
  const Refusal of_another{bystander, "another queue had its channel closed: " + why.text, false};
  const auto all = all_;
  for (const auto& [tags, member] : all) {
    if (!member.closed) continue;
    const bool concerned = std::find(theirs.begin(), theirs.end(), tags) != theirs.end();
    member.closed(concerned ? why : of_another);
  }
}

}  // namespace rbit
