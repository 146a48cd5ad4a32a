#include "rbit/run/left_behind.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "rbit/base/clock.h"
#include "rbit/base/fd.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr auto patience = std::chrono::seconds(10);
constexpr milliseconds shortest_pause{2}, longest_pause{200};  // a look at all of /proc each time

std::string contents_of(pid_t pid, const char* file) {
  std::ifstream text("/proc/" + std::to_string(pid) + "/" + file);
  return {std::istreambuf_iterator<char>(text), std::istreambuf_iterator<char>()};
}

/// 0 if it is gone, or dead and not reaped.
pid_t session_of(pid_t pid) {
  const std::string stat = contents_of(pid, "stat");
  const std::size_t name_end = stat.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return 0;
  const auto fields = text::split_blanks(std::string_view(stat).substr(name_end + 1));
  long long session = 0;  // state, parent, group, session
  if (fields.size() < 4 || fields[0] == "Z" || fields[0] == "X" ||
      !text::parse_number(fields[3], 0, INT32_MAX, session))
    return 0;
  return static_cast<pid_t>(session);
}

bool has_mark(pid_t pid, const std::string& mark) {
  for (const std::string& variable : text::split(contents_of(pid, "environ"), '\0'))
    if (variable == mark) return true;
  return false;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    long long pid = 0;
    if (text::parse_number(entry.path().filename().string(), 2, INT32_MAX, pid) &&
        pid != ::getpid())
      found.push_back(static_cast<pid_t>(pid));
  }
  return found;
}

/// The sessions of those that bear the mark. Nobody can join a session from outside.
std::set<pid_t> marked_sessions(const std::string& mark) {
  std::set<pid_t> sessions;
  for (const pid_t pid : all_processes())
    if (has_mark(pid, mark))
      if (const pid_t session = session_of(pid); session != 0) sessions.insert(session);
  sessions.erase(::getsid(0));
  return sessions;
}

/// SIGKILL to those that live; they are added to `killed`. Returns false if there were none.
bool kill_marked(const std::string& mark, std::set<pid_t>& killed) {
  bool any = false;
  const std::set<pid_t> sessions = marked_sessions(mark);
  for (const pid_t pid : all_processes()) {
    // Looked at only when the descriptor holds it: the number may be another's since the listing.
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    const pid_t session = session_of(pid);
    if (session == 0 || (!sessions.contains(session) && !has_mark(pid, mark))) continue;
    const auto sent = process ? ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0)
                              : ::kill(pid, SIGKILL);  // sandboxes
    if (sent != 0) continue;
    killed.insert(pid);
    any = true;
  }
  return any;
}

/// What has emptied its environment is still in its control group.
void kill_group(const std::string& cgroups, const std::string& leader_id) {
  if (cgroups.empty()) return;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(cgroups, failed)) {
    if (!entry.path().filename().string().ends_with("-" + leader_id)) continue;
    std::ofstream(entry.path() / "cgroup.kill") << "1" << std::flush;
    ::rmdir(entry.path().c_str());  // once it is empty; else at the next start
  }
}

}  // namespace

Task<int> end_left_behind(std::string leader_id, std::string cgroups) {
  if (leader_id.empty()) co_return 0;
  const std::string mark = "RBIT_LEADER=" + leader_id;
  SystemClock clock;
  const SteadyTime end = clock.steady() + patience;
  std::set<pid_t> killed;
  for (milliseconds pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
    const bool any = kill_marked(mark, killed);
    kill_group(cgroups, leader_id);
    if (!any || clock.steady() >= end) break;
    co_await clock.sleep_for(pause);
  }
  kill_group(cgroups, leader_id);
  co_return static_cast<int>(killed.size());
}

}  // namespace rbit
