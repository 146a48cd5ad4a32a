#include "rbit/config/ini.h"

#include <algorithm>
#include <boost/property_tree/ini_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "rbit/base/text.h"

namespace rbit::config {

namespace {

constexpr std::string_view blanks = " \t\r\v\f";

bool is_blank(char c) {
  return blanks.find(c) != std::string_view::npos;
}

/// The word `rem` alone at the start of a line, in any case: Python 2.7 took it for a comment.
bool is_rem(std::string_view line) {
  return text::lower(line.substr(0, line.find_first_of(blanks))) == "rem";
}

/// A shell line has no inline comments, or `a ; b` would be cut.
bool is_shell_line(std::string_view value) {
  const auto mark = value.find('!');
  return mark != std::string_view::npos && text::trim(value.substr(0, mark)) == "shell";
}

/// The first line of a value: inline comment off, `""` alone is empty.
std::string first_line(std::string_view value) {
  const auto semicolon = value.find(';');
  if (semicolon != std::string_view::npos && semicolon > 0 && is_blank(value[semicolon - 1]) &&
      !is_shell_line(value))
    value = value.substr(0, semicolon);
  value = text::trim(value);
  return std::string(value == "\"\"" ? std::string_view() : value);
}

/// Folds the lines of a file into sections and entries, as Python 2.7's RawConfigParser did.
class Folder {
 public:
  Folder(const KnownKey& known, std::vector<Finding>& findings)
      : known_(known), findings_(findings) {}

  /// One file. Nothing of the one before is open any more.
  void fold(std::string_view text, const std::string& file) {
    is_included_ = !file_.empty();
    file_ = file;
    number_ = 0;
    section_.reset();
    open_.reset();
    begun_here_.clear();
    said_text_before_ = false;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a BOM
    while (!text.empty()) {
      const auto end = text.find('\n');
      line(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }

  std::vector<IniSection> take() { return std::move(sections_); }

 private:
  void line(std::string_view line) {
    ++number_;
    if (line.find('\0') != std::string_view::npos) {
      error("holds a NUL byte, which no key and no value can");
      return;
    }
    if (text::trim(line).empty() && open_ && entry().key == "runner")
      entry().raw_lines.emplace_back();  // of a script; the value itself has no blank lines
    if (text::trim(line).empty() || line.front() == '#' || line.front() == ';' || is_rem(line))
      return;  // does not end a value
    if (is_blank(line.front()) && open_) {
      if (entry().key == "runner") {
        line = line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0));
        entry().raw_lines.emplace_back(line);
      }
      continuation(text::trim(line));
    } else if (!header(line) && !assignment(line)) {
      if (!section_) {
        if (!std::exchange(said_text_before_, true)) error("text before the first [section]");
      } else {
        error("not a [section], not 'key = value', not a continuation: '" +
              text::one_line(text::trim(line), 80) + "'");
      }
    }
  }

  IniSection& section() { return sections_[*section_]; }
  IniEntry& entry() { return section().entries[*open_]; }

  void continuation(std::string_view line) {
    const bool comment = line.front() == '#' || line.front() == ';';
    if (comment && entry().key == "queue-mappings") return;
    warn_if_misplaced(line);
    entry().value += '\n';
    entry().value += line;
    entry().lines.push_back(here());
  }

  /// A line that somebody indented by mistake is part of a value and says nothing of its own.
  void warn_if_misplaced(std::string_view line) {
    const bool shell = is_shell_line(text::trim(entry().value));  // `[ -f x ]`, `user=x` are shell
    std::string what;
    if (line.front() == '[' && line.back() == ']') {
      const auto name = line.substr(1, line.find(']') - 1);
      if (!shell || known_(name, "")) what = "'" + std::string(line) + "' begins no section here";
    } else if (const auto mark = line.find_first_of("=:"); mark != std::string_view::npos) {
      const auto key = text::lower(text::trim(line.substr(0, mark)));
      const bool spaced = mark > 0 && is_blank(line[mark - 1]);
      // A queue may be called `python`, or as any other key.
      const bool mapping = entry().key == "queue-mappings" && line[mark] == ':' &&
                           mark + 1 < line.size() && !is_blank(line[mark + 1]);
      if (!key.empty() && known_(section().name, key) && (!shell || spaced) && !mapping)
        what = "'" + key + "' is no key here";
    }
    if (!what.empty())
      warning("indented, so it continues '" + entry().key + "' (line " +
              std::to_string(entry().place.line) + "); " + what);
  }

  bool header(std::string_view line) {
    const auto end = line.find(']');
    if (line.front() != '[' || end == std::string_view::npos || end == 1) return false;
    const std::string name(line.substr(1, end - 1));
    const auto rest = text::trim(line.substr(end + 1));
    if (!rest.empty())
      warning("[" + name + "] the text after ']' is ignored: '" + text::one_line(rest, 80) + "'");
    open_.reset();  // so a section cannot start with a continuation
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      if (sections_[i].name != name) continue;
      if (const auto first = begun_here_.emplace(name, number_); !first.second)
        warning("[" + name + "] begins again; its keys are added to those from line " +
                std::to_string(first.first->second));
      section_ = i;
      return true;
    }
    section_ = sections_.size();
    sections_.push_back({name, here(), {}});
    begun_here_.emplace(name, number_);
    return true;
  }

