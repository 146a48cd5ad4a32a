#include "rbit/run/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "rbit/base/fd.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

constexpr std::string_view our_prefix = "rbit-";  // of the leaders' groups: rbit-PID-ID

/// Groups of leaders whose rbit is gone. One with processes stays: rmdir refuses it.
void remove_old_groups(const std::string& path) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(our_prefix)) continue;
    const int pid = std::atoi(name.c_str() + our_prefix.size());
    if (pid > 0 && pid != ::getpid() && ::kill(pid, 0) != 0 && errno == ESRCH)
      ::rmdir(entry.path().c_str());
  }
}

bool put(const std::string& path, std::string_view text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool has_word(const std::string& path, std::string_view wanted) {
  std::ifstream file(path);
  for (std::string word; file >> word;)
    if (word == wanted) return true;
  return false;
}

/// Where the v2 hierarchy is mounted, and which part of it; empty: nowhere.
struct Mount {
  std::string root, point;
};
Mount find_mount(const std::string& proc) {
  std::ifstream file(proc + "/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const auto fields = text::split_blanks(line);
    const auto type = line.find(" - cgroup2 ");
    if (type == std::string::npos || fields.size() < 6) continue;
    return {fields[3], fields[4]};
  }
  return {};
}

/// Our group as /proc/self/cgroup has it: "0::/system.slice/rbit.service".
std::string own_group(const std::string& proc) {
  std::ifstream file(proc + "/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return line.substr(3);
  return {};
}

/// Who is root may write everywhere; but a group that systemd did not delegate is systemd's.
bool is_delegated(const std::string& path, bool is_top) {
  for (const char* file : {"/cgroup.procs", "/cgroup.subtree_control"})
    if (::access((path + file).c_str(), W_OK) != 0) return false;
  if (::access(path.c_str(), W_OK) != 0) return false;
  if (is_top || ::geteuid() != 0) return true;
  for (const char* name : {"trusted.delegate", "user.delegate"}) {
    char value = 0;
    if (::getxattr(path.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

/// Controllers for the groups of the jobs. Returns false if we have them not, or others are in the
/// way.
bool hand_on(const std::string& path) {
  const std::string control = path + "/cgroup.subtree_control";
  const auto give = [&] {
    bool given = true;
    for (const char* controller : {"memory", "pids"})
      given =
          (has_word(control, controller) || put(control, std::string("+") + controller)) && given;
    return given;
  };
  if (give()) return true;
  if (errno != EBUSY) return false;
  const std::string main = path + "/main";
  if (::mkdir(main.c_str(), 0755) != 0 && errno != EEXIST) return false;
  return put(main + "/cgroup.procs", std::to_string(::getpid())) && give();
}

}  // namespace

CgroupPlace delegated_cgroup(const std::string& proc) {
  const Mount mount = find_mount(proc);
  const std::string group = own_group(proc);
  if (mount.point.empty() || group.empty()) return {};
  // A mount may show a part of the hierarchy only; ours must lie in it.
  std::string below = group;
  if (mount.root != "/") {
    if (!below.starts_with(mount.root)) return {};
    below = below.substr(mount.root.size());
  }
  CgroupPlace place;
  place.path = mount.point + (below == "/" ? "" : below);
  if (!is_delegated(place.path, below.empty() || below == "/")) return {};

  remove_old_groups(place.path);
  place.limits = hand_on(place.path);
  return place;
}

}  // namespace rbit
