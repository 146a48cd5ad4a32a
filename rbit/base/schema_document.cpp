#include "rbit/base/schema_document.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "rbit/base/schema_files.h"
#include "rbit/base/schema_keywords.h"
#include "rbit/base/text.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::size_t most_nodes = 5'000;
/// Beyond, a schema that refers to itself may take more stack than there is while it is compiled.
constexpr std::size_t most_cyclic_depth = 200;

/// The words for drafts in `$schema`, without scheme and fragment.
constexpr std::pair<std::string_view, int> drafts[] = {
    {"json-schema.org/draft-04/schema", 4},
    {"json-schema.org/draft-06/schema", 6},
    {"json-schema.org/draft-07/schema", 7},
};

Result<int> draft_of(const SchemaPlace& whole) {
  const json& schema = *whole.value;
  if (!schema.is_object() || !schema.contains("$schema")) return 7;
  const json& said = schema["$schema"];
  std::string name = said.is_string() ? said.get<std::string>() : "";
  for (const char* scheme : {"http://", "https://"})
    if (name.starts_with(scheme)) name.erase(0, std::string_view(scheme).size());
  while (!name.empty() && (name.back() == '#' || name.back() == '/')) name.pop_back();
  for (const auto& [known, draft] : drafts)
    if (name == known) return draft;
  return Error{
      whole.file,
      "/$schema: '" + text::one_line(said.dump(), 100) + "' is no draft that is known here",
      "write http://json-schema.org/draft-07/schema# (or 06, 04) and its keywords"};
}

/// Turns files into nodes, one after the other, without recursion.
class Flattening {
 public:
  explicit Flattening(SchemaDocument& made) : made_(made) {}

  Result<void> run(const std::string& path) {
    const auto whole = files_.open(path);
    if (!whole) return whole.error();
    const auto draft = draft_of(*whole);
    if (!draft) return draft.error();
    made_.draft = *draft;
    const auto first = node_at(*whole);
    if (!first) return first.error();
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (const auto filled = fill(i); !filled) return filled.error();
    return order();
  }

 private:
  /// The number of the node that stands at `place`, or where its `$ref` leads.
  Result<std::size_t> node_at(SchemaPlace place) {
    const SchemaPlace from = place;
    constexpr int most_hops = 100;
    for (int hops = 0; place.value->is_object() && place.value->contains("$ref"); ++hops) {
      const json& reference = (*place.value)["$ref"];
      if (!reference.is_string()) return wrong(place, "$ref", "is no text");
      if (hops == most_hops) return wrong(from, "$ref", "leads round in a circle");
      auto next = files_.follow(place, reference.get<std::string>());
      if (!next) return next.error();
      place = std::move(*next);
    }
    const std::string name = place.file + "#" + place.pointer;
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
    const bool is_flag = made_.draft > 4 && place.value->is_boolean();
    if (!place.value->is_object() && !is_flag)
      return Error{
          place.file, place.pointer + ": is no schema",
          made_.draft == 4 ? "a schema is an object" : "a schema is an object, true or false"};
    if (places_.size() == most_nodes)
      return Error{place.file, "has more than 5000 subschemas", "make it smaller"};
    const std::size_t number = places_.size();
    numbers_[name] = number;
    places_.push_back(place);
    made_.places.push_back(place.text());
    made_.nodes.emplace_back(is_flag ? *place.value : json::object());
    edges_.emplace_back();
    return number;
  }

  Error wrong(const SchemaPlace& place, std::string_view keyword,
              const std::string& mistake) const {
    return Error{place.file,
                 text::one_line(place.pointer, 300) + "/" + std::string(keyword) + ": " + mistake,
                 ""};
  }

  Result<json> reference_to(std::size_t number, SchemaPlace place, bool in_place) {
    const auto child = node_at(std::move(place));
    if (!child) return child.error();
    edges_[number].push_back({*child, in_place});
    return Result<json>(boost::system::in_place_value,
                        json{{"$ref", "#/" + std::to_string(*child)}});
  }

  Result<void> fill(std::size_t number) {
    const SchemaPlace place = places_[number];
    if (place.value->is_boolean()) return {};
    for (const SchemaKeyword& keyword : schema_keywords) {
      const auto found = place.value->find(keyword.name);
      if (found == place.value->end() || made_.draft < keyword.since) continue;
      const std::string mistake = mistake_of(keyword, *found, made_.draft);
      if (!mistake.empty()) return wrong(place, keyword.name, mistake);
      auto value = converted(number, keyword, *found);
      if (!value) return value.error();
      if (!keyword.only_kept) made_.nodes[number][std::string(keyword.name)] = std::move(*value);
    }
    if (made_.draft == 4) modernise(made_.nodes[number]);
    return {};
  }