  bool assignment(std::string_view line) {
    const auto mark = line.find_first_of("=:");
    if (!section_ || mark == std::string_view::npos || mark == 0 || is_blank(line.front()))
      return false;
    const std::string spelled(text::trim(line.substr(0, mark)));
    IniEntry fresh{text::lower(spelled),
                   spelled,
                   first_line(text::trim(line.substr(mark + 1))),
                   here(),
                   {here()},
                   {},
                   false};
    if (fresh.key == "script") fresh.uncut = text::trim(line.substr(mark + 1));
    auto& entries = section().entries;
    if (is_included_ && fresh.key == "include" && is_ours()) {
      error("[" + section().name + "] include: an included file cannot include others (name them " +
            "in the first file)");
      open_ = entries.size();
      entries.push_back({"", "", "", here(), {here()}, {}, false});  // takes its continuation lines
      return true;
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].key != fresh.key) continue;
      const bool elsewhere = entries[i].place.file != file_;
      if (elsewhere && fresh.key == "queue-mappings" && is_ours()) {
        // `place` stays the first one's; each line has its own.
        entries[i].value += '\n' + fresh.value;
        entries[i].lines.push_back(here());
        open_ = i;
        return true;
      }
      if (!elsewhere)
        warning("[" + section().name + "] '" + fresh.key +
                "' is given again; the last one counts (first at line " +
                std::to_string(entries[i].place.line) + ")");
      entries[i] = std::move(fresh);
      open_ = i;
      return true;
    }
    open_ = entries.size();
    entries.push_back(std::move(fresh));
    return true;
  }

  /// The section is rbit's own, under either name.
  bool is_ours() { return section().name == "rbit" || section().name == "coyote"; }

  Place here() const { return {file_, number_}; }
  void error(std::string text) {
    findings_.push_back({Finding::Severity::error, here(), std::move(text)});
  }
  void warning(std::string text) {
    findings_.push_back({Finding::Severity::warning, here(), std::move(text)});
  }

  std::string file_;
  bool is_included_ = false;  // by the first file
  const KnownKey& known_;
  std::vector<Finding>& findings_;
  std::vector<IniSection> sections_;
  std::optional<std::size_t> section_, open_;  // indices: the vectors grow
  std::map<std::string, int> begun_here_;      // the lines of this file's sections, by name
  int number_ = 0;
  bool said_text_before_ = false;
};

/// On one line, whatever is in it: control characters and '%' as %XX.
std::string escape(std::string_view value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '%') {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string unescape(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') {
      out += value[i];
      continue;
    }
    out += static_cast<char>(std::stoi(std::string(value.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return out;
}

/// Boost's reader gets lines without anything in them that it reads differently from Python's:
/// numbers for the names of sections and keys (no merging, no dots), one line a value.
void through_property_tree(std::vector<IniSection>& sections) {
  std::stringstream harmless;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    harmless << '[' << i << "]\n";
    for (std::size_t j = 0; j < sections[i].entries.size(); ++j)
      harmless << j << '=' << escape(sections[i].entries[j].value) << '\n';
  }
  boost::property_tree::ptree tree;
  boost::property_tree::read_ini(harmless, tree);
  for (const auto& [section, keys] : tree)
    for (const auto& [key, value] : keys)
      sections[std::stoul(section)].entries[std::stoul(key)].value = unescape(value.data());
}

}  // namespace

std::string IniEntry::block() const {
  std::optional<std::string_view> common;
  for (const std::string_view line : raw_lines) {
    const auto indentation = line.substr(0, line.find_first_not_of(blanks));
    if (indentation.size() == line.size()) continue;  // blank
    if (!common) common = indentation;
    std::size_t same = 0;
    while (same < std::min(common->size(), indentation.size()) &&
           (*common)[same] == indentation[same])
      ++same;
    common = common->substr(0, same);
  }
  std::string out = value.substr(0, value.find('\n'));
  for (const std::string_view line : raw_lines) {
    out += '\n';
    if (!text::trim(line).empty()) out += line.substr(common->size());
  }
  return out;
}

const IniEntry* IniSection::find(std::string_view key) const {
  for (const auto& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

const IniSection* Ini::find(std::string_view name) const {
  for (const auto& section : sections)
    if (section.name == name) return &section;
  return nullptr;
}

Ini parse_ini(std::string_view text, const std::string& file, const KnownKey& known,
              std::vector<Finding>& findings) {
  return parse_ini({{std::string(text), file}}, known, findings);
}

Ini parse_ini(const std::vector<IniSource>& sources, const KnownKey& known,
              std::vector<Finding>& findings) {
  Folder folder(known, findings);
  for (const auto& source : sources) folder.fold(source.text, source.file);
  auto sections = folder.take();
  through_property_tree(sections);

  Ini ini;
  for (auto& section : sections) {
    if (section.name != "DEFAULT") continue;  // so spelled: [default] is an ordinary section
    ini.defaults = std::move(section.entries);
    for (auto& entry : ini.defaults) entry.inherited = true;
  }
  for (auto& section : sections) {
    if (section.name == "DEFAULT") continue;
    std::erase_if(section.entries, [](const auto& entry) { return entry.key.empty(); });
    for (const auto& entry : ini.defaults)
      if (!section.find(entry.key)) section.entries.push_back(entry);
    ini.sections.push_back(std::move(section));
  }
  return ini;
}

}  // namespace rbit::config
