#include "rbit/dispatch/disk_guard.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "rbit/log/log.h"

namespace rbit {

namespace {
constexpr milliseconds look_pause{5'000};
constexpr milliseconds short_pause{100};  // a job that has ended may have filled the disk
}  // namespace

DiskGuard::DiskGuard(Clock& clock, std::vector<Place> places, disk::Limit limit, Ballast& ballast,
                     Means means)
    : clock_(clock),
      places_(std::move(places)),
      limit_(limit),
      ballast_(ballast),
      means_(std::move(means)) {}

/// What there is too little of, or nothing.
std::string DiskGuard::shortage() {
  const bool held = !why_.empty();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    const auto found = means_.space_at(place.path);
    if (!found) continue;  // whoever writes there says more
    place.space = *found;
    const std::int64_t limit = limit_.of(found->total);
    // More than the limit ends a shortage, else each job that cleans up behind itself would.
    const std::int64_t least = held ? limit + limit / 2 : limit;
    // Room for it, and not at once another reason to throw it overboard.
    const std::int64_t ballast = i == 0 && overboard_ ? 2 * Ballast::size : 0;
    if (found->free < least + ballast)
      return place.name + " " + place.path + " has " + disk::size_text(found->free) +
             " free, and " + disk::size_text(least + ballast) + " are wanted";
  }
  return "";
}

void DiskGuard::look() {
  looked_ = clock_.steady();
  const std::string why = shortage();
  if (why.empty()) make_ballast();
  note(why);
}

void DiskGuard::note(const std::string& why) {
  const bool held = !why_.empty();
  if (why.empty() == !held) {
    if (held) why_ = why;  // with the figures of today
    return;
  }
  why_ = why;
  if (why.empty())
    log::info("the disk has room again: taking messages");
  else
    log::error("nothing is taken until the disk has room again: " + why + " (" + cure() + ")");
  means_.hold(why);
}

/// Where the ballast alone is what there is no room for, no limit helps.
std::string DiskGuard::cure() const {
  const bool has_limit = std::any_of(places_.begin(), places_.end(), [this](const Place& place) {
    return limit_.of(place.space.total) > 0;
  });
  return has_limit ? "make room, or set [rbit] min-free-disk lower"
                   : "make room: rbit keeps " + disk::size_text(Ballast::size) +
                         " for its verdicts, whatever min-free-disk is";
}

void DiskGuard::make_ballast() {
  if (places_.empty() || ballast_.is_there()) return;
  const disk::Space& space = places_.front().space;
  // The ballast itself shall not be what there is too little room for.
  if (overboard_ || space.free - Ballast::size >= limit_.of(space.total) * 3 / 2)
    if (ballast_.make()) overboard_ = false;
}

Task<void> DiskGuard::watch() {
  stirred_.emplace(co_await asio::this_coro::executor);
  for (;;) {
    const bool is_due = !has_looked(look_pause);
    if (is_due) look();
    // What happened since the last look is seen by one more.
    is_quiet_ = is_due && why_.empty() && ballast_.is_there() && !means_.is_busy();
    if (is_quiet_)
      co_await stirred_->wait();
    else
      co_await clock_.sleep_for(look_pause);
    is_quiet_ = false;
  }
}

bool DiskGuard::has_looked(milliseconds lately) const {
  return looked_ && clock_.steady() - *looked_ < lately;
}

void DiskGuard::finished(const Job&, const Outcome&, std::optional<Status>) {
  if (!has_looked(short_pause)) look();
}

void DiskGuard::arriving() {
  if (!has_looked(look_pause)) look();
  stir();
}

/// Something happens, so it is to be looked at again.
void DiskGuard::stir() {
  if (is_quiet_) stirred_->notify();
}

bool DiskGuard::make_room() {
  if (!ballast_.drop()) return false;
  log::warning(
      "the disk is full: the ballast was thrown overboard, verdicts are written to its place");
  overboard_ = true;
  note(shortage());
  stir();
  return true;
}

}  // namespace rbit
