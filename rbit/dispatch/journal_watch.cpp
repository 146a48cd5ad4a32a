#include "rbit/dispatch/journal_watch.h"

#include <algorithm>

#include "rbit/log/log.h"

namespace rbit {

namespace {
constexpr milliseconds first_pause{250}, longest_pause{5'000};
}

void JournalWatch::failed(const Error& error) {
  const bool is_known = !trouble_.empty();
  trouble_ = error.text();
  if (!is_known || place_ != error.thing)
    log::error("nothing is taken until this works again: " + error.text());
  place_ = error.thing;
  if (is_known) return;
  changed_();
  spawn(loop_, try_until_it_works(), "journal watch");
}

Task<void> JournalWatch::try_until_it_works() {
  for (milliseconds pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
    co_await clock_.sleep_for(pause);
    if (patience_.has_ended()) co_return;
    const Result<void> works = co_await probe_();
    if (works) break;
    failed(works.error());
  }
  trouble_.clear();
  log::info(place_ + " works again: taking messages");
  changed_();
}

}  // namespace rbit
