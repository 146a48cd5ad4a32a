#include "rbit/run/script_check.h"

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
#include "rbit/run/account_access.h"
#include "rbit/run/shell_program.h"

namespace rbit {

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
