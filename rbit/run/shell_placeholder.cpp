#include "rbit/run/shell_placeholder.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "rbit/core/runner_words.h"

namespace rbit {

namespace {

using Settings = std::map<std::string, std::string>;

/// Names that are long enough for a slip of the pen to be one: %FT and %SZ are for date.
std::vector<std::string> names_of(std::size_t least) {
  std::vector<std::string> names;
  for (const JobField& field : job_fields)
    if (field.placeholder.size() >= least) names.emplace_back(field.placeholder);
  return names;
}

/// The name whose letters these are, two neighbours swapped. Nobody writes that as text; any other
/// word, such as %DISTRO or %FORMATS, may be the shell's.
std::optional<std::string> swapped(const std::string& word) {
  for (const auto& name : names_of(4)) {
    const auto [a, b] = std::mismatch(word.begin(), word.end(), name.begin(), name.end());
    if (word.size() != name.size() || word.end() - a < 2 || a[0] != b[1] || a[1] != b[0]) continue;
    if (std::equal(a + 2, word.end(), b + 2)) return name;
  }
  return std::nullopt;
}

/// What people call a field that has another name here.
constexpr std::pair<std::string_view, std::string_view> synonyms[] = {
    {"PACKAGE", "ID"},    {"PKG", "ID"},         {"NAME", "ID"},           {"ARCHITECTURE", "ARCH"},
    {"PLATFORM", "ARCH"}, {"PROJECT", "DIST"},   {"DISTRIBUTION", "DIST"}, {"REVISION", "VCS"},
    {"JOBID", "JOB"},     {"TIMESTAMP", "STAMP"}};

/// "%Id" where `rest` begins with such a word.
std::string word_of(std::string_view rest) {
  if (!rest.starts_with('%')) return "";
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return std::string(rest.substr(0, rest.find_first_not_of(letters, 1)));
}

/// The placeholder that such a word is in other letters, or under another name. Empty: none.
std::string meant_by(std::string_view word) {
  if (word.empty()) return "";
  const std::string name = text::upper(word.substr(1));
  if (field_of_placeholder(name) != nullptr) return name;
  for (const auto& [other, ours] : synonyms)
    if (other == name) return std::string(ours);
  return "";
}

ShellPlaceholder find_field(std::string_view rest) {
  const std::string name = capitals_of(rest);
  ShellPlaceholder found{name.size() + 1, "%" + name, "", "", {}};
  if (const JobField* field = field_of_placeholder(name)) {
    found.variable = field->variable;
    return found;
  }
  const auto meant = swapped(name);
  if (!meant) return {};
  found.mistake = "unknown placeholder " + found.shown + " (did you mean %" + *meant + "?)";
  return found;
}

ShellPlaceholder find_setting(std::string_view rest, std::string_view before,
                              std::string_view after, const Settings& settings) {
  if (!rest.starts_with(before)) return {};
  const auto end = rest.find_first_of("(){}\n", before.size());
  if (end == std::string_view::npos || !rest.substr(end).starts_with(after)) return {};
  const std::string key = text::lower(text::trim(rest.substr(before.size(), end - before.size())));
  ShellPlaceholder found{end + after.size(),
                         std::string(rest.substr(0, end + after.size())),
                         setting_variable(key),
                         "",
                         {}};
  if (settings.contains(key)) return found;
  std::vector<std::string> keys;
  for (const auto& [known, value] : settings) keys.push_back(known);
  const auto meant = text::did_you_mean(key, keys);
  found.mistake = "unknown setting '" + key + "'" +
                  (meant ? " (did you mean " + *meant + "?)" : " (add it to the section)");
  return found;
}

/// The variable that every job has for such a part; empty: only a line that asks for it.
std::string variable_of(MessageFact::Of of) {
  switch (of) {
    case MessageFact::Of::key:
      return "RBIT_KEY";
    case MessageFact::Of::queue:
      return "RBIT_QUEUE";
    case MessageFact::Of::routing_key:
      return "RBIT_ROUTING_KEY";
    default:
      return "";
  }
}

ShellPlaceholder find_fact(std::string_view rest) {
  FactText text = fact_at(rest);
  if (text.length == 0) return {};
  return {text.length, std::string(rest.substr(0, text.length)), variable_of(text.fact.of),
          std::move(text.mistake), std::move(text.fact)};
}

constexpr std::string_view of_name =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

/// The length of a parameter: x, 10, @, and bash's !x and a[1]. 0: there is none.
std::size_t parameter(std::string_view text) {
  const auto name_at = [&](std::size_t at) {
    return std::min(text.find_first_not_of(of_name, at), text.size());
  };
  const bool is_prefixed = text.starts_with('!') || text.starts_with('#');
  std::size_t end = name_at(is_prefixed ? 1 : 0);
  if (end <= 1 && (text.empty() || of_name.find(text[0]) == std::string_view::npos))
    end = !text.empty() && std::string_view("@*#?-$!").find(text[0]) != std::string_view::npos;
  if (end > 0 && end < text.size() && text[end] == '[') {
    const auto close = text.find_first_of("]%{}()'\"`\\\n", end);
    if (close == std::string_view::npos || text[close] != ']') return 0;
    end = close + 1;
  }
  return end;
}

}  // namespace

std::string capitals_of(std::string_view rest) {
  if (!rest.starts_with('%')) return "";
  const auto end = rest.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1);
  return std::string(rest.substr(1, end == std::string_view::npos ? end : end - 1));
}

ShellPlaceholder placeholder_at(std::string_view rest, const Settings& settings) {
  ShellPlaceholder found = find_setting(rest, "{settings.", "}", settings);
  if (found.length == 0) found = find_setting(rest, "%(", ")s", settings);
  if (found.length == 0) found = find_fact(rest);
  if (found.length == 0) found = find_field(rest);
  return found;
}

bool is_escaped_placeholder(std::string_view rest, const Settings& settings) {
  if (!rest.starts_with("%%")) return false;
  const ShellPlaceholder behind = placeholder_at(rest.substr(1), settings);
  return behind.is_known() || behind.fact;
}

std::string doubt_about(std::string_view rest) {
  if (const std::string meant = meant_by_fact(rest); !meant.empty())
    return std::string(rest.substr(0, rest.find('}') + 1)) +
           " is no placeholder and stays as it is (did you mean " + meant + "?)";
  const std::string written = word_of(rest);
  if (const std::string meant = meant_by(written); !meant.empty())
    return written + " is no placeholder and stays as it is (did you mean %" + meant + "?)";
  const std::string word = capitals_of(rest);
  for (const auto& name : names_of(2))
    if (word.size() > name.size() && word.starts_with(name))
      return "%" + word + " is no placeholder and stays as it is (did you mean \"%" + name + "\"" +
             word.substr(name.size()) + "?)";
  if (word.size() < 3) return "";
  const auto meant = text::did_you_mean(word, names_of(3));
  if (!meant) return "";
  return "%" + word + " is no placeholder and stays as it is (did you mean %" + *meant + "?)";
}

std::size_t percent_operator(std::string_view text) {
  if (!text.starts_with("${")) return 0;
  const std::size_t length = parameter(text.substr(2));
  if (length == 0) return 0;
  const std::string_view rest = text.substr(2 + length);
  const std::size_t percents = rest.starts_with("%%") || rest.starts_with("/%") ? 2
                               : rest.starts_with('%')                          ? 1
                                                                                : 0;
  return percents == 0 ? 0 : 2 + length + percents;
}

}  // namespace rbit
