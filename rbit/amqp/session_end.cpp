// How a channel or a connection ends, and whose doing it was: the part of session.h that lays an
// error at the door of the queue and the operation that caused it.
#include <algorithm>
#include <utility>

#include "rbit/amqp/login.h"
#include "rbit/amqp/session.h"

namespace rbit::amqp {

void Session::on(std::uint16_t number, ChannelCloseFrame& frame) {
  if (!wire_->send_channel_close_ok(number))  // at once: until then the broker repeats it
    return end(broken());
  ChannelState* const channel = find(number);
  if (!channel) return;
  note_limit(frame.why);
  for (const Pending& pending : channel->pending)
    if (!pending.queue.empty() && frame.request == pending.request)
      frame.why.suspects.push_back(pending.queue);
  refuse_all(*channel, frame.why);
  channels_.erase(number);
  events_.emplace_back(ChannelClosed{number, frame.why});
}

void Session::on(std::uint16_t, ConnectionCloseFrame& frame) {
  wire_->send_close_ok();
  Refusal& why = frame.why;
  const bool queues_fault = suspect(why, frame.request);
  why.text = "closed by the broker: " + why.text;
  why.protocol = is_of_the_protocol(why.code) && !queues_fault;
  note_limit(why);
  end(why);
}

/// Who asked for what the broker closed the connection over. It names the method, not the channel;
/// where it names none, as when its own channel crashed, whatever was asked may have been it.
bool Session::suspect(const Refusal& why, std::optional<std::size_t> request) {
  if (!request && why.code != internal_error) return false;
  std::vector<std::pair<ChannelState*, std::string>> all, named;
  for (auto& [number, channel] : channels_)
    for (const Pending& pending : channel.pending) {
      if (pending.queue.empty() || (request && pending.request != *request)) continue;
      all.emplace_back(&channel, pending.queue);
      if (why.text.find("'" + pending.queue + "'") != std::string::npos)
        named.push_back(all.back());
    }
  for (const auto& [channel, queue] : named.empty() ? all : named)
    channel->suspects.push_back(queue);
  deadly_operation_ = why.operation;
  return !all.empty();
}

bool Session::overdue() {
  const Time now = std::chrono::steady_clock::now();
  if (close_deadline_ && now >= *close_deadline_) end({lost, "closed by us"});
  // A blocked connection is not read by the broker: its silence means nothing.
  if (blocked_ || ended_) return ended_.has_value();
  std::vector<std::pair<ChannelState*, const Pending*>> late;
  for (auto& [number, channel] : channels_)
    if (!channel.pending.empty() && now >= channel.pending.front().deadline)
      late.emplace_back(&channel, &channel.pending.front());
  if (late.empty()) return false;
  // One alone hangs for its queue's sake; where several do, the broker is ill.
  const Pending& first = *late.front().second;
  if (late.size() == 1 && !first.queue.empty()) {
    late.front().first->suspects.push_back(first.queue);
    deadly_operation_ = name_of_request(first.request);
  }
  end({lost, "no answer to a request in 20 s"});
  return true;
}

/// What cannot be read came on a channel that a message had begun on, and belongs to whoever it was
/// for. The broker sends the parts of a message without a pause between them.
void Session::suspect_unreadable() {
  for (auto& [number, channel] : channels_) {
    if (channel.reading == Reading::nothing || channel.content == Content::returned) continue;
    unreadable_ = true;
    deadly_operation_ = channel.content == Content::got ? "basic.get" : "basic.deliver";
    if (!channel.message.consumer_tag.empty())
      channel.suspects.push_back(channel.message.consumer_tag);
    for (const Pending& pending : channel.pending)
      if (channel.content == Content::got && pending.request == request_index<Get>)
        channel.suspects.push_back(pending.queue);
  }
}

/// The connection is over. Whoever waits lost it, whatever the code the broker closed it with, but
/// for those who are to blame.
void Session::tell_all() {
  const Refusal why = end_of_all();
  // Nothing was taken on the one channel that the broker's limit kept from being opened. Of several
  // it is not known which one that was.
  Refusal unsent = why;
  unsent.unsent = why.limit && channels() + 1 == static_cast<int>(channels_.size());
  for (auto& [number, channel] : channels_) {
    if (channel.suspects.empty()) {
      refuse_all(channel, channel.opened ? why : unsent);
      continue;
    }
    Refusal deadly = *ended_;
    deadly.deadly = true;
    deadly.operation = deadly_operation_;
    deadly.suspects = channel.suspects;
    if (unreadable_) {
      deadly.code = unreadable;
      deadly.text = "a message of it cannot be read: " + wire_->failure();
      deadly.cure = "take the message out with another client, or purge the queue";
    }
    refuse_all(channel, deadly);
    events_.emplace_back(ChannelClosed{number, std::move(deadly)});
  }
  for (const Command& command : mailbox_.take_commands())
    answer(command.id, Answer{{}, never_sent()});
}

void Session::refuse_all(ChannelState& channel, const Refusal& why) {
  for (const Pending& pending : channel.pending) {
    const bool wanted = pending.request == request_index<CloseChannel>;  // closed it is
    answer(pending.id, wanted ? Answer{} : Answer{{}, why});
  }
  for (const auto& [tag, sent] : channel.unconfirmed)
    answer(sent.id, Answer{{}, sent.returned ? *sent.returned : why});
  for (const Command& command : channel.held) {
    Refusal held_back = why;
    held_back.unsent = true;
    answer(command.id, Answer{{}, held_back});
  }
  channel.held.clear();
  channel.pending.clear();
  channel.unconfirmed.clear();
}

int Session::channels() const {
  return static_cast<int>(std::count_if(channels_.begin(), channels_.end(),
                                        [](const auto& one) { return one.second.opened; }));
}

/// A publish's own fault shows in its channel.
Refusal Session::end_of_all() const {
  Refusal why{lost, ended_->text, ended_->cure};
  why.limit = ended_->limit;
  return why;
}

Refusal Session::never_sent() const {
  Refusal why = end_of_all();
  why.unsent = true;
  return why;
}

void Session::end(Refusal why) {
  if (!ended_) ended_ = std::move(why);
}

Refusal Session::broken() const {
  return {lost, "the connection is lost: " + wire_->failure()};
}

}  // namespace rbit::amqp
