#include "runners/plugin/host/ground.h"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cfenv>
#include <clocale>
#include <string_view>
#include <utility>

namespace rbit::plugin_host {
namespace {

bool is_set(const itimerval& timer) {
  return timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0;
}

bool same_signals(const sigset_t& one, const sigset_t& other) {
  for (int signal = 1; signal < _NSIG; ++signal)
    if (sigismember(&one, signal) != sigismember(&other, signal)) return false;
  return true;
}

bool same_handler(const struct sigaction& one, const struct sigaction& other) {
  return one.sa_handler == other.sa_handler && one.sa_flags == other.sa_flags;
}

}  // namespace

Ground::Ground(std::vector<std::string> own_variables)
    : own_variables_(std::move(own_variables)), before_(look()) {}

Ground::View Ground::look() const {
  View view;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::find(own_variables_.begin(), own_variables_.end(), name) == own_variables_.end())
      view.environment.emplace_back(text);
  }
  std::sort(view.environment.begin(), view.environment.end());
  for (int signal = 1; signal < _NSIG; ++signal)  // those of the C library's own are refused
    sigaction(signal, nullptr, &view.handlers[static_cast<std::size_t>(signal)]);
  pthread_sigmask(SIG_SETMASK, nullptr, &view.blocked);
  getitimer(ITIMER_REAL, &view.timers[0]);
  getitimer(ITIMER_VIRTUAL, &view.timers[1]);
  getitimer(ITIMER_PROF, &view.timers[2]);
  for (int fd = 0; fd < 4; ++fd) {
    const auto at = static_cast<std::size_t>(fd);
    view.flags[at] = ::fcntl(fd, F_GETFL);
    view.flags[at + 4] = ::fcntl(fd, F_GETFD);
  }
  prctl(PR_GET_PDEATHSIG, &view.marks[0]);
  prctl(PR_GET_CHILD_SUBREAPER, &view.marks[1]);
  view.marks[2] = prctl(PR_GET_DUMPABLE);
  view.marks[3] = personality(0xffffffff);
  view.marks[4] = std::fegetround();
  view.marks[5] = prctl(PR_GET_TIMERSLACK);
  if (const char* locale = std::setlocale(LC_ALL, nullptr)) view.locale = locale;
  return view;
}

std::vector<std::string> Ground::changes() const {
  const View now = look();
  std::vector<std::string> words;
  if (now.environment != before_.environment) words.emplace_back("changed its environment");
  const bool same_handlers =
      std::equal(now.handlers.begin(), now.handlers.end(), before_.handlers.begin(), same_handler);
  if (!same_handlers || !same_signals(now.blocked, before_.blocked))
    words.emplace_back("changed its signal handlers");
  if (std::any_of(now.timers.begin(), now.timers.end(), is_set)) words.emplace_back("left a timer");
  if (now.flags != before_.flags) words.emplace_back("changed its descriptors");
  if (now.marks != before_.marks) words.emplace_back("changed settings of its process");
  if (now.locale != before_.locale) words.emplace_back("changed its locale");
  return words;
}

}  // namespace rbit::plugin_host
