#include "rbit/base/schema_check.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>
#include <valijson/constraints/concrete_constraints.hpp>

#include "rbit/base/json_way.h"
#include "rbit/base/text.h"
#include "rbit/base/text_format.h"

namespace rbit {

namespace {

using nlohmann::json;
using valijson::Subschema;
using valijson::constraints::TypeConstraint;

/// What one check may cost, in looks at a letter: half a second at the very most.
constexpr std::int64_t most_steps = 20'000'000;
constexpr std::int64_t part_steps = 100;  // of a subschema that is looked at
/// Subschemas within each other, of one check: what the stack takes.
constexpr int most_depth = 400;

/// Ends a check.
struct TooMuch {
  const char* reason;
};

std::string number_text(double number) {
  std::ostringstream text;
  text.precision(15);
  text << number;
  return text.str();
}

std::string counted(std::uint64_t count, const char* thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::uint64_t letters_in(const std::string& text) {
  return static_cast<std::uint64_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !text::continues_a_letter(c); }));
}

template <class String>
std::string plain(const String& text) {
  return std::string(text.data(), text.size());
}

std::string in_quotes(std::string_view name) {
  return "'" + text::one_line(name, JsonWay::most_name) + "'";
}

class Check : public valijson::constraints::ConstraintVisitor {
 public:
  Check(const SchemaPlan& plan, const json& document) : plan_(plan), value_(&document) {}

  std::optional<Misfit> run() {
    try {
      if (fits(*plan_.whole)) return std::nullopt;
    } catch (const TooMuch& end) {
      return Misfit{"", end.reason};
    }
    return misfit_;
  }

  // ---- Any value

  bool visit(const TypeConstraint& constraint) override {
    bool is_one = false;
    std::string wanted;
    constraint.applyToNamedTypes([&](TypeConstraint::JsonType type) {
      is_one = is_one || is_of(type);
      wanted += (wanted.empty() ? "" : " or ") + std::string(name_of(type));
      return !is_one;
    });
    return is_one || wrong("expected " + wanted);
  }
  bool visit(const EnumConstraint& constraint) override { return is_allowed(constraint); }
  bool visit(const ConstConstraint& constraint) override { return is_allowed(constraint); }

  bool visit(const AllOfConstraint& constraint) override {
    bool all = true;
    constraint.applyToSubschemas(
        [&](unsigned int, const Subschema* part) { return all = fits(*part); });
    return all;
  }
  bool visit(const AnyOfConstraint& constraint) override {
    return count_fitting(constraint, 1, "anyOf") > 0;
  }
  bool visit(const OneOfConstraint& constraint) override {
    const int count = count_fitting(constraint, 2, "oneOf");
    return count == 1 || (count > 1 && wrong("fits more than one of the schemas of oneOf"));
  }
  bool visit(const NotConstraint& constraint) override {
    return !fits_quietly(*constraint.getSubschema()) || wrong("is what the schema excludes (not)");
  }
  bool visit(const ConditionalConstraint& constraint) override {
    const Subschema* part = fits_quietly(*constraint.getIfSubschema())
                                ? constraint.getThenSubschema()
                                : constraint.getElseSubschema();
    return part == nullptr || fits(*part);
  }
  /// Nobody makes such ones here.
  bool visit(const PolyConstraint&) override { return true; }

  // ---- Numbers

  bool visit(const MaximumConstraint& constraint) override {
    if (!value_->is_number()) return true;
    const double limit = constraint.getMaximum(), number = value_->get<double>();
    if (constraint.getExclusiveMaximum())
      return number < limit || wrong("expected less than " + number_text(limit));
    return number <= limit || wrong("expected at most " + number_text(limit));
  }
  bool visit(const MinimumConstraint& constraint) override {
    if (!value_->is_number()) return true;
    const double limit = constraint.getMinimum(), number = value_->get<double>();
    if (constraint.getExclusiveMinimum())
      return number > limit || wrong("expected more than " + number_text(limit));
    return number >= limit || wrong("expected at least " + number_text(limit));
  }
  bool visit(const MultipleOfIntConstraint& constraint) override {
    const std::int64_t divisor = constraint.getDivisor();
    if (!value_->is_number()) return true;
    bool is_multiple = divisor > 0;
    if (value_->is_number_unsigned())
      is_multiple =
          is_multiple && value_->get<std::uint64_t>() % static_cast<std::uint64_t>(divisor) == 0;
    else if (value_->is_number_integer())
      is_multiple = is_multiple && value_->get<std::int64_t>() % divisor == 0;
    else
      is_multiple = std::fmod(value_->get<double>(), static_cast<double>(divisor)) == 0;
    return is_multiple || wrong("expected a multiple of " + std::to_string(divisor));
  }
  bool visit(const MultipleOfDoubleConstraint& constraint) override {
    if (!value_->is_number()) return true;
    const double divisor = constraint.getDivisor(), quotient = value_->get<double>() / divisor;
    // 0.3 is a multiple of 0.1, although no double is either.
    const double slack = 4 * std::numeric_limits<double>::epsilon() * std::fabs(quotient);
    return std::fabs(quotient - std::nearbyint(quotient)) <= slack ||
           wrong("expected a multiple of " + number_text(divisor));
  }

