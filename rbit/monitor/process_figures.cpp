#include "rbit/monitor/process_figures.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "rbit/base/fd.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

/// A small file of /proc; "" where there is none.
std::string small_file(const char* path) {
  const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> bytes{};
  const auto size = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : -1;
  return size <= 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(size));
}

/// The fields of /proc/self/stat behind the program's name, which may hold anything: the first is
/// number 3 of proc(5).
std::vector<std::string> stat_fields() {
  const std::string stat = small_file("/proc/self/stat");
  const auto end = stat.rfind(')');
  return end == std::string::npos ? std::vector<std::string>()
                                  : text::split_blanks(stat.substr(end + 1));
}

std::optional<std::int64_t> number(const std::string& text) {
  long long value = 0;
  if (!text::parse_number(text, 0, INT64_MAX, value)) return std::nullopt;
  return value;
}

/// When the machine was started, in seconds since 1970.
std::optional<double> boot_time() {
  timespec wall{}, since_boot{};
  if (::clock_gettime(CLOCK_REALTIME, &wall) != 0) return std::nullopt;
  if (::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return std::nullopt;
  const auto seconds = [](const timespec& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  return seconds(wall) - seconds(since_boot);
}

std::optional<std::int64_t> open_descriptors() {
  DIR* const all = ::opendir("/proc/self/fd");
  if (all == nullptr) return std::nullopt;
  std::int64_t count = -1;  // not the one we look with
  while (const dirent* one = ::readdir(all)) count += one->d_name[0] == '.' ? 0 : 1;
  ::closedir(all);
  return count;
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    figures.cpu = seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  constexpr std::size_t first = 3, started = 22 - first, size = 23 - first, resident = 24 - first;
  const std::vector<std::string> fields = stat_fields();
  if (fields.size() > resident) {
    // It does not change; worked out anew each time it would, as clocks are slewed.
    static const std::optional<double> start = [&]() -> std::optional<double> {
      const auto ticks = number(fields[started]);
      const auto boot = boot_time();
      if (!ticks || !boot) return std::nullopt;
      return *boot + static_cast<double>(*ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }();
    figures.start = start;
    figures.address_space = number(fields[size]);
    if (const auto pages = number(fields[resident]))
      figures.resident = *pages * ::sysconf(_SC_PAGESIZE);
  }
  figures.descriptors = open_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    figures.most_descriptors = static_cast<std::int64_t>(limit.rlim_cur);
  return figures;
}

}  // namespace rbit
