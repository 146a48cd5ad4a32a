#include "rbit/config/ini.h"

#include <algorithm>
#include <map>
#include <optional>
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

/// The first line of a value: inline comment off, `""` alone is empty. In a script's line, as in a
/// shell's, a ';' is the shell's.
std::string first_line(std::string_view key, std::string_view value) {
  const auto semicolon = value.find(';');
  if (semicolon != std::string_view::npos && semicolon > 0 && is_blank(value[semicolon - 1]) &&
      !is_shell_line(value) && key != "script")
    value = value.substr(0, semicolon);
  value = text::trim(value);
  return std::string(value == "\"\"" ? std::string_view() : value);
}

/// Folds the lines of a file into the tree, as Python 2.7's RawConfigParser did.
class Folder {
 public:
  Folder(const KnownKey& known, std::vector<Finding>& findings)
      : known_(known), findings_(findings) {}

  /// One file. Nothing of the one before is open any more.
  void fold(std::string_view text, const std::string& file) {
    is_included_ = !file_.empty();
    file_ = file;
    number_ = 0;
    section_ = nullptr;
    open_ = nullptr;
    begun_here_.clear();
    said_text_before_ = false;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a BOM
    while (!text.empty()) {
      const auto end = text.find('\n');
      line(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }

  /// The tree of all files, once. Swapped, as it has no move and would leave secrets behind.
  Ini take() {
    Ini tree;
    tree.swap(tree_);
    return tree;
  }

 private:
  void line(std::string_view line) {
    ++number_;
    if (line.find('\0') != std::string_view::npos) {
      error("holds a NUL byte, which no key and no value can");
      return;
    }
    const bool in_runner = open_ != nullptr && (open_->key() == "runner" || open_->key() == "run");
    if (text::trim(line).empty() && in_runner)
      open_->raw_lines.emplace_back();  // of a script; the value itself has no blank lines
    if (text::trim(line).empty() || line.front() == '#' || line.front() == ';' || is_rem(line))
      return;  // does not end a value
    if (is_blank(line.front()) && open_) {
      if (in_runner)
        open_->raw_lines.emplace_back(line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0)));
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

  void continuation(std::string_view line) {
    const bool comment = line.front() == '#' || line.front() == ';';
    if (comment && open_->key() == "queue-mappings") return;
    warn_if_misplaced(line);
    open_->text += '\n';
    open_->text += line;
    open_->lines.push_back(here());
  }

  /// A line that somebody indented by mistake is part of a value and says nothing of its own.
  void warn_if_misplaced(std::string_view line) {
    const bool shell = is_shell_line(text::trim(open_->text));  // `[ -f x ]`, `user=x` are shell
    std::string what;
    if (line.front() == '[' && line.back() == ']') {
      const auto name = line.substr(1, line.find(']') - 1);
      if (!shell || known_(name, "")) what = "'" + std::string(line) + "' begins no section here";
    } else if (const auto mark = line.find_first_of("=:"); mark != std::string_view::npos) {
      const auto key = text::lower(text::trim(line.substr(0, mark)));
      const bool spaced = mark > 0 && is_blank(line[mark - 1]);
      // A queue may be called `python`, or as any other key.
      const bool mapping = open_->key() == "queue-mappings" && line[mark] == ':' &&
                           mark + 1 < line.size() && !is_blank(line[mark + 1]);
      if (!key.empty() && known_(section_->data().spelled, key) && (!shell || spaced) && !mapping)
        what = "'" + key + "' is no key here";
    }
    if (!what.empty())
      warning("indented, so it continues '" + open_->key() + "' (line " +
              std::to_string(open_->place.line) + "); " + what);
  }

  bool header(std::string_view line) {
    const auto end = line.find(']');
    if (line.front() != '[' || end == std::string_view::npos || end == 1) return false;
    const std::string name(line.substr(1, end - 1));
    const auto rest = text::trim(line.substr(end + 1));
    if (!rest.empty())
      warning("[" + name + "] the text after ']' is ignored: '" + text::one_line(rest, 80) + "'");
    open_ = nullptr;  // so a section cannot start with a continuation
    const auto [first, fresh] = begun_here_.emplace(name, number_);
    if (const auto found = tree_.find(name); found != tree_.not_found()) {
      section_ = &found->second;
      if (!fresh)
        warning("[" + name + "] begins again; its keys are added to those from line " +
                std::to_string(first->second));
    } else {
      section_ = &tree_.push_back({name, Ini({name, here(), {}, {}, {}})})->second;
    }
    return true;
  }

  bool assignment(std::string_view line) {
    const auto mark = line.find_first_of("=:");
    if (!section_ || mark == std::string_view::npos || mark == 0 || is_blank(line.front()))
      return false;
    const std::string spelled(text::trim(line.substr(0, mark)));
    const std::string key = text::lower(spelled);
    IniValue fresh{
        spelled, here(), first_line(key, text::trim(line.substr(mark + 1))), {here()}, {}};
    if (is_included_ && key == "include" && is_ours()) {
      error("[" + section_->data().spelled + "] include: an included file cannot include others " +
            "(name them in the first file)");
      refused_ = {};
      open_ = &refused_;
      return true;
    }
    const auto found = section_->find(key);
    if (found == section_->not_found()) {
      open_ = &section_->push_back({key, Ini(std::move(fresh))})->second.data();
      return true;
    }
    open_ = &found->second.data();
    const bool elsewhere = open_->place.file != file_;
    if (elsewhere && key == "queue-mappings" && is_ours()) {
      // `place` stays the first one's; each line has its own.
      open_->text += '\n' + fresh.text;
      open_->lines.push_back(here());
      return true;
    }
    if (!elsewhere)
      warning("[" + section_->data().spelled + "] '" + key +
              "' is given again; the last one counts (first at line " +
              std::to_string(open_->place.line) + ")");
    *open_ = std::move(fresh);
    return true;
  }

  /// The section is rbit's own, under either name.
  bool is_ours() const {
    return section_->data().spelled == "rbit" || section_->data().spelled == "coyote";
  }

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
  Ini tree_;
  Ini* section_ = nullptr;                 // of `tree_`, whose nodes stay where they are
  IniValue* open_ = nullptr;               // takes the continuation lines
  IniValue refused_;                       // takes those that belong to no value
  std::map<std::string, int> begun_here_;  // the lines of this file's sections, by name
  int number_ = 0;
  bool said_text_before_ = false;
};

}  // namespace

std::string IniValue::key() const {
  return text::lower(spelled);
}

std::string IniValue::block() const {
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
  std::string out = text.substr(0, text.find('\n'));
  for (const std::string_view line : raw_lines) {
    out += '\n';
    if (!text::trim(line).empty()) out += line.substr(common->size());
  }
  return out;
}

const Ini* find_child(const Ini& parent, std::string_view name) {
  const auto found = parent.find(std::string(name));
  return found == parent.not_found() ? nullptr : &found->second;
}

const IniValue* find_value(const Ini& section, std::string_view key) {
  const Ini* found = find_child(section, key);
  return found ? &found->data() : nullptr;
}

Ini parse_ini(std::string_view text, const std::string& file, const KnownKey& known,
              std::vector<Finding>& findings) {
  return parse_ini({{std::string(text), file}}, known, findings);
}

Ini parse_ini(const std::vector<IniSource>& sources, const KnownKey& known,
              std::vector<Finding>& findings) {
  Folder folder(known, findings);
  for (const auto& source : sources) folder.fold(source.text, source.file);
  Ini ini = folder.take();
  const auto found = ini.find("DEFAULT");  // so spelled: [default] is an ordinary section
  if (found == ini.not_found()) return ini;
  Ini defaults;
  defaults.swap(found->second);
  ini.erase("DEFAULT");
  for (auto& [key, value] : defaults) value.data().inherited = true;
  for (auto& [name, section] : ini)
    for (const auto& value : defaults)
      if (!find_child(section, value.first)) section.push_back(value);
  return ini;
}

}  // namespace rbit::config
