#include "rbit/dispatch/journal_watch.h"

#include "rbit/dispatch/dispatch_context.h"
#include "rbit/log/log.h"

namespace rbit {

namespace {
constexpr milliseconds first_pause{250}, longest_pause{5'000};
}

void JournalWatch::failed(const Error& error) {
  if (context_.keeping.keeper()) return;  // it is another's care now
  const bool is_known = !trouble_.empty();
  trouble_ = error.text();
  if (!is_known || place_ != error.thing)
    log::error("nothing is taken until this works again: " + error.text());
  place_ = error.thing;
  if (is_known) return;
  context_.changed();
  spawn(context_.loop, try_until_it_works(), "journal watch");
}

Task<void> JournalWatch::try_until_it_works() {
  Backoff pauses(first_pause, longest_pause);
  for (;;) {
    co_await context_.clock.sleep_for(pauses.next_step());
    if (context_.patience.has_ended()) co_return;
    const Result<void> works = co_await probe();
    if (works) break;
    failed(works.error());
  }
  trouble_.clear();
  log::info(place_ + " works again: taking messages");
  context_.changed();
}

Task<Result<void>> JournalWatch::probe() {
  auto written = co_await context_.journal.probe();
  if (!written) co_return written;
  co_return context_.outside.try_disk();
}

}  // namespace rbit
