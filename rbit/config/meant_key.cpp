#include "rbit/config/meant_key.h"

#include <algorithm>
#include <set>

#include "rbit/base/text.h"
#include "rbit/config/key_table.h"

namespace rbit::config {

namespace {

/// Names that other programs have for what a key of ours does, with hyphens.
struct Synonym {
  std::string_view table, written, key;
  std::string_view section = "";  // of the key, if it is another one
};
constexpr Synonym synonyms[] = {
    {"runner", "attempt", "attempts"},
    {"runner", "max-attempts", "attempts"},
    {"runner", "max-retries", "attempts"},
    {"runner", "max-tries", "attempts"},
    {"runner", "retries", "attempts"},
    {"runner", "retry", "attempts"},
    {"runner", "retry-count", "attempts"},
    {"runner", "retries-max", "attempts"},
    {"runner", "retry-max", "attempts"},
    {"runner", "tries", "attempts"},
    {"runner", "backoff", "retry-delay"},
    {"runner", "retry-backoff", "retry-delay"},
    {"runner", "max-backoff", "retry-ceiling"},
    {"runner", "backoff-max", "retry-ceiling"},
    {"runner", "grace-period", "grace"},
    {"runner", "kill-after", "grace"},
    {"runner", "kill-delay", "grace"},
    {"runner", "kill-grace", "grace"},
    {"runner", "kill-timeout", "grace"},
    {"runner", "shutdown-timeout", "grace"},
    {"runner", "stop-timeout", "grace"},
    {"runner", "max-runtime", "timeout"},
    {"runner", "max-time", "timeout"},
    {"runner", "runtime", "timeout"},
    {"runner", "kill-signal", "cancel-signal"},
    {"runner", "stop-signal", "cancel-signal"},
    {"runner", "signal", "cancel-signal"},
    {"runner", "niceness", "nice"},
    {"runner", "nice-level", "nice"},
    {"runner", "priority", "nice"},
    {"runner", "mem", "max-memory"},
    {"runner", "ram", "max-memory"},
    {"runner", "procs", "max-processes"},
    {"runner", "nproc", "max-processes"},
    {"runner", "concurrency", "slots"},
    {"runner", "jobs", "slots"},
    {"runner", "max-jobs", "slots"},
    {"runner", "parallel", "slots"},
    {"runner", "prefetch", "slots"},
    {"runner", "prefetch-count", "slots"},
    {"runner", "qos", "slots"},
    {"runner", "workers", "slots"},
    {"runner", "group", "user"},
    {"runner", "run-as", "user"},
    {"runner", "uid", "user"},
    {"runner", "gid", "user"},
    {"runner", "user-name", "user"},
    {"runner", "outdir", "output-dir"},
    {"runner", "log-max", "log-limit"},
    {"runner", "log-size", "log-limit"},
    {"runner", "max-log", "log-limit"},
    {"runner", "max-log-size", "log-limit"},
    {"runner", "max-output", "output-limit"},
    {"runner", "env", "env.NAME"},
    {"runner", "environ", "env.NAME"},
    {"runner", "environment", "env.NAME"},
    {"runner", "path", "env.PATH"},
    {"runner", "chdir", "work-dir", "rbit"},
    {"runner", "cwd", "work-dir", "rbit"},
    {"runner", "directory", "work-dir", "rbit"},
    {"runner", "workdir", "work-dir", "rbit"},
    {"runner", "working-dir", "work-dir", "rbit"},
    {"runner", "working-directory", "work-dir", "rbit"},
    {"runner", "workspace", "work-dir", "rbit"},
    {"rbit", "concurrency", "slots"},
    {"rbit", "prefetch", "slots"},
    {"rbit", "prefetch-count", "slots"},
    {"rbit", "workers", "slots"},
    {"amqp", "hostname", "host"},
    {"amqp", "login", "user"},
    {"amqp", "pass", "password"},
    {"amqp", "passwd", "password"},
    {"amqp", "prefetch", "slots", "rbit"},
    {"amqp", "prefetch-count", "slots", "rbit"},
    {"amqp", "server", "host"},
    {"amqp", "uri", "url"},
    {"amqp", "username", "user"},
    {"amqp", "vhost", "virtual_host"},
    {"status", "user", "username"},
    {"log", "loglevel", "level"},
    {"log", "log-file", "file"},
    {"log", "logfile", "file"},
    {"log", "log-level", "level"},
    {"log", "path", "file"},
};

std::string quoted(std::string_view key, std::string_view section = "") {
  std::string text = "'" + std::string(key) + "'";
  if (!section.empty()) text += " of [" + std::string(section) + "]";
  return text;
}

/// "max" and "mem" of max-mem, max_mem, max.mem.
std::vector<std::string> words_of(std::string_view key) {
  std::string parts(key);
  std::replace_if(
      parts.begin(), parts.end(), [](char c) { return c == '-' || c == '_' || c == '.'; }, ' ');
  return text::split_blanks(parts);
}

/// "mem" for memory, "retries" for retry.
bool is_like_word(std::string_view word, std::string_view known) {
  if (word.size() >= 3 && known.starts_with(word)) return true;
  const auto same = static_cast<std::size_t>(
      std::mismatch(word.begin(), word.end(), known.begin(), known.end()).first - word.begin());
  return same >= 4 && same + 1 >= known.size() && word.size() <= known.size() + 2;
}

}  // namespace

std::string other_name(std::string_view table, const std::string& key) {
  std::string written = key;
  std::replace_if(
      written.begin(), written.end(), [](char c) { return c == '_' || c == '.'; }, '-');
  for (const Synonym& one : synonyms)
    if (one.table == table && one.written == written) return quoted(one.key, one.section);
  // A word alone may well be a setting.
  const bool is_compound = written.find('-') != std::string::npos;
  const Key* ours = table == "runner" && is_compound ? find_key("rbit", key) : nullptr;
  return ours ? quoted(ours->name, "rbit") : "";
}

bool is_one_slip(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1 || a == b) return false;
  std::size_t i = 0;
  while (i < a.size() && a[i] == b[i]) ++i;
  if (a.size() < b.size()) return a.substr(i) == b.substr(i + 1);
  if (a.substr(i + 1) == b.substr(i + 1)) return true;
  return i + 1 < a.size() && a[i] == b[i + 1] && a[i + 1] == b[i] &&
         a.substr(i + 2) == b.substr(i + 2);
}

std::string policy_like(const std::string& key, const std::vector<std::string>& names) {
  if (const auto near = text::did_you_mean(key, names)) return quoted(*near);
  const auto words = words_of(key);
  if (words.empty()) return "";
  if (words.size() > 1 && words.front() == "env") return quoted("env.NAME");
  std::string best;
  std::size_t most = 0;
  std::set<std::string> matched;
  for (const auto& name : names) {
    std::size_t alike = 0;  // letters at the beginnings of words, those of the first count twice
    for (const auto& word : words)
      for (const auto& known : words_of(name)) {
        if (is_like_word(word, known)) matched.insert(word);
        const auto same = static_cast<std::size_t>(
            std::mismatch(word.begin(), word.end(), known.begin(), known.end()).first -
            word.begin());
        if (same >= 3) alike += word == words.front() ? 2 * same : same;
      }
    if (alike > most) {
      most = alike;
      best = name;
    }
  }
  const bool is_limit = words.size() > 1 && (words.front() == "max" || words.front() == "min");
  const std::set<std::string> all(words.begin(), words.end());
  return !best.empty() && (matched.size() == all.size() || is_limit) ? quoted(best) : "";
}

}  // namespace rbit::config
