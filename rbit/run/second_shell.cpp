#include "rbit/run/second_shell.h"

#include <algorithm>
#include <cstddef>

#include "rbit/base/text.h"

namespace rbit {

namespace {

using Words = std::vector<std::string>;

bool is_option(std::string_view word) {
  return word.size() > 1 && (word[0] == '-' || word[0] == '+');
}

bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos) return false;
  return text::has_only(word.substr(0, equals), "_");
}

bool is_shell(std::string_view name) {
  return text::is_one_of(
      name, {"sh", "bash", "dash", "ash", "ksh", "zsh", "mksh", "rbash", "fish", "csh", "$SHELL"});
}

/// Commands whose every argument is parsed again.
bool parses_all(std::string_view name) {
  return text::is_one_of(name, {"eval", "trap", "alias", "let", "watch"});
}

/// Commands whose option -c is a line for a shell.
bool has_command_option(std::string_view name) {
  return text::is_one_of(name, {"su", "runuser", "script", "flock"});
}

/// Commands that run the command after them, and words of the shell before a command.
bool leads_on(std::string_view name) {
  return text::is_one_of(
      name, {"!",       "{",       "if",       "then",        "else",     "elif",   "while",
             "until",   "do",      "time",     "command",     "exec",     "env",    "sudo",
             "doas",    "nice",    "ionice",   "nohup",       "timeout",  "setsid", "stdbuf",
             "xargs",   "chroot",  "schroot",  "unshare",     "busybox",  "chrt",   "flock",
             "builtin", "setpriv", "fakeroot", "systemd-run", "xvfb-run", "coproc"});
}

/// Whether the word after `words[first..]`, arguments of a shell, is its -c line. What follows that
/// line are $0, $1, ...: the way to hand text on safely.
bool is_shell_line(const Words& words, std::size_t first, std::string_view begun) {
  bool line_wanted = false;
  for (std::size_t i = first; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") continue;
    if (!is_option(word)) return false;  // the line, or a script, is there already
    if (word.substr(0, 2) == "--") {
      if (word == "--rcfile" || word == "--init-file") ++i;
      continue;
    }
    if (word[0] == '-' && word.find('c') != std::string_view::npos) line_wanted = true;
    if (word.back() == 'o') ++i;  // "-o pipefail", "-eo pipefail"
  }
  return line_wanted && !is_option(begun);
}

/// Whether the word begun after `words[first..]` is, or holds, the line of an option -c.
bool is_option_line(const Words& words, std::size_t first, std::string_view begun) {
  const auto takes_next = [](std::string_view word) {
    if (word == "--command" || word == "--session-command") return true;
    return word.size() > 1 && word[0] == '-' && word[1] != '-' && word.back() == 'c';
  };
  const auto holds_line = [](std::string_view word) {
    if (word.starts_with("--command=") || word.starts_with("--session-command=")) return true;
    return word.size() > 1 && word[0] == '-' && word[1] != '-' &&
           word.find('c') != std::string_view::npos;
  };
  return (words.size() > first && takes_next(words.back())) || holds_line(begun);
}

/// Whether a host stands among the arguments of ssh, `words[first..]`: the rest is a line for the
/// shell of that host.
bool has_host(const Words& words, std::size_t first) {
  static constexpr std::string_view with_value = "BbcDEeFIiJLlmOopPQRSWw";  // ssh(1)
  for (std::size_t i = first; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!is_option(word)) return true;
    const auto letter = word.find_first_of(with_value, 1);
    if (letter == word.size() - 1) ++i;  // "-p 22"; in "-p22" it has its value already
  }
  return false;
}

/// Where the command stands in `words`: behind assignments and the words that lead on.
std::size_t command_index(const Words& words) {
  std::size_t i = 0;
  while (i < words.size() && (leads_on(text::base_name(words[i])) || is_assignment(words[i]))) ++i;
  return i;
}

bool compares_numbers(const Words& words, std::string_view after) {
  const auto compares = [](const std::string& word) {
    return text::is_one_of(word, {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"});
  };
  const Words others = text::split_blanks(after.substr(0, after.find("]]")));
  return std::any_of(words.begin(), words.end(), compares) ||
         std::any_of(others.begin(), others.end(), compares);
}

/// "a[" of a[...]=x.
bool begins_index(std::string_view word) {
  const auto bracket = word.find('[');
  return bracket != std::string_view::npos && bracket > 0 &&
         is_assignment(std::string(word.substr(0, bracket)) + "=");
}

}  // namespace

std::optional<std::string> calculating_command(const Words& words, std::string_view begun,
                                               std::string_view after) {
  const std::size_t at = command_index(words);
  if (at == words.size()) {
    if (begins_index(begun)) return "a[ ]=";
    return std::nullopt;
  }
  const std::string& name = words[at];
  const std::string_view last = at + 1 < words.size() ? std::string_view(words.back()) : "";
  if (name == "[[" && compares_numbers(words, after)) return "[[ -eq";
  const bool is_test = name == "[[" || name == "[" || name == "test";
  if (is_test && (last == "-v" || last == "-R")) return name + " " + std::string(last);
  if (name == "printf" && last == "-v") return "printf -v";
  if (text::is_one_of(name, {"read", "unset", "mapfile", "readarray", "getopts", "wait"}))
    return name;
  if (!text::is_one_of(name, {"declare", "typeset", "local", "export", "readonly"}))
    return std::nullopt;
  for (std::size_t i = at + 1; i < words.size(); ++i)
    if (is_option(words[i]) && words[i].find_first_of("in") != std::string::npos) return name;
  const bool is_value = begun.find('=') != std::string_view::npos && !begins_index(begun);
  return is_value ? std::nullopt : std::optional(name);
}

std::optional<std::string> second_shell(const Words& words, std::string_view begun) {
  bool may_be_command = true;  // false once the command is known and runs no other
  bool led = false;            // a command that runs another stands before
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view name = text::base_name(words[i]);
    // A shell is looked for everywhere: containers, chroots and the like take it as an argument.
    if (is_shell(name) && is_shell_line(words, i + 1, begun)) return std::string(name) + " -c";
    if (!may_be_command || is_assignment(words[i])) continue;
    // "rsync -e ssh": the value of an option is no command.
    const bool is_value = i > 0 && (words[i - 1] == "-e" || words[i - 1] == "--rsh");
    if (!is_value) {
      if (parses_all(name)) return std::string(name);
      if (name == "ssh" && has_host(words, i + 1)) return std::string(name);
      if (has_command_option(name) && is_option_line(words, i + 1, begun))
        return std::string(name) + " -c";
    }
    if (leads_on(name)) led = true;
    // After "sudo -u user" the command may stand anywhere; else it is the first word.
    may_be_command = led;
  }
  return std::nullopt;
}

std::string mistake_in_second_shell(const std::string& command, const std::string& shown,
                                    const std::string& variable) {
  const std::string cure =
      command == "ssh"   ? "send it through standard input"
      : variable.empty() ? "write export x=" + shown + " before, and \"$x\" there, in single quotes"
                         : "use the variable there, in single quotes: \"$" + variable + "\"";
  return shown + " stands in an argument of '" + command + "', which a second shell parses (" +
         cure + ")";
}

}  // namespace rbit
