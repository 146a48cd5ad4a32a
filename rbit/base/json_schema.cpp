#include "rbit/base/json_schema.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <vector>

#include "rbit/base/schema_check.h"
#include "rbit/base/schema_document.h"
#include "rbit/base/schema_plan.h"
#include "rbit/base/text.h"
#include "rbit/base/text_format.h"

namespace rbit {

namespace {

namespace constraints = valijson::constraints;
using nlohmann::json;
using valijson::Subschema;

/// All nodes as one document, in which a schema of everything names each of them: so valijson makes
/// each once, and tells which is which. A node comes after its own, so that making one does not
/// make all others on the stack.
json whole_of(const SchemaDocument& document) {
  json whole = json::object();
  for (std::size_t i = 0; i < document.nodes.size(); ++i)
    whole[std::to_string(i)] = document.nodes[i];
  for (const std::size_t i : document.order)
    whole["allOf"].push_back({{"$ref", "#/" + std::to_string(i)}});
  return whole;
}

SchemaPlan::Allowed allowed_of(const json& values) {
  SchemaPlan::Allowed allowed;
  std::vector<std::string> shown;
  for (const json& value : values) {
    allowed.values.push_back(comparable(value));
    shown.push_back(text::one_line(value.dump(), 40));
  }
  std::sort(allowed.values.begin(), allowed.values.end());
  allowed.words =
      text::one_line((shown.size() > 1 ? "one of " : "") + text::join(shown, ", "), 120);
  return allowed;
}

/// Notes what a check needs of one constraint of `node`.
Result<void> note(SchemaPlan& plan, const constraints::Constraint& constraint, const json& node) {
  const auto read_pattern = [&](const std::string& text) -> Result<void> {
    auto pattern = TextPattern::read(text);
    if (!pattern) return pattern.error();
    plan.patterns.emplace(text, std::move(*pattern));
    return {};
  };
  if (dynamic_cast<const constraints::EnumConstraint*>(&constraint) != nullptr)
    plan.allowed[&constraint] = allowed_of(node["enum"]);
  if (dynamic_cast<const constraints::ConstConstraint*>(&constraint) != nullptr)
    plan.allowed[&constraint] = allowed_of(json::array({node["const"]}));
  Result<void> read;
  if (const auto* one = dynamic_cast<const constraints::PatternConstraint*>(&constraint)) {
    const auto text = one->getPattern<std::string::allocator_type>();
    plan.words[&constraint] = text;
    read = read_pattern(text);
  }
  if (const auto* one = dynamic_cast<const constraints::PropertiesConstraint*>(&constraint))
    one->applyToPatternProperties([&](const auto& text, const Subschema*) {
      read = read_pattern(std::string(text.data(), text.size()));
      return read.has_value();
    });
  return read;
}

/// A format that is not looked at is a remark.
bool is_remark(const constraints::Constraint& constraint) {
  const auto* format = dynamic_cast<const constraints::FormatConstraint*>(&constraint);
  return format != nullptr && !is_known_format(format->getFormat());
}

Result<void> add_part(SchemaPlan& plan, const Subschema& schema, const json& node) {
  SchemaPlan::Part part;
  part.fits_nothing = schema.getAlwaysInvalid();
  Result<void> noted;
  Subschema::ApplyFunction add = [&](const constraints::Constraint& constraint) {
    if (is_remark(constraint)) return true;
    // That it is of another type says more than whatever follows from that.
    const bool is_type = dynamic_cast<const constraints::TypeConstraint*>(&constraint) != nullptr;
    part.constraints.insert(is_type ? part.constraints.begin() : part.constraints.end(),
                            &constraint);
    noted = note(plan, constraint, node);
    return noted.has_value();
  };
  schema.applyStrict(add);
  if (noted) plan.parts[&schema] = std::move(part);
  return noted;
}

}  // namespace

struct JsonSchema::Compiled {
  valijson::Schema schema;
  SchemaPlan plan;
};

Result<JsonSchema> JsonSchema::read(const std::string& path) {
  const auto document = SchemaDocument::read(path);
  if (!document) return document.error();
  auto compiled = std::make_shared<Compiled>();
  SchemaPlan& plan = compiled->plan;
  plan.draft = document->draft;
  const json whole = whole_of(*document);
  try {
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(whole), compiled->schema);
  } catch (const std::exception& error) {
    return Error{path, text::one_line(error.what(), 200), "look at the schema"};
  }
  Result<void> added;
  Subschema::ApplyFunction add = [&](const constraints::Constraint& constraint) {
    const auto* all = dynamic_cast<const constraints::AllOfConstraint*>(&constraint);
    if (all == nullptr) return true;
    all->applyToSubschemas([&](unsigned int index, const Subschema* part) {
      const std::size_t node = document->order[index];
      if (node == 0) plan.whole = part;
      added = add_part(plan, *part, document->nodes[node]);
      if (!added) added = Error{path, document->places[node] + ": " + added.error().reason, ""};
      return added.has_value();
    });
    return true;
  };
  compiled->schema.apply(add);
  if (!added) return added.error();
  return JsonSchema(std::move(compiled));
}

std::optional<Misfit> JsonSchema::misfit_of(const json& document) const {
  return misfit_by(compiled_->plan, document);
}

}  // namespace rbit
