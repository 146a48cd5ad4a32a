#include "rbit/config/section_reader.h"

#include <filesystem>
#include <stdexcept>

#include "rbit/base/text.h"
#include "rbit/config/values.h"

namespace rbit::config {

SectionReader::SectionReader(const IniSection* section, std::string_view table, std::string shown,
                             Loaded& loaded)
    : section_(section), table_(table), shown_(std::move(shown)), loaded_(loaded) {}

const Key& SectionReader::key(std::string_view name) const {
  const Key* key = find_key(table_, name);
  if (!key) throw std::logic_error("no key in the table: " + std::string(name));
  return *key;
}

const IniEntry* SectionReader::entry(std::string_view name) const {
  if (!section_) return nullptr;
  const Key& wanted_key = key(name);
  const IniEntry* found = nullptr;  // the section's own entry comes before what it inherits
  for (const auto& entry : section_->entries)
    if (find_key(table_, entry.key) == &wanted_key && !wanted_key.family() &&
        (!found || entry.key == wanted_key.name) && (!found || !entry.inherited))
      found = &entry;
  return found;
}

Place SectionReader::place() const {
  return section_ ? section_->place : Place{loaded_.settings.file, 0};
}

void SectionReader::note(std::string_view name, const std::string& value, const Place& place,
                         bool secret) {
  loaded_.values.push_back({shown_, std::string(name), value, place, secret});
}

std::string SectionReader::noted(std::string_view name, const std::string& computed) {
  const Key& known = key(name);
  const IniEntry* said = entry(name);
  std::string value = said               ? said->value
                      : computed.empty() ? std::string(known.fallback)
                                         : computed;
  note(known.name, value, said ? said->place : Place{}, known.secret);
  return value;
}

template <class Parse>
auto SectionReader::parsed(std::string_view name, Parse parse) {
  const std::string value = noted(name);
  if (auto result = parse(value)) return *result;
  not_wanted(name, value);
  return *parse(std::string(key(name).fallback));
}

std::string SectionReader::text(std::string_view name, const std::string& computed) {
  return noted(name, computed);
}

std::string SectionReader::path(std::string_view name, const std::string& computed) {
  const std::string value = noted(name, computed);
  doubt_path(name);
  if (value.empty()) return "";
  const auto whole = std::filesystem::path(loaded_.settings.directory) / value;
  return whole.lexically_normal().string();
}

std::string SectionReader::choice(std::string_view name) {
  const Key& known = key(name);
  return parsed(name, [&](const std::string& value) -> std::optional<std::string> {
    for (const auto& choice : text::split(known.choices, '|'))
      if (text::lower(choice) == text::lower(value)) return choice;
    if (known.name == "level" && text::lower(value) == "warn") return "WARNING";  // Python's both
    return std::nullopt;
  });
}

std::vector<std::string> SectionReader::list(std::string_view name) {
  return parse_list(noted(name));
}

bool SectionReader::flag(std::string_view name) {
  return parsed(name, [](const std::string& value) { return parse_flag(value); });
}

int SectionReader::number(std::string_view name) {
  const Key& known = key(name);
  return parsed(name, [&](const std::string& value) -> std::optional<int> {
    long long number = 0;
    if (!text::parse_number(value, known.least, known.most, number)) return std::nullopt;
    return static_cast<int>(number);
  });
}

std::int64_t SectionReader::size(std::string_view name) {
  const Key& known = key(name);
  return parsed(name, [&](const std::string& value) -> std::optional<std::int64_t> {
    const auto size = parse_size(value);
    return size && *size >= known.least && *size <= known.most ? size : std::nullopt;
  });
}

disk::Limit SectionReader::space(std::string_view name) {
  return parsed(name, [](const std::string& value) { return parse_space(value); });
}

double SectionReader::fraction(std::string_view name) {
  return parsed(name, [](const std::string& value) { return parse_fraction(value); });
}

std::chrono::milliseconds SectionReader::duration(std::string_view name) {
  return parsed(name, [](const std::string& value) { return parse_duration(value); });
}

Finding SectionReader::found(Finding::Severity severity, std::string_view name,
                             const std::string& text, const Place* where) const {
  Place at = place();
  std::string shown(name);
  for (const auto& candidate : section_ ? section_->entries : std::vector<IniEntry>{})
    if (candidate.key == name) at = candidate.place;
  if (const Key* known = find_key(table_, name); known && !known->family()) {
    if (const IniEntry* said = entry(name)) {
      at = said->place;
      shown = said->key;
    }
  }
  if (where) at = *where;
  return {severity, at, "[" + shown_ + "] " + (shown.empty() ? "" : shown + ": ") + text};
}

void SectionReader::error(std::string_view name, const std::string& text) {
  loaded_.findings.push_back(found(Finding::Severity::error, name, text, nullptr));
}

void SectionReader::error(std::string_view name, const std::string& text, const Place& where) {
  loaded_.findings.push_back(found(Finding::Severity::error, name, text, &where));
}

void SectionReader::warning(std::string_view name, const std::string& text) {
  loaded_.findings.push_back(found(Finding::Severity::warning, name, text, nullptr));
}

void SectionReader::warning(std::string_view name, const std::string& text, const Place& where) {
  loaded_.findings.push_back(found(Finding::Severity::warning, name, text, &where));
}

void SectionReader::doubt(std::string_view name, const std::string& text) {
  loaded_.doubts.push_back(found(Finding::Severity::warning, name, text, nullptr));
  loaded_.doubts.back().strict = true;
}

void SectionReader::doubt_path(std::string_view name) {
  const IniEntry* said = entry(name);
  if (said == nullptr ||
      (!said->value.starts_with('~') && said->value.find('$') == std::string::npos))
    return;
  doubt(name, "'" + text::one_line(said->value, 80) +
                  "' is taken as it stands, for no shell reads it (write the whole path)");
}

void SectionReader::not_wanted(std::string_view name, std::string_view value) {
  error(name, "'" + text::one_line(value, 80) + "' is not " + wanted(key(name)));
}

}  // namespace rbit::config