  // ---- Texts

  bool visit(const MaxLengthConstraint& constraint) override {
    if (!value_->is_string()) return true;
    return length() <= constraint.getMaxLength() ||
           wrong("expected at most " + counted(constraint.getMaxLength(), "character"));
  }
  bool visit(const MinLengthConstraint& constraint) override {
    if (!value_->is_string()) return true;
    return length() >= constraint.getMinLength() ||
           wrong("expected at least " + counted(constraint.getMinLength(), "character"));
  }
  bool visit(const PatternConstraint& constraint) override {
    if (!value_->is_string()) return true;
    const std::string& pattern = plan_.words.at(&constraint);
    return has(pattern, *text_of_value()) ||
           wrong("does not match the pattern " + text::one_line(pattern, 80));
  }
  bool visit(const FormatConstraint& constraint) override {
    if (!value_->is_string()) return true;
    const std::string& format = constraint.getFormat();
    spend(static_cast<std::int64_t>(text_of_value()->size()));
    return has_format(*text_of_value(), format) || wrong("expected a text of format " + format);
  }

  // ---- Arrays

  bool visit(const MaxItemsConstraint& constraint) override {
    return !value_->is_array() || value_->size() <= constraint.getMaxItems() ||
           wrong("expected at most " + counted(constraint.getMaxItems(), "item"));
  }
  bool visit(const MinItemsConstraint& constraint) override {
    return !value_->is_array() || value_->size() >= constraint.getMinItems() ||
           wrong("expected at least " + counted(constraint.getMinItems(), "item"));
  }
  bool visit(const UniqueItemsConstraint&) override {
    if (!value_->is_array()) return true;
    std::vector<std::string> items;
    items.reserve(value_->size());
    for (const json& item : *value_) items.push_back(comparable_of(item));
    std::sort(items.begin(), items.end());
    return std::adjacent_find(items.begin(), items.end()) == items.end() ||
           wrong("expected items that all differ");
  }
  bool visit(const ContainsConstraint& constraint) override {
    if (!value_->is_array()) return true;
    for (std::size_t i = 0; i < value_->size(); ++i)
      if (item_fits(i, *constraint.getSubschema(), true)) return true;
    return wrong("has no item as the schema wants one (contains)");
  }
  bool visit(const SingularItemsConstraint& constraint) override {
    const Subschema* part = constraint.getItemsSubschema();
    if (!value_->is_array() || part == nullptr) return true;
    for (std::size_t i = 0; i < value_->size(); ++i)
      if (!item_fits(i, *part, false)) return false;
    return true;
  }
  bool visit(const LinearItemsConstraint& constraint) override {
    if (!value_->is_array()) return true;
    bool all = true;
    constraint.applyToItemSubschemas([&](unsigned int index, const Subschema* part) {
      return index < value_->size() && (all = item_fits(index, *part, false));
    });
    const std::size_t count = constraint.getItemSubschemaCount();
    if (!all || value_->size() <= count) return all;
    const Subschema* rest = constraint.getAdditionalItemsSubschema();
    if (rest == nullptr) return wrong("expected at most " + counted(count, "item"));
    for (std::size_t i = count; i < value_->size(); ++i)
      if (!item_fits(i, *rest, false)) return false;
    return true;
  }

  // ---- Objects

  bool visit(const MaxPropertiesConstraint& constraint) override {
    return !value_->is_object() || value_->size() <= constraint.getMaxProperties() ||
           wrong("expected at most " + counted(constraint.getMaxProperties(), "member"));
  }
  bool visit(const MinPropertiesConstraint& constraint) override {
    return !value_->is_object() || value_->size() >= constraint.getMinProperties() ||
           wrong("expected at least " + counted(constraint.getMinProperties(), "member"));
  }
  bool visit(const RequiredConstraint& constraint) override {
    if (!value_->is_object()) return true;
    bool all = true;
    constraint.applyToRequiredProperties([&](const auto& name) {
      return all = value_->contains(std::string_view(name)) ||
                   wrong(in_quotes(std::string_view(name)) + " is missing");
    });
    return all;
  }
  bool visit(const PropertiesConstraint& constraint) override;
  bool visit(const PropertyNamesConstraint& constraint) override;
  bool visit(const DependenciesConstraint& constraint) override;

