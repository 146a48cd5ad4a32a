#include "rbit/run/artifact_names.h"

#include <filesystem>
#include <map>
#include <set>

namespace rbit {

namespace {

std::set<std::string> directories_of(const std::vector<std::string>& names) {
  std::set<std::string> directories;
  for (const auto& name : names)
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      directories.insert(name.substr(0, slash));
  return directories;
}

/// Gives whole paths to those whose names collide; true if a name changed.
bool widen(const std::vector<NameWish>& wishes, std::vector<std::string>& names) {
  std::map<std::string, int> bearers;
  for (const auto& name : names) ++bearers[name];
  const auto directories = directories_of(names);
  bool changed = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool collides = bearers[names[i]] > 1 || directories.contains(names[i]);
    if (!collides || names[i] == wishes[i].relative) continue;
    names[i] = wishes[i].relative;
    changed = true;
  }
  return changed;
}

}  // namespace

std::vector<std::string> artifact_names(const std::vector<NameWish>& wishes) {
  std::vector<std::string> names;
  for (const auto& wish : wishes)
    names.push_back(wish.whole ? wish.relative
                               : wish.relative.substr(wish.relative.rfind('/') + 1));
  while (widen(wishes, names)) {  // each name changes once at most
  }
  // What collides even so was found in different places.
  std::set<std::string> taken;
  const auto directories = directories_of(names);
  for (auto& name : names)
    if (directories.contains(name) || !taken.insert(name).second) name.clear();
  return names;
}

std::string clean_path(const std::string& relative) {
  std::string clean = std::filesystem::path(relative).lexically_normal().string();
  while (clean.ends_with('/')) clean.pop_back();
  // Through a link two steps up may be one down.
  return clean.starts_with("../") ? clean.substr(clean.rfind('/') + 1) : clean;
}

}  // namespace rbit
