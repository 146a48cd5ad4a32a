#include <glob.h>

#include <filesystem>

#include "rbit/base/text.h"
#include "rbit/config/secret_file.h"
#include "rbit/config/sections.h"
#include "rbit/config/values.h"

namespace rbit::config {

namespace {

constexpr std::size_t most_files = 1000;

bool has_wildcard(const std::string& path) {
  return path.find_first_of("*?[") != std::string::npos;
}

/// The files that a pattern names, in the order of their names. Without * and ? the name itself,
/// whether it is there or not.
std::vector<std::string> files_of(const std::string& pattern) {
  if (!has_wildcard(pattern)) return {pattern};
  std::vector<std::string> files;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_ERR, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return files;
}

}  // namespace

void check_exposure(const std::string& path, Loaded& loaded) {
  const Place whole_file{path, 0};
  for (const auto& one : exposure_of(path))
    loaded.error(whole_file, Error{"", one.reason, one.cure}.text());
}

void read_included(const std::string& path, std::vector<IniSource>& sources, Loaded& loaded) {
  std::vector<Finding> ignored;  // the whole is parsed again
  const auto nothing = [](std::string_view, std::string_view) { return false; };
  const Ini first = parse_ini(sources, nothing, ignored);
  const Ini* section = find_child(first, "rbit");
  if (!section) section = find_child(first, "coyote");
  const IniValue* entry = section ? find_value(*section, "include") : nullptr;
  if (!entry) return;
  const auto mistake = [&](const std::string& text) {
    loaded.error(entry->place, "[" + section->data().spelled + "] include: " + text);
  };
  const auto directory =
      path == "-" ? std::filesystem::path() : std::filesystem::path(path).parent_path();
  for (const auto& pattern : parse_list(entry->text)) {
    const std::filesystem::path named(pattern);
    if (has_wildcard(named.parent_path().string())) {  // or half a disk would be searched
      mistake("'" + text::one_line(pattern, 300) + "' has a wildcard in the name of a directory");
      continue;
    }
    for (const auto& file : files_of((directory / pattern).string())) {
      if (sources.size() > most_files) return mistake("are more than 1000 files");
      bool twice = false;
      for (const auto& source : sources) twice = twice || source.file == file;
      if (twice) {
        mistake("'" + text::one_line(file, 300) + "' is read twice");
        continue;
      }
      auto text = read_text_file(file);
      if (!text) {
        mistake(text.error().text());
        continue;
      }
      check_exposure(file, loaded);
      sources.push_back({std::move(*text), file});
    }
  }
}

}  // namespace rbit::config
