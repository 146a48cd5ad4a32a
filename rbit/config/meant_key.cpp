#include "rbit/config/meant_key.h"

#include <algorithm>
#include <set>

#include "rbit/base/text.h"
#include "rbit/config/key_table.h"

namespace rbit::config {

namespace {

/// Names that other programs have for what a key of ours does, with hyphens.
struct Synonyms {
  std::string_view table, written, key;  // `written`: with blanks between
  std::string_view section = "";         // of the key, if it is another one
};
constexpr Synonyms synonyms[] = {
    {"runner",
     "attempt max-attempts max-retries max-tries retries retry retry-count retries-max retry-max "
     "tries",
     "attempts"},
    {"runner", "backoff retry-backoff", "retry-delay"},
    {"runner", "max-backoff backoff-max", "retry-ceiling"},
    {"runner",
     "grace-period kill-after kill-delay kill-grace kill-timeout shutdown-timeout stop-timeout",
     "grace"},
    {"runner", "max-runtime max-time runtime", "timeout"},
    {"runner", "kill-signal stop-signal signal", "cancel-signal"},
    {"runner", "niceness nice-level priority", "nice"},
    {"runner", "mem ram", "max-memory"},
    {"runner", "procs nproc", "max-processes"},
    {"runner", "concurrency jobs max-jobs parallel prefetch prefetch-count qos workers", "slots"},
    {"runner", "group run-as uid gid user-name", "user"},
    {"runner", "outdir", "output-dir"},
    {"runner", "log-max log-size max-log max-log-size", "log-limit"},
    {"runner", "max-output", "output-limit"},
    {"runner", "env environ environment", "env.NAME"},
    {"runner", "path", "env.PATH"},
    {"runner", "chdir cwd directory workdir working-dir working-directory workspace", "work-dir",
     "rbit"},
    {"rbit", "concurrency prefetch prefetch-count workers", "slots"},
    {"amqp", "hostname server", "host"},
    {"amqp", "login username", "user"},
    {"amqp", "pass passwd", "password"},
    {"amqp", "prefetch prefetch-count", "slots", "rbit"},
    {"amqp", "uri", "url"},
    {"amqp", "vhost", "virtual_host"},
    {"status", "user", "username"},
    {"log", "loglevel log-level", "level"},
    {"log", "log-file logfile path", "file"},
};

std::string quoted(std::string_view key, std::string_view section = "") {
  std::string text = "'" + std::string(key) + "'";
  if (!section.empty()) text += " of [" + std::string(section) + "]";
  return text;
}

/// "max" and "mem" of max-mem, max_mem, max.mem.
std::vector<std::string> words_of(std::string_view key) {
  return text::split_blanks(text::replaced(key, {{'-', " "}, {'_', " "}, {'.', " "}}));
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
  const std::string written = text::replaced(key, {{'_', "-"}, {'.', "-"}});
  for (const Synonyms& one : synonyms) {
    const auto words = text::split_blanks(one.written);
    if (one.table == table && std::find(words.begin(), words.end(), written) != words.end())
      return quoted(one.key, one.section);
  }
  // A word alone may well be a setting.
  const bool is_compound = written.find('-') != std::string::npos;
  const Key* ours = table == "runner" && is_compound ? find_key("rbit", key) : nullptr;
  return ours ? quoted(ours->name, "rbit") : "";
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
