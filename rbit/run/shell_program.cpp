#include "rbit/run/shell_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "rbit/base/fd.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

/// Words that the shell does itself (dash, and what POSIX adds): nothing needs to be installed.
bool is_own_word(std::string_view word) {
  return text::is_one_of(
      word, {".",     ":",       "alias",    "bg",    "break",   "builtin",  "case",    "cd",
             "chdir", "command", "continue", "echo",  "eval",    "exec",     "exit",    "export",
             "false", "fc",      "fg",       "for",   "getopts", "hash",     "if",      "jobs",
             "kill",  "local",   "printf",   "pwd",   "read",    "readonly", "return",  "set",
             "shift", "source",  "test",     "times", "trap",    "true",     "type",    "ulimit",
             "umask", "unalias", "unset",    "until", "wait",    "while",    "function"});
}

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
  if (is_own_word(word) || !is_plain_word(word) || word.front() == '-') return std::nullopt;
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
  if (words.empty()) return "is empty";
  const std::string& program = words.front();
  const std::string name(text::base_name(program));
  if (program.front() != '/')
    return "'" + text::one_line(program, 80) + "' is no whole path (such as /bin/bash)";
  // They calculate what test, printf and the like are given, and run an index in it.
  const bool calculates = text::is_one_of(name, {"ksh", "ksh93", "mksh", "zsh"});
  if (!calculates && !text::is_one_of(name, {"sh", "dash", "ash", "bash"}))
    return "'" + text::one_line(name, 80) +
           "' does not read a line as sh does (known: sh, dash, ash, bash, ksh, mksh, zsh; another "
           "program is a script)";
  if (calculates && !variables.empty())
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

namespace {

/// The kernel reads no more of a first line.
constexpr std::size_t longest_line = 256;

std::string beginning_of(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text(longest_line, '\0');
  const ssize_t count = file ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

/// What `env` of the first line looks for. `argument` is all that stands behind env: one argument.
Result<void> check_env(const std::string& path, std::string_view argument,
                       const std::vector<std::string>& environment) {
  const bool splits = argument.starts_with("-S");
  const auto words = text::split_blanks(splits ? argument.substr(2) : argument);
  if (words.empty() || words[0].front() == '-' || words[0].find('=') != std::string::npos)
    return {};
  if (!splits && words.size() > 1)
    return Error{path, "its first line gives env '" + std::string(argument) + "' as one word",
                 "write #!/usr/bin/env -S " + std::string(argument)};
  const auto found = find_program(words[0], environment);
  if (found) return {};
  return Error{
      path,
      "the interpreter of its first line: " + found.error().thing + ": " + found.error().reason,
      "install it, or correct the first line"};
}

/// `line` is the first one behind #!.
Result<void> check_interpreter(const std::string& path, std::string_view line,
                               const Account& account,
                               const std::vector<std::string>& environment) {
  line = text::trim(line);
  const std::string interpreter(line.substr(0, line.find_first_of(" \t")));
  if (interpreter.empty()) return {};  // a shell reads it
  const std::string begin = "its interpreter " + text::one_line(interpreter, 100) + " ";
  const char* const cure = "install it, or correct the first line";
  if (interpreter.front() != '/')
    return Error{path, begin + "is no whole path", "write such as #!/bin/sh in the first line"};
  struct stat info {};
  if (::stat(interpreter.c_str(), &info) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return {};
    return Error{path, begin + "is not there", cure};
  }
  if (!S_ISREG(info.st_mode) || (info.st_mode & 0111) == 0)
    return Error{path, begin + "cannot be executed", cure};
  if (!may_use(interpreter, account, X_OK) || !closed_directory(interpreter, account).empty())
    return Error{path, begin + "may not be executed by user " + account.name, cure};
  if (!interpreter.ends_with("/env")) return {};
  return check_env(path, text::trim(line.substr(interpreter.size())), environment);
}

/// A script as text: its first line, and whether it can be read.
Result<void> check_text(const std::string& path, const std::string& text, const Account& account,
                        const std::vector<std::string>& environment) {
  if (!may_use(path, account, R_OK))
    return Error{path, "user " + account.name + " may not read it", "chmod o+r " + path};
  if (text.starts_with("\xEF\xBB\xBF#!"))
    return Error{path, "has a byte order mark before #!, so nobody finds its interpreter",
                 "sed -i '1s/^...//' " + path};
  const auto line = std::string_view(text).substr(0, text.find('\n'));
  if (line.ends_with('\r') && line.find('\0') == std::string_view::npos)
    return Error{path, "its lines end with a carriage return, as no interpreter wants them",
                 "dos2unix " + path + ", or sed -i 's/\\r$//' " + path};
  if (!line.starts_with("#!")) return {};
  return check_interpreter(path, line.substr(2), account, environment);
}

}  // namespace

Result<void> check_script(const std::string& path, const Account& account,
                          const std::vector<std::string>& environment) {
  std::error_code failed;
  const auto behind_links = std::filesystem::canonical(path, failed).string();
  for (const std::string& way : {path, failed ? path : behind_links})
    if (const std::string closed = closed_directory(way, account); !closed.empty())
      return Error{path, "user " + account.name + " may not pass through " + closed,
                   "chmod o+x " + closed + ", or put it elsewhere and name its whole path"};
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return errno == EACCES ? Result<void>()  // it may be there, where we cannot look
                           : Error{path, std::strerror(errno),
                                   "[runner] script starts at the directory of the INI file"};
  if (!S_ISREG(info.st_mode)) return Error{path, "is no file", "name a script"};
  if ((info.st_mode & 0111) == 0) return Error{path, "is not executable", "chmod +x " + path};
  struct statvfs system {};
  if (::statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0)
    return Error{path, "lies where nothing can be executed (noexec)",
                 "put it elsewhere and name its whole path"};
  if (!may_use(path, account, X_OK))
    return Error{path, "user " + account.name + " may not execute it", "chmod o+rx " + path};
  const std::string text = beginning_of(path);
  if (text.empty() || text.starts_with("\177ELF")) return {};
  return check_text(path, text, account, environment);
}

}  // namespace rbit
