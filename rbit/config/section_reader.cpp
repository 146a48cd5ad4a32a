#include "rbit/config/section_reader.h"

#include <stdexcept>

#include "rbit/base/text.h"
#include "rbit/config/values.h"

namespace rbit::config {

SectionReader::SectionReader(const Ini* section, std::string_view table, std::string shown,
                             Loaded& loaded)
    : section_(section), table_(table), shown_(std::move(shown)), loaded_(loaded) {}

const Key& SectionReader::key(std::string_view name) const {
  const Key* key = find_key(table_, name);
  if (!key) throw std::logic_error("no key in the table: " + std::string(name));
  return *key;
}

const Ini* SectionReader::node(std::string_view name) const {
  if (!section_) return nullptr;
  const Key& wanted_key = key(name);
  const Ini* found = nullptr;  // the section's own entry comes before what it inherits
  for (const auto& [key, node] : *section_)
    if (find_key(table_, key) == &wanted_key && !wanted_key.family() &&
        (!found || key == wanted_key.name) && (!found || !node.data().inherited))
      found = &node;
  return found;
}

const IniValue* SectionReader::entry(std::string_view name) const {
  const Ini* found = node(name);
  return found ? &found->data() : nullptr;
}

const IniValue* SectionReader::own(std::string_view name) const {
  const IniValue* said = entry(name);
  return said && !said->inherited ? said : nullptr;
}

Place SectionReader::place() const {
  return section_ ? section_->data().place : Place{loaded_.settings.file, 0};
}

void SectionReader::note(std::string_view name, const std::string& value, const Place& place,
                         bool secret) {
  loaded_.values.push_back({shown_, std::string(name), value, place, secret});
}

const Ini* SectionReader::noted(std::string_view name, const std::string& computed) {
  const Key& known = key(name);
  const Ini* said = node(name);
  if (said)
    note(known.name, said->data().text, said->data().place, known.secret);
  else
    note(known.name, computed.empty() ? known.fallback : computed, {}, known.secret);
  std::string_view path;
  if (said && known.type == KeyType::path) path = said->data().text;
  if (path.starts_with('~') || path.find('$') != std::string_view::npos)
    doubt(name, "'" + text::one_line(path, 80) +
                    "' is taken as it stands, for no shell reads it (write the whole path)");
  return said;
}

std::string SectionReader::text(std::string_view name) {
  const Ini* said = noted(name);
  return said ? said->data().text : key(name).fallback;
}

std::string SectionReader::choice(std::string_view name) {
  std::string value = key(name).fallback;
  read(name, value);
  return value;
}

std::vector<std::string> SectionReader::list(std::string_view name) {
  auto value = parse_list(key(name).fallback);
  read(name, value);
  return value;
}

Finding SectionReader::found(Finding::Severity severity, std::string_view name,
                             const std::string& text, const Place& where) const {
  Place at = place();
  std::string shown(name);
  const Key* known = find_key(table_, name);
  const IniValue* said = known && !known->family() ? entry(name)
                         : section_                ? find_value(*section_, name)
                                                   : nullptr;
  if (said) {
    at = said->place;
    shown = said->key();
  }
  if (!where.file.empty()) at = where;
  return {severity, at, "[" + shown_ + "] " + (shown.empty() ? "" : shown + ": ") + text};
}

void SectionReader::error(std::string_view name, const std::string& text, const Place& where) {
  loaded_.findings.push_back(found(Finding::Severity::error, name, text, where));
}

void SectionReader::warning(std::string_view name, const std::string& text, const Place& where) {
  loaded_.findings.push_back(found(Finding::Severity::warning, name, text, where));
}

void SectionReader::doubt(std::string_view name, const std::string& text) {
  const Finding doubt = found(Finding::Severity::warning, name, text);
  loaded_.doubt(doubt.place, doubt.text);
}

void SectionReader::wrong(std::string_view name, std::string_view value, const std::string& why) {
  error(name, "'" + text::one_line(value, 80) + "' " + why);
}

void SectionReader::check_name(std::string_view name, const std::string& value) {
  if (value.empty() || value.size() > 255) error(name, "must be a name of 1 to 255 bytes");
}

}  // namespace rbit::config
