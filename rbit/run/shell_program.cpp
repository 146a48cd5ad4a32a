#include "rbit/run/shell_program.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "rbit/base/text.h"

namespace rbit {

namespace {

// Words that the shell does itself (dash, and what POSIX adds): nothing needs to be installed.
constexpr std::array<std::string_view, 47> own_words{
    ".",     ":",       "alias",    "bg",    "break",   "builtin",  "case",    "cd",
    "chdir", "command", "continue", "echo",  "eval",    "exec",     "exit",    "export",
    "false", "fc",      "fg",       "for",   "getopts", "hash",     "if",      "jobs",
    "kill",  "local",   "printf",   "pwd",   "read",    "readonly", "return",  "set",
    "shift", "source",  "test",     "times", "trap",    "true",     "type",    "ulimit",
    "umask", "unalias", "unset",    "until", "wait",    "while",    "function"};

bool is_plain_word(std::string_view word) {
  return !word.empty() && word.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789_./+-") == std::string_view::npos;
}

/// Returns false if the file is certainly not there, or nobody may run it, and true if we may not
/// look.
bool may_run(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno != ENOENT && errno != ENOTDIR;
  return S_ISREG(info.st_mode) && (info.st_mode & 0111) != 0;
}

/// Why no command of a line, or not each, would be run with that option, "-en" or "--no_exec"; an
/// option that is turned off begins with '+', "+-exec". Empty: all are.
std::string lost_commands(std::string_view option) {
  const bool is_on = option.front() == '-';
  std::string name;  // of a long one: shells take "no_exec" for "noexec"
  for (const char c : text::lower(option.substr(1)))
    if (c != '-' && c != '_') name += c;
  const bool is_long = option.size() > 1 && option[1] == '-';
  const bool is_short = !is_long && is_on;
  const bool runs_none = is_long
                             ? name == (is_on ? "noexec" : "exec") || name == "dumpstrings" ||
                                   name == "dumppostrings" || name == "help" || name == "version"
                             : is_short && option.find_first_of("nD") != std::string_view::npos;
  if (runs_none) return "reads commands and runs none, and each job would be done (leave it out)";
  const bool runs_one = is_long ? is_on && (name == "onecmd" || name == "singlecommand")
                                : is_short && option.find('t') != std::string_view::npos;
  return runs_one ? "runs the first command only (leave it out)" : "";
}

}  // namespace

std::optional<std::string> program_of(const std::string& shell_line) {
  const std::string_view line = text::trim(shell_line);
  if (line.find_first_of(";&|\n()`") != std::string_view::npos) return std::nullopt;
  const std::vector<std::string> words = text::split_blanks(line);
  const std::size_t first = !words.empty() && words[0] == "exec" ? 1 : 0;
  if (words.size() <= first) return std::nullopt;
  const std::string& word = words[first];
  const bool own = std::find(own_words.begin(), own_words.end(), word) != own_words.end();
  if (own || !is_plain_word(word) || word.front() == '-') return std::nullopt;
  return word;
}

Result<std::string> find_program(const std::string& program,
                                 const std::vector<std::string>& environment) {
  if (program.front() == '/') {
    if (may_run(program)) return program;
    return Error{program, "there is no such program", "install it, or correct the runner line"};
  }
  if (program.find('/') != std::string::npos)
    return Error{program, "starts at the job's own directory, which is empty",
                 "write its whole path"};
  std::string path;
  for (const std::string& variable : environment)
    if (variable.starts_with("PATH=")) path = variable.substr(5);
  for (const std::string& directory : text::split(path, ':')) {
    if (directory.empty() || directory.front() != '/') return std::string();
    if (may_run(directory + "/" + program)) return directory + "/" + program;
  }
  return Error{program, "there is no such program in " + path,
               "install it, correct the runner line, or set env.PATH"};
}

std::string mistake_of_shell(const std::vector<std::string>& words,
                             const std::vector<std::string>& variables) {
  // The others calculate what test, printf and the like are given, and run an index in it.
  const std::vector<std::string> with_placeholders{"sh", "dash", "ash", "bash"};
  const std::vector<std::string> without{"ksh", "ksh93", "mksh", "zsh"};
  const auto among = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (words.empty()) return "is empty";
  const std::string& program = words.front();
  const std::string name = program.substr(program.rfind('/') + 1);
  if (program.front() != '/')
    return "'" + text::one_line(program, 80) + "' is no whole path (such as /bin/bash)";
  if (!among(with_placeholders, name) && !among(without, name))
    return "'" + text::one_line(name, 80) +
           "' does not read a line as sh does (known: sh, dash, ash, bash, ksh, mksh, zsh; another "
           "program is a script)";
  if (among(without, name) && !variables.empty())
    return name + " calculates what its commands are given, so it takes no placeholder (write \"$" +
           variables.front() + "\" where that is safe)";
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool is_short = word.size() > 1 && (word[0] == '-' || word[0] == '+') && word[1] != '-';
    const bool is_long =
        word.size() > 2 && word.starts_with("--") && word != "--rcfile" && word != "--init-file";
    if (!is_long && (!is_short || word.find_first_of("cs") != std::string::npos))
      return "'" + text::one_line(word, 80) +
             "' is no option that may stand before -c (such as -e, -u, -o pipefail" +
             (word.find_first_of("'\"") != std::string::npos ? "; without quotes)" : ")");
    const bool is_off = is_short && (word[0] == '+');
    if (const std::string why = lost_commands(word); !why.empty())
      return "'" + text::one_line(word, 80) + "' " + why;
    const bool takes_name = is_short && (word.back() == 'o' || word.back() == 'O');
    if (!takes_name) continue;
    if (++i == words.size() || !is_plain_word(words[i]) || words[i].front() == '-')
      return "'" + word + "' wants a name (such as pipefail)";
    if (const std::string why = lost_commands((is_off ? "+-" : "--") + words[i]); !why.empty())
      return "'" + word + " " + words[i] + "' " + why;
  }
  return "";
}

}  // namespace rbit
