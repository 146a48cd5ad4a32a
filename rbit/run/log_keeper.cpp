#include "rbit/run/log_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "rbit/base/aside.h"
#include "rbit/log/log.h"
#include "rbit/run/open_below.h"

namespace rbit {

namespace {

constexpr auto pause_between_rounds = std::chrono::hours(1);
constexpr int removals_at_once = 64;  // then the disk is left to the jobs for a moment
constexpr auto breath = std::chrono::milliseconds(20);

/// One round, on a thread of its own. Twice through the directories: the first time counts bytes by
/// time, the second removes what is older than the time that comes out of it.
class Round {
 public:
  Round(const std::string& log_dir, LogLimits limits, std::set<std::string> running,
        const std::atomic<bool>& stopping)
      : limits_(limits),
        running_(std::move(running)),
        stopping_(stopping),
        top_(AT_FDCWD, log_dir.c_str()) {}

  std::int64_t run() {
    if (!top_) return 0;
    if (limits_.age.count() > 0)
      oldest_ = now_ - std::chrono::duration_cast<std::chrono::seconds>(limits_.age).count();
    if (limits_.bytes > 0) {
      for_each_log([this](int, const std::string&, const struct stat& info) {
        if (info.st_mtime >= oldest_) bytes_by_time_[begin_of(info.st_mtime)] += info.st_size;
      });
      limit_by_size();
    }
    if (oldest_ == 0 && last_end_ == 0) return 0;
    for_each_log([this](int directory, const std::string& name, const struct stat& info) {
      consider(directory, name, info);
    });
    thin_out_last();
    if (removed_ > 0) remove_links();
    return removed_;
  }

 private:
  struct Log {
    std::int64_t time, bytes;
    std::string name;  // queue/key-1.log
    dev_t device;
    ino_t inode;
  };

  /// Times that are counted together: a minute of the last day, an hour of what is older.
  std::int64_t begin_of(std::int64_t time) const {
    const std::int64_t grain = now_ - time < 24 * 3600 ? 60 : 3600;
    return time / grain * grain;
  }

  /// `use` gets the directory's descriptor, the name below the top one, and what it is.
  template <class Use>
  void for_each_log(Use use) {
    top_.rewind();
    while (const dirent* queue = top_.next()) {
      if (queue->d_name[0] == '.' || stopping_) continue;
      Entries logs(top_.directory(), queue->d_name);
      if (!logs) continue;  // a link with an old name
      const std::string prefix = std::string(queue->d_name) + "/";
      const int fd = logs.directory();
      while (const dirent* entry = logs.next()) {
        if (stopping_) return;
        struct stat info {};
        if (entry->d_name[0] == '.' ||
            ::fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
          continue;
        const std::string name = prefix + entry->d_name;
        if (!running_.contains(name)) use(fd, name, info);
      }
    }
  }

  /// From the newest back until it is too much: in that minute or hour the oldest have to go, and
  /// all before it.
  void limit_by_size() {
    std::int64_t sum = 0;
    for (auto entry = bytes_by_time_.rbegin(); entry != bytes_by_time_.rend(); ++entry) {
      sum += entry->second;
      if (sum <= limits_.bytes) continue;
      oldest_ = std::max(oldest_, entry->first);
      last_end_ = entry == bytes_by_time_.rbegin() ? now_ + 1 : std::prev(entry)->first;
      excess_ = sum - limits_.bytes;
      return;
    }
  }

  void consider(int directory, const std::string& name, const struct stat& info) {
    if (info.st_mtime < oldest_)
      remove(directory, name.c_str() + name.find('/') + 1);
    else if (info.st_mtime < last_end_)
      last_.push_back({info.st_mtime, info.st_size, name, info.st_dev, info.st_ino});
  }

  void thin_out_last() {
    std::sort(last_.begin(), last_.end(),
              [](const Log& one, const Log& other) { return one.time < other.time; });
    for (const Log& log : last_) {
      if (excess_ <= 0 || stopping_) return;
      remove(log);
      excess_ -= log.bytes;
    }
  }

  /// What bears the name may be another file by now, and the directory a link.
  void remove(const Log& log) {
    const auto slash = log.name.find('/');
    const char* const name = log.name.c_str() + slash + 1;
    const Entries queue(top_.directory(), log.name.substr(0, slash).c_str());
    struct stat info {};
    if (queue && ::fstatat(queue.directory(), name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        info.st_dev == log.device && info.st_ino == log.inode)
      remove(queue.directory(), name);
  }

  void remove(int directory, const char* name) {
    if (::unlinkat(directory, name, 0) == 0 && ++removed_ % removals_at_once == 0)
      std::this_thread::sleep_for(breath);
  }

  /// Old names that lead nowhere now. A new one is made after its log, so it never looks like that.
  void remove_links() {
    top_.rewind();
    const int fd = top_.directory();
    while (const dirent* entry = top_.next()) {
      if (stopping_) return;
      struct stat info {};
      if (::fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(info.st_mode))
        continue;
      if (::fstatat(fd, entry->d_name, &info, 0) != 0 && errno == ENOENT)
        ::unlinkat(fd, entry->d_name, 0);
    }
  }

  LogLimits limits_;
  std::set<std::string> running_;
  const std::atomic<bool>& stopping_;
  Entries top_;
  const std::int64_t now_ = std::time(nullptr);  // that of the files, seconds since 1970
  std::int64_t oldest_ = 0;                      // what is older goes
  std::map<std::int64_t, std::int64_t> bytes_by_time_;
  std::int64_t last_end_ = 0, excess_ = 0;  // of what begins at `oldest_`: end, bytes to go
  std::vector<Log> last_;
  std::int64_t removed_ = 0;
};

}  // namespace

LogKeeper::LogKeeper(const asio::any_io_executor& loop, std::string log_dir, LogLimits limits,
                     Running running)
    : loop_(loop),
      log_dir_(std::move(log_dir)),
      limits_(limits),
      running_(std::move(running)),
      changed_(loop) {}

Task<void> LogKeeper::live() {
  living_ = true;
  while (!stopping_ && (limits_.age.count() > 0 || limits_.bytes > 0)) {
    const std::int64_t removed = co_await sweep();
    if (removed > 0)
      log::info(std::to_string(removed) + " old job logs were removed (keep-days, keep-size)");
    if (!stopping_) co_await changed_.wait_for(pause_between_rounds);
  }
  living_ = false;
  changed_.notify();
}

Task<std::int64_t> LogKeeper::sweep() {
  // Taken now: a log that is begun later is too young to go.
  Round round(log_dir_, limits_, running_(), stopping_);
  std::function<std::int64_t()> work = [&round] { return round.run(); };
  const std::int64_t removed = co_await aside(std::move(work));
  co_return removed;
}

Task<void> LogKeeper::stop() {
  stopping_ = true;
  changed_.notify();
  while (living_) co_await changed_.wait();
}

}  // namespace rbit