 private:
  bool fits(const Subschema& schema) {
    const auto found = plan_.parts.find(&schema);
    if (found == plan_.parts.end()) return true;  // valijson's empty one, which all values fit
    spend(part_steps);
    if (found->second.fits_nothing) return wrong("is not allowed here");
    if (++depth_ > most_depth) throw TooMuch{"is nested too deep for this schema"};
    const bool all = std::all_of(found->second.constraints.begin(), found->second.constraints.end(),
                                 [this](const auto* one) { return one->accept(*this); });
    --depth_;
    return all;
  }

  bool fits_quietly(const Subschema& schema) {
    ++quiet_;
    const int depth = depth_;
    const bool is_fit = fits(schema);
    depth_ = depth;
    --quiet_;
    return is_fit;
  }

  bool value_fits(const json& value, const Subschema& schema) {
    const json* whole = std::exchange(value_, &value);
    const int depth = depth_;
    const bool is_fit = fits(schema);
    depth_ = depth;
    value_ = whole;
    return is_fit;
  }
  bool item_fits(std::size_t index, const Subschema& schema, bool quietly) {
    way_.enter(index);
    quiet_ += quietly ? 1 : 0;
    const bool is_fit = value_fits((*value_)[index], schema);
    quiet_ -= quietly ? 1 : 0;
    way_.leave();
    return is_fit;
  }
  bool member_fits(const std::string& name, const json& value, const Subschema& schema) {
    way_.enter(name);
    const bool is_fit = value_fits(value, schema);
    way_.leave();
    return is_fit;
  }

  /// How many of its schemas fit, `enough` at most. Of none the misfit is that of the schema which
  /// went deepest, for that is the one who is likely to be meant.
  template <class Constraint>
  int count_fitting(const Constraint& constraint, int enough, const char* keyword) {
    int count = 0, all = 0;
    std::optional<Misfit> nearest;
    const auto depth_of = [](const Misfit& one) {
      return std::count(one.pointer.begin(), one.pointer.end(), '/');
    };
    const int depth = depth_;
    constraint.applyToSubschemas([&](unsigned int, const Subschema* part) {
      ++all;
      count += fits(*part) ? 1 : 0;
      depth_ = depth;
      if (misfit_ && (!nearest || depth_of(*misfit_) > depth_of(*nearest))) nearest = misfit_;
      misfit_.reset();
      return count < enough;
    });
    if (count > 0 || quiet_ > 0) return count;
    const bool is_deeper =
        nearest && depth_of(*nearest) > static_cast<std::ptrdiff_t>(way_.depth());
    if (nearest && (is_deeper || all == 1))
      misfit_ = std::move(nearest);
    else
      wrong("fits none of the " + counted(static_cast<std::uint64_t>(all), "schema") + " of " +
            keyword);
    return count;
  }

  bool wrong(const std::string& reason) {
    if (quiet_ == 0 && !misfit_) misfit_ = Misfit{way_.pointer(), reason};
    return false;
  }

  void spend(std::int64_t steps) {
    steps_ -= steps;
    if (steps_ < 0) throw TooMuch{"takes too long to check by this schema"};
  }

  const std::string* text_of_value() const { return &value_->get_ref<const std::string&>(); }
  std::uint64_t length() {
    spend(static_cast<std::int64_t>(text_of_value()->size() / 16));
    return letters_in(*text_of_value());
  }
  bool has(const std::string& pattern, const std::string& text) {
    spend(static_cast<std::int64_t>(text.size()));
    const auto found = plan_.patterns.find(pattern);
    const auto is_in = found->second.is_in(text, steps_);
    if (!is_in) throw TooMuch{"takes too long to match with a pattern of this schema"};
    return *is_in;
  }
  std::string comparable_of(const json& value) {
    std::string text = comparable(value);
    spend(static_cast<std::int64_t>(text.size()));
    return text;
  }
  bool is_allowed(const valijson::constraints::Constraint& constraint) {
    const SchemaPlan::Allowed& allowed = plan_.allowed.at(&constraint);
    return std::binary_search(allowed.values.begin(), allowed.values.end(),
                              comparable_of(*value_)) ||
           wrong("expected " + allowed.words);
  }

