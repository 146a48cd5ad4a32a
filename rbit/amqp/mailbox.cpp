#include "rbit/amqp/mailbox.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <utility>

namespace rbit::amqp {

Mailbox::Mailbox(std::function<void()> notify)
    : notify_(std::move(notify)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Mailbox::send(Command command) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  if (first) wake();
}

std::vector<Event> Mailbox::take_events() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

void Mailbox::stop() {
  stopped_ = true;
  shut();
  wake();
}

void Mailbox::shut() {
  const std::lock_guard lock(mutex_);
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

std::vector<Command> Mailbox::take_commands() {
  const std::lock_guard lock(mutex_);
  return std::exchange(commands_, {});
}

void Mailbox::deliver(std::vector<Event>& events) {
  if (events.empty()) return;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = events_.empty();
    if (first)
      events_.swap(events);
    else
      events_.insert(events_.end(), std::make_move_iterator(events.begin()),
                     std::make_move_iterator(events.end()));
  }
  events.clear();
  if (first) notify_();
}

void Mailbox::drain() {
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
}

bool Mailbox::wait(int other, short events, std::chrono::milliseconds limit) {
  using SteadyClock = std::chrono::steady_clock;
  const auto end = SteadyClock::now() + limit;
  while (!stopped()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now()).count();
    if (left <= 0) return false;
    pollfd both[] = {{other, events, 0}, {wake_fd(), POLLIN, 0}};
    const int ready = ::poll(both, 2, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return false;
    if (ready > 0 && both[0].revents != 0) return true;
    if (ready > 0) drain();
  }
  return false;
}

void Mailbox::use_socket(int fd) {
  const std::lock_guard lock(mutex_);
  socket_ = fd;
  if (fd >= 0 && stopped_) ::shutdown(fd, SHUT_RDWR);  // the stop came first
}

void Mailbox::wake() {
  ::eventfd_write(wake_.get(), 1);
}

}  // namespace rbit::amqp
