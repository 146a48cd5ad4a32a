#include "rbit/amqp/blame.h"

#include <utility>
#include <vector>

namespace rbit::amqp {

bool Blame::closed(ChannelStates& channels, const Refusal& why,
                   std::optional<std::size_t> request) {
  if (!request && why.code != internal_error) return false;
  std::vector<std::pair<ChannelState*, std::string>> all, named;
  for (auto& [number, channel] : channels)
    for (const Pending& pending : channel.pending) {
      if (pending.queue.empty() || (request && pending.request != *request)) continue;
      all.emplace_back(&channel, pending.queue);
      if (why.text.find("'" + pending.queue + "'") != std::string::npos)
        named.push_back(all.back());
    }
  for (const auto& [channel, queue] : named.empty() ? all : named)
    channel->suspects.push_back(queue);
  operation_ = why.operation;
  return !all.empty();
}

bool Blame::late(ChannelStates& channels, std::chrono::steady_clock::time_point now) {
  std::vector<std::pair<ChannelState*, const Pending*>> late;
  for (auto& [number, channel] : channels)
    if (!channel.pending.empty() && now >= channel.pending.front().deadline)
      late.emplace_back(&channel, &channel.pending.front());
  if (late.empty()) return false;
  const Pending& first = *late.front().second;
  if (late.size() == 1 && !first.queue.empty()) {
    late.front().first->suspects.push_back(first.queue);
    operation_ = name_of_request(first.request);
  }
  return true;
}

void Blame::unreadable(ChannelStates& channels) {
  for (auto& [number, channel] : channels) {
    if (channel.reading == ChannelState::Reading::nothing ||
        channel.content == ChannelState::Content::returned)
      continue;
    is_unreadable_ = true;
    operation_ = channel.content == ChannelState::Content::got ? "basic.get" : "basic.deliver";
    if (!channel.message.consumer_tag.empty())
      channel.suspects.push_back(channel.message.consumer_tag);
    for (const Pending& pending : channel.pending)
      if (channel.content == ChannelState::Content::got && pending.request == request_index<Get>)
        channel.suspects.push_back(pending.queue);
  }
}

}  // namespace rbit::amqp
