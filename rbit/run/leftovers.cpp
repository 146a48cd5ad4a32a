#include "rbit/run/leftovers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "rbit/run/leader_wire.h"

namespace rbit {

std::vector<std::string> words_of_leftovers(std::uint32_t left) {
  static constexpr std::array<std::pair<std::uint32_t, const char*>, 14> table{{
      {wire::left_thread, "left a thread"},
      {wire::left_child, "left a child process"},
      {wire::left_timer, "left a timer"},
      {wire::left_descriptor, "left a descriptor open"},
      {wire::lost_descriptor, "changed its descriptors"},
      {wire::changed_umask, "changed its umask"},
      {wire::changed_signals, "changed its signal handlers"},
      {wire::changed_limits, "changed its limits"},
      {wire::changed_place, "changed its directory"},
      {wire::changed_rights, "changed its user or its rights"},
      {wire::changed_priority, "changed its priority"},
      {wire::changed_namespaces, "changed its namespaces"},
      {wire::left_locked_memory, "left memory locked"},
      {wire::is_hidden, "does not let itself be looked at"},
  }};
  std::vector<std::string> words;
  for (const auto& [bit, word] : table)
    if ((left & bit) != 0) words.emplace_back(word);
  return words;
}

std::string leftovers_text(const std::vector<std::string>& words) {
  std::vector<std::string> once;
  for (const std::string& word : words)
    if (std::find(once.begin(), once.end(), word) == once.end()) once.push_back(word);
  std::string text;
  for (std::size_t i = 0; i < once.size(); ++i) {
    if (i > 0) text += i + 1 == once.size() ? " and " : ", ";
    text += once[i];
  }
  return text;
}

}  // namespace rbit
