#include "rbit/run/runner_line.h"

#include <algorithm>

#include "rbit/base/names.h"
#include "rbit/base/text.h"
#include "rbit/core/runner_words.h"
#include "rbit/run/job_environment.h"
#include "rbit/run/shell_rewrite.h"

namespace rbit {

namespace {

using Settings = std::map<std::string, std::string>;
using Kind = RunnerLine::Kind;

constexpr Named<Kind> kinds[] = {
    {Kind::shell, "shell"}, {Kind::plugin, "plugin"}, {Kind::python, "python"}};

bool is_word_character(char c, bool first) {
  const bool digit = c >= '0' && c <= '9';
  return c == '_' || static_cast<unsigned char>(c) >= 0x80 ||
         (text::is_alnum(c) && !(first && digit));
}

/// A name of C or Python; with `dots` several of them.
bool is_name(std::string_view text, bool dots) {
  bool first = true;
  for (const char c : text) {
    if (c == '.' && dots && !first) {
      first = true;
      continue;
    }
    if (!is_word_character(c, first)) return false;
    first = false;
  }
  return !first;
}

/// What may have been meant by a kind that is none.
std::string cure_of_kind(const std::string& kind) {
  const std::string small = text::lower(kind);
  if (value_in(kinds, small)) return "did you mean '" + small + "'?";
  std::vector<std::string> names;
  for (const auto& [known, name] : kinds) names.emplace_back(name);
  const auto meant = text::did_you_mean(small, names);
  return meant ? "did you mean '" + *meant + "'?" : "known: " + text::join(names, ", ");
}

/// What somebody who forgot the kind may have meant.
std::string guess_kind(const std::string& value) {
  const auto colon = value.rfind(':');
  if (colon != std::string::npos && value.find_first_of(" \t\n") == std::string::npos) {
    const std::string_view left = std::string_view(value).substr(0, colon);
    if (left.ends_with(".so")) return "plugin";
    if (is_name(left, true) && is_name(std::string_view(value).substr(colon + 1), true))
      return "python";
  }
  return "shell";
}

void parse_shell(std::string_view rest, const Settings& settings, ParsedRunnerLine& parsed) {
  RewrittenLine rewritten = rewrite_shell_line(rest, settings);
  parsed.line.shell_line = std::move(rewritten.line);
  parsed.line.variables = std::move(rewritten.variables);
  parsed.line.facts = std::move(rewritten.facts);
  parsed.errors = std::move(rewritten.errors);
  parsed.warnings = std::move(rewritten.warnings);

  std::map<std::string, std::string> owners;
  for (const auto& [key, value] : settings) {
    const std::string variable = setting_variable(key);
    const auto [owner, is_new] = owners.emplace(variable, key);
    if (is_new) continue;
    parsed.errors.push_back("the settings '" + owner->second + "' and '" + key + "' both become " +
                            variable + " (rename one)");
  }
}

/// What a library is called: "hello" of "lib/libhello.so".
std::string_view stem(std::string_view path) {
  path = text::base_name(path);
  if (path.starts_with("lib")) path.remove_prefix(3);
  return path.substr(0, path.find('.'));
}

void parse_plugin(std::string_view rest, const std::string& directory, ParsedRunnerLine& parsed) {
  const auto colon = rest.rfind(':');
  const std::string_view path = text::trim(rest.substr(0, colon));
  const std::string_view name =
      colon == std::string_view::npos ? stem(path) : text::trim(rest.substr(colon + 1));
  if (path.empty() || name.empty()) {
    parsed.errors.push_back("'" + std::string(rest) +
                            "' does not name a library and a runner in it (write "
                            "plugin!PATH/libNAME.so:RUNNER)");
    return;
  }
  if (!is_name(name, false)) {
    parsed.errors.push_back("'" + std::string(name) +
                            "' is not a name of a runner (letters, digits and _)");
  }
  if (path.find('\0') != std::string_view::npos)
    parsed.errors.emplace_back("the path of the library holds a NUL");
  parsed.line.target = path.front() == '/'
                           ? std::string(path)
                           : directory + (directory.ends_with('/') ? "" : "/") + std::string(path);
  parsed.line.name = name;
}

void parse_python(std::string_view rest, ParsedRunnerLine& parsed) {
  const auto colon = rest.find(':');
  const std::string_view module = text::trim(rest.substr(0, colon));
  const std::string_view callable =
      colon == std::string_view::npos ? std::string_view() : text::trim(rest.substr(colon + 1));
  if (!is_name(module, true) || !is_name(callable, true)) {
    parsed.errors.push_back("'" + std::string(rest) +
                            "' is not module:callable (write python!package.module:callable)");
    return;
  }
  parsed.line.target = module;
  parsed.line.name = callable;
}

/// What %ID and its like, of build requests, could be in a message of that kind.
std::string instead_of_field(MessageKind kind, const JobField& field) {
  if (field.placeholder == "JOB") return "%{key}";
  if (has_members(kind)) return "%{/POINTER} for a member of the message";
  return "%{header:NAME}, or read the message from standard input";
}

}  // namespace

std::string mistake_of_kind(MessageKind kind, const JobField& field) {
  if (kind == MessageKind::pybit || field.derived != nullptr) return "";
  return "%" + std::string(field.placeholder) +
         " is empty for message = " + std::string(to_string(kind)) + " (write " +
         instead_of_field(kind, field) + ")";
}

std::string mistake_of_kind(MessageKind kind, const MessageFact& fact) {
  if (fact.of == MessageFact::Of::task && kind != MessageKind::task)
    return fact.shown + " needs message = task";
  if (has_members(kind) || fact.of != MessageFact::Of::member) return "";
  return fact.shown + " needs message = json: " +
         (kind == MessageKind::raw ? "a raw message has no members"
                                   : "a build request has %ID, %VERSION and so on");
}

std::vector<std::string> mistakes_of_kind(MessageKind kind, const RunnerLine& line) {
  std::vector<std::string> mistakes;
  const auto add = [&](std::string mistake) {
    if (!mistake.empty()) mistakes.push_back(std::move(mistake));
  };
  for (const JobField& field : job_fields)
    if (std::find(line.variables.begin(), line.variables.end(), field.variable) !=
        line.variables.end())
      add(mistake_of_kind(kind, field));
  for (const MessageFact& fact : line.facts) add(mistake_of_kind(kind, fact));
  return mistakes;
}

std::string_view to_string(RunnerLine::Kind kind) {
  return name_in(kinds, kind);
}

ParsedRunnerLine parse_runner_line(std::string_view value, const Settings& settings,
                                   const std::string& directory) {
  ParsedRunnerLine parsed;
  const auto refused = [&parsed](std::string why) {
    parsed.errors.push_back(std::move(why));
    return parsed;
  };
  const std::string whole(text::trim(value));
  const auto mark = whole.find('!');
  if (mark == std::string::npos)
    return refused("no '!' (did you mean '" + guess_kind(whole) + "!" + whole + "'?)");
  const std::string kind(text::trim(std::string_view(whole).substr(0, mark)));
  std::string_view rest = text::trim(std::string_view(whole).substr(mark + 1));
  // A block of lines keeps the indentation of its first one.
  if (const auto begin = std::string_view(whole).find_first_not_of(" \t\r\n", mark + 1);
      kind == "shell" && begin != std::string_view::npos)
    if (const auto line_end = whole.rfind('\n', begin);
        line_end != std::string::npos && line_end > mark)
      rest = std::string_view(whole).substr(line_end + 1);

  const auto known = value_in(kinds, kind);
  if (!known) return refused("unknown kind '" + kind + "' (" + cure_of_kind(kind) + ")");
  if (rest.empty()) return refused("nothing stands after '" + kind + "!'");
  parsed.line.kind = *known;
  if (*known == Kind::shell) parse_shell(rest, settings, parsed);
  if (*known == Kind::plugin) parse_plugin(rest, directory, parsed);
  if (*known == Kind::python) parse_python(rest, parsed);
  return parsed;
}

}  // namespace rbit