  /// The value with references in place of its subschemas.
  Result<json> converted(std::size_t number, const SchemaKeyword& keyword, const json& value) {
    using S = KeywordShape;
    const SchemaPlace at = SchemaFiles::below(places_[number], std::string(keyword.name), value);
    const bool is_list = value.is_array();
    switch (keyword.shape) {
      case S::schema:
        if (made_.draft == 4 && value.is_boolean() && keyword.name.starts_with("additional"))
          return Result<json>(boost::system::in_place_value, value);
        return reference_to(number, at, keyword.in_place);
      case S::schema_or_schemas:
        if (!is_list) return reference_to(number, at, keyword.in_place);
        [[fallthrough]];
      case S::schemas:
      case S::named_schemas:
      case S::patterned_schemas:
      case S::dependencies: {
        json made = is_list ? json::array() : json::object();
        for (const auto& [name, one] : value.items()) {
          const bool is_names = keyword.shape == S::dependencies && one.is_array();
          auto child =
              is_names ? Result<json>(boost::system::in_place_value, one)
                       : reference_to(number, SchemaFiles::below(at, name, one), keyword.in_place);
          if (!child) return child.error();
          if (is_list)
            made.push_back(std::move(*child));
          else
            made[name] = std::move(*child);
        }
        return Result<json>(boost::system::in_place_value, std::move(made));
      }
      case S::count:  // 2.0 is 2
        return Result<json>(boost::system::in_place_value, value.get<std::uint64_t>());
      default:
        return Result<json>(boost::system::in_place_value, value);
    }
  }

  /// Draft 4 says by a flag whether a limit itself is out, draft 7 by another limit.
  static void modernise(json& node) {
    for (const auto& [limit, exclusive] :
         {std::pair("maximum", "exclusiveMaximum"), std::pair("minimum", "exclusiveMinimum")}) {
      if (!node.contains(exclusive)) continue;
      const bool is_out = node[exclusive].get<bool>();
      node.erase(exclusive);
      if (!is_out || !node.contains(limit)) continue;
      node[exclusive] = node[limit];
      node.erase(limit);
    }
  }

  /// Goes through the nodes depth first. A way back to where it comes from is fine, unless all of
  /// that way is about the same value: then no message could ever be checked.
  Result<void> order() {
    std::vector<Visit> state(places_.size(), Visit::none);
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (const auto gone = go(i, state, false); !gone) return gone;
    state.assign(places_.size(), Visit::none);
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (const auto gone = go(i, state, true); !gone) return gone;
    if (is_cyclic_ && deepest_ > most_cyclic_depth)
      return Error{places_[0].file, "refers to itself, and its schemas are nested too deep",
                   "make it simpler"};
    return {};
  }

  enum class Visit { none, open, done };

  Result<void> go(std::size_t start, std::vector<Visit>& state, bool only_in_place) {
    if (state[start] != Visit::none) return {};
    std::vector<std::pair<std::size_t, std::size_t>> way{{start, 0}};  // a node, its next edge
    state[start] = Visit::open;
    while (!way.empty()) {
      auto& [node, next] = way.back();
      if (next == edges_[node].size()) {
        state[node] = Visit::done;
        if (!only_in_place) made_.order.push_back(node);
        way.pop_back();
        continue;
      }
      const Edge edge = edges_[node][next++];
      if (only_in_place && !edge.in_place) continue;
      if (state[edge.to] == Visit::open && only_in_place)
        return Error{places_[edge.to].file,
                     text::one_line(places_[edge.to].pointer, 300) +
                         ": refers to itself without going deeper into the message",
                     "no message could ever be checked by it"};
      is_cyclic_ = is_cyclic_ || state[edge.to] == Visit::open;
      if (state[edge.to] != Visit::none) continue;
      state[edge.to] = Visit::open;
      way.emplace_back(edge.to, 0);
      deepest_ = std::max(deepest_, way.size());
    }
    return {};
  }

  struct Edge {
    std::size_t to;
    bool in_place;
  };

  SchemaDocument& made_;
  SchemaFiles files_;
  std::vector<SchemaPlace> places_;
  std::map<std::string, std::size_t> numbers_;  // by file and pointer
  std::vector<std::vector<Edge>> edges_;
  bool is_cyclic_ = false;
  std::size_t deepest_ = 0;
};

}  // namespace

Result<SchemaDocument> SchemaDocument::read(const std::string& path) {
  SchemaDocument made;
  if (const auto read = Flattening(made).run(path); !read) return read.error();
  return made;
}

}  // namespace rbit
