#include "rbit/log/writer.h"

#include <spdlog/details/log_msg.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "rbit/base/blocked_signals.h"
#include "rbit/base/result.h"
#include "rbit/base/shortage.h"

namespace rbit::log {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_kept = 256 * 1024;  // bytes, of each writer
constexpr std::size_t cost_of_a_line = 64;     // beside its text
constexpr milliseconds rest{1};                // see `live`
constexpr int crowd = 4;                       // so many wake-ups follow one another within a rest

}  // namespace

struct LogWriter::State : std::enable_shared_from_this<LogWriter::State> {
  struct Item {
    std::optional<Line> line;
    bool reopen = false;  // before it
  };

  explicit State(Means its) : means(std::move(its)), place(means.open(false)) {}

  const Means means;
  std::shared_ptr<Place> place;  // the thread's, once there is one
  bool failing = false;          // the same: said, and not well since

  std::mutex mutex;
  std::condition_variable work, idle;
  std::deque<Item> items;
  std::size_t kept = 0;  // bytes of them
  std::size_t lost = 0;  // lines, since that was last said
  bool busy = false;     // with one that is in `items` no more
  bool sleeps = false;   // until it is woken for a line
  int hurries = 0;       // so many wait for all of them
  bool has_thread = false;
  bool said_no_thread = false;
  bool closing = false;

  static std::size_t cost(const Item& item) {
    return cost_of_a_line + (item.line ? item.line->text.size() : 0);
  }

  Item take_first() {
    Item item = std::move(items.front());
    items.pop_front();
    kept -= cost(item);
    return item;
  }

  void add(Item item) {
    bool wakes = false;
    {
      const std::lock_guard<std::mutex> guard(mutex);
      kept += cost(item);
      items.push_back(std::move(item));
      while (kept > most_kept && items.size() > 1) {
        const Item gone = take_first();
        if (gone.reopen) items.front().reopen = true;  // that is not lost
        if (gone.line) ++lost;
      }
      if (!start_thread()) bring_at_once(milliseconds{0});
      wakes = std::exchange(sleeps, false);
    }
    if (wakes) work.notify_one();  // who wakes finds the mutex free
  }

  /// False: there is none to be had; the next line asks again.
  bool start_thread() {
    if (has_thread) return true;
    const BlockedSignals blocked;
    try {
      means.start_thread([self = shared_from_this()] { self->live(); });
      has_thread = true;
    } catch (const std::system_error& failed) {
      if (!std::exchange(said_no_thread, true)) say_no_thread(failed.code().value());
    }
    return has_thread;
  }

  /// Before what is here, which came at the same time or later.
  void say_no_thread(int number) {
    if (!means.remark) return;
    const Error why =
        Error::of_system("the log has no thread of its own", number, cure_of_shortage(number));
    Item remark{means.remark(why.text()), false};
    kept += cost(remark);
    items.push_front(std::move(remark));
  }

  /// The first lines, as far as the place takes them; none is waited for longer than `limit`. With
  /// `mutex` held, where there is no thread.
  void bring_at_once(milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!items.empty()) {
      const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
      const std::size_t room = place->room(std::max(left, milliseconds{0}));
      if (room == 0) return;
      Item item = take_first();
      if (item.line && item.line->text.size() >= room) item.line->text.resize(room - 1);
      const std::size_t to_say = std::exchange(lost, 0);
      lost += bring(item, to_say);
    }
  }

  /// Until there is a line, or no more will come.
  void sleep(std::unique_lock<std::mutex>& guard) {
    while (items.empty() && !closing) {
      sleeps = true;
      work.wait(guard);
    }
    sleeps = false;
  }

  /// Where lines come in crowds it rests between two spells of work: to be woken for each line
  /// would cost who writes it more than the line. A line that comes alone is brought at once.
  void live() {
    std::unique_lock<std::mutex> guard(mutex);
    int in_a_row = 0;  // wake-ups
    auto woken = std::chrono::steady_clock::now();
    for (;;) {
      if (items.empty() && in_a_row >= crowd) {
        work.wait_for(guard, rest, [this] { return closing || hurries > 0; });
        if (items.empty()) in_a_row = 0;
      }
      if (items.empty()) {
        sleep(guard);
        const auto last = std::exchange(woken, std::chrono::steady_clock::now());
        in_a_row = woken - last < rest ? in_a_row + 1 : 0;
      }
      if (items.empty()) return;
      const Item item = take_first();
      const std::size_t to_say = std::exchange(lost, 0);
      busy = true;
      guard.unlock();
      const std::size_t still_lost = bring(item, to_say);
      guard.lock();
      lost += still_lost;
      busy = false;
      if (items.empty()) idle.notify_all();
    }
  }

  /// How many lines are lost and not told of.
  std::size_t bring(const Item& item, std::size_t lost_before) {
    if (item.reopen) open_again();
    if (!item.line) return lost_before;
    if (lost_before > 0 && !put(means.loss(lost_before))) return lost_before + 1;
    return put(*item.line) ? 0 : 1;
  }

  bool put(const Line& line) {
    try {
      const auto level = static_cast<spdlog::level::level_enum>(line.level);
      place->log({line.time, spdlog::source_loc{}, "", level, line.text});
      failing = false;
      return true;
    } catch (const WrittenElsewhere& trouble) {
      complain(trouble.what());
      return true;
    } catch (const std::exception& trouble) {
      complain(trouble.what());
      return false;
    }
  }

  void open_again() {
    try {
      place = means.open(true);
    } catch (const std::exception& trouble) {
      means.tell("the log file could not be opened again: " + std::string(trouble.what()));
    }
  }

  void complain(const std::string& trouble) {
    if (!std::exchange(failing, true)) means.tell("the log: " + trouble);
  }

  void flush(std::chrono::steady_clock::time_point end) {
    std::unique_lock<std::mutex> guard(mutex);
    if (!items.empty() && !start_thread())
      bring_at_once(std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now()));
    if (!has_thread) return;
    ++hurries;
    work.notify_one();
    idle.wait_until(guard, end, [this] { return items.empty() && !busy; });
    --hurries;
  }
};

/// All writers of the process, for `flush_all`. It is never destroyed: threads outlive `main`.
struct LogWriter::Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<State>> all;

  static Registry& get() {
    static Registry& one = *new Registry;
    return one;
  }
  void add(const std::shared_ptr<State>& state) {
    const std::lock_guard<std::mutex> guard(mutex);
    std::erase_if(all, [](const auto& one) { return one.expired(); });
    all.push_back(state);
  }
  std::vector<std::shared_ptr<State>> living() {
    const std::lock_guard<std::mutex> guard(mutex);
    std::vector<std::shared_ptr<State>> found;
    for (const auto& one : all)
      if (auto state = one.lock()) found.push_back(std::move(state));
    return found;
  }
};

LogWriter::LogWriter(Means means) : state_(std::make_shared<State>(std::move(means))) {
  Registry::get().add(state_);
}

LogWriter::~LogWriter() {
  const std::lock_guard<std::mutex> guard(state_->mutex);
  state_->closing = true;
  if (!state_->has_thread) state_->bring_at_once(milliseconds{0});  // nobody else will
  state_->work.notify_one();
}

void LogWriter::write(Line line) {
  state_->add({std::move(line), false});
}

void LogWriter::reopen() {
  state_->add({std::nullopt, true});
}

void LogWriter::flush_all(std::chrono::steady_clock::duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (const auto& state : Registry::get().living()) state->flush(end);
}

}  // namespace rbit::log
