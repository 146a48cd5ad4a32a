#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "rbit/base/text.h"
#include "rbit/config/section_reader.h"

namespace rbit::config {

/// Reads each section [WORD:NAME] into a One of that name, which has `name` and `place`. A name
/// that is no word, or is there twice, is a mistake, and that section is not read.
template <class One, class Read>
void read_named(const Ini& ini, const std::string& word, std::map<std::string, One>& into,
                Loaded& loaded, Read read) {
  const std::string prefix = word + ":";
  for (const auto& [name, section] : ini) {
    if (!name.starts_with(prefix)) continue;
    One one;
    one.name = text::trim(std::string_view(name).substr(prefix.size()));
    one.place = section.data().place;
    SectionReader reader(&section, word, prefix + one.name, loaded);
    if (one.name.empty() || one.name.find_first_of(" \t\v\f\r") != std::string::npos) {
      reader.error("", "a " + word + "'s name is one word (write [" + prefix + "NAME])");
      continue;
    }
    if (const auto first = into.find(one.name); first != into.end()) {
      reader.error("",
                   "is there twice (first at " + first->second.place.seen_from(one.place) + ")");
      continue;
    }
    read(reader, one);
    into.emplace(one.name, std::move(one));
  }
}

}  // namespace rbit::config