  bool is_of(TypeConstraint::JsonType type) const {
    switch (type) {
      case TypeConstraint::kArray:
        return value_->is_array();
      case TypeConstraint::kBoolean:
        return value_->is_boolean();
      case TypeConstraint::kInteger:  // since draft 6 also 1.0
        return value_->is_number_integer() ||
               (plan_.draft > 4 && value_->is_number_float() &&
                std::nearbyint(value_->get<double>()) == value_->get<double>());
      case TypeConstraint::kNull:
        return value_->is_null();
      case TypeConstraint::kNumber:
        return value_->is_number();
      case TypeConstraint::kObject:
        return value_->is_object();
      case TypeConstraint::kString:
        return value_->is_string();
      case TypeConstraint::kAny:
        break;
    }
    return true;
  }
  static std::string_view name_of(TypeConstraint::JsonType type) {
    switch (type) {
      case TypeConstraint::kArray:
        return "an array";
      case TypeConstraint::kBoolean:
        return "a boolean";
      case TypeConstraint::kInteger:
        return "an integer";
      case TypeConstraint::kNull:
        return "null";
      case TypeConstraint::kNumber:
        return "a number";
      case TypeConstraint::kObject:
        return "an object";
      case TypeConstraint::kString:
        return "a string";
      case TypeConstraint::kAny:
        break;
    }
    return "any value";
  }

  const SchemaPlan& plan_;
  const json* value_;
  JsonWay way_;
  std::optional<Misfit> misfit_;
  std::int64_t steps_ = most_steps;
  int depth_ = 0;
  int quiet_ = 0;  // whoever asks does not want to know why
};

bool Check::visit(const PropertiesConstraint& constraint) {
  if (!value_->is_object()) return true;
  bool all = true;
  std::vector<const std::string*> seen;  // in the order of the object, which is sorted, or nearly
  constraint.applyToProperties([&](const auto& name, const Subschema* part) {
    const auto member = value_->find(std::string_view(name));
    if (member == value_->end()) return true;
    seen.push_back(&member.key());
    return all = member_fits(member.key(), *member, *part);
  });
  if (!all) return false;
  const std::size_t known = seen.size();  // of those, which are sorted
  constraint.applyToPatternProperties([&](const auto& pattern, const Subschema* part) {
    const std::string pattern_text = plain(pattern);
    for (const auto& [name, value] : value_->items()) {
      if (!has(pattern_text, name)) continue;
      const auto member = value_->find(name);
      seen.push_back(&member.key());
      if (!(all = member_fits(member.key(), *member, *part))) break;
    }
    return all;
  });
  if (!all) return false;
  const Subschema* rest = constraint.getAdditionalPropertiesSubschema();
  if (rest != nullptr && !plan_.parts.contains(rest)) return true;  // valijson's empty one
  const auto is_less = [](const std::string* a, const std::string* b) { return *a < *b; };
  if (known != seen.size()) std::sort(seen.begin(), seen.end(), is_less);
  for (auto member = value_->begin(); member != value_->end(); ++member) {
    spend(1);
    if (std::binary_search(seen.begin(), seen.end(), &member.key(), is_less)) continue;
    if (rest == nullptr) {
      way_.enter(member.key());
      wrong("is not allowed here");
      way_.leave();
      return false;
    }
    if (!member_fits(member.key(), *member, *rest)) return false;
  }
  return true;
}

bool Check::visit(const PropertyNamesConstraint& constraint) {
  if (!value_->is_object()) return true;
  for (auto member = value_->begin(); member != value_->end(); ++member) {
    const json name = member.key();
    way_.enter(member.key());
    const bool is_fit = value_fits(name, *constraint.getSubschema());
    way_.leave();
    if (is_fit) continue;
    if (misfit_) misfit_->reason = "its name does not fit: " + misfit_->reason;
    return false;
  }
  return true;
}

bool Check::visit(const DependenciesConstraint& constraint) {
  if (!value_->is_object()) return true;
  bool all = true;
  constraint.applyToPropertyDependencies([&](const auto& name, const auto& others) {
    if (!value_->contains(std::string_view(name))) return true;
    for (const auto& other : others) {
      if (value_->contains(std::string_view(other))) continue;
      all = wrong(in_quotes(std::string_view(other)) + " is missing, which goes with " +
                  in_quotes(std::string_view(name)));
      return false;
    }
    return true;
  });
  if (!all) return false;
  constraint.applyToSchemaDependencies([&](const auto& name, const Subschema* part) {
    return !value_->contains(std::string_view(name)) || (all = fits(*part));
  });
  return all;
}

}  // namespace

std::optional<Misfit> misfit_by(const SchemaPlan& plan, const json& document) {
  return Check(plan, document).run();
}

}  // namespace rbit
