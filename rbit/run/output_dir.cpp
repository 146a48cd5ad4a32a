#include "rbit/run/output_dir.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "rbit/base/json.h"
#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "rbit/run/runner_line.h"
#include "rbit/run/shell_placeholder.h"

namespace rbit {

namespace {

constexpr std::size_t longest_part =
    200;  // bytes; file systems take 255, and programs add to names
constexpr std::size_t kept_of_long = 120;  // the rest is a digest

/// A piece of a part: text, the name of a placeholder, or what a %{...} stands for.
struct Piece {
  bool is_placeholder = false;
  std::string text;
  std::optional<MessageFact> fact;
};

/// "%{/a/b}" of "%{%2Fa%2Fb}", as it stands in a path: there a slash is between two parts.
FactText fact_in_path(std::string_view rest) {
  const auto end = rest.starts_with("%{") ? rest.find('}') : std::string_view::npos;
  if (end == std::string_view::npos) return {};
  std::string plain;
  for (std::size_t at = 0; at <= end; ++at) {
    const auto code = rest.substr(at, 3);
    const bool is_code = code == "%2F" || code == "%25";
    plain += is_code ? (code == "%2F" ? '/' : '%') : rest[at];
    if (is_code) at += 2;
  }
  FactText found = fact_at(plain);
  if (found.length > 0) found.length = end + 1;
  return found;
}

/// As in shell lines, "%" and two capitals at least.
std::vector<Piece> pieces_of(std::string_view part) {
  std::vector<Piece> pieces;
  std::string plain;
  const auto add = [&](std::string name, std::size_t length, std::optional<MessageFact> fact) {
    if (!plain.empty()) pieces.push_back({false, std::exchange(plain, ""), {}});
    pieces.push_back({true, std::move(name), std::move(fact)});
    part.remove_prefix(length);
  };
  while (!part.empty()) {
    const std::string name = capitals_of(part);
    FactText fact = fact_in_path(part);
    if (fact.length > 0) {
      add("", fact.length, std::move(fact.fact));
    } else if (name.size() >= 2) {
      add(name, 1 + name.size(), {});
    } else {
      plain += part.front();
      part.remove_prefix(part.starts_with("%%") ? 2 : 1);
    }
  }
  if (!plain.empty()) pieces.push_back({false, std::move(plain), {}});
  return pieces;
}

bool has_placeholder(std::string_view part) {
  for (const auto& piece : pieces_of(part))
    if (piece.is_placeholder) return true;
  return false;
}

/// What placeholders of one job stand for.
class Values {
 public:
  Values(const Job& job, bool has_members) : job_(job) {
    if (!has_members) return;
    auto parsed = json::parse(job.body);
    if (parsed) document_ = std::make_unique<nlohmann::json>(std::move(*parsed));
  }

  std::string of(const Piece& piece) const {
    if (piece.fact) return fact_of(job_, *piece.fact, document_.get()).value_or("");
    // Two jobs without an id are still two.
    if (piece.text == "JOB" && job_.request.job_id.empty()) return job_.key;
    const JobField* field = field_of_placeholder(piece.text);
    return field != nullptr ? field->value(job_) : "";
  }

 private:
  const Job& job_;
  std::unique_ptr<nlohmann::json> document_;
};

/// One part of the path for this job.
std::string part_of(std::string_view part, const Values& values) {
  std::string whole;
  bool from_job = false;
  for (const auto& piece : pieces_of(part)) {
    from_job = from_job || piece.is_placeholder;
    whole += piece.is_placeholder ? path_text(values.of(piece)) : piece.text;
  }
  if (!from_job || whole.size() <= longest_part) return whole;
  return whole.substr(0, kept_of_long) + "%-" + text::sha256_hex(whole);
}

}  // namespace

OutputDir OutputDir::of_runner(const RunnerPolicy& policy, const std::string& usual) {
  if (!policy.output_dir.empty()) return OutputDir(policy.output_dir);
  std::string plain;
  for (const char c : usual) plain += c == '%' ? "%%" : std::string(1, c);
  return OutputDir(std::move(plain));
}

Result<void> OutputDir::check(MessageKind kind) const {
  for (const auto& part : text::split(path_, '/')) {
    for (const auto& piece : pieces_of(part)) {
      if (!piece.is_placeholder) continue;
      const JobField* field = field_of_placeholder(piece.text);
      std::string mistake;
      if (piece.fact) mistake = mistake_of_kind(kind, *piece.fact);
      if (field != nullptr && piece.text != "JOB") mistake = mistake_of_kind(kind, *field);
      if (!mistake.empty()) return Error{"output-dir", mistake, ""};
      if (piece.fact || field != nullptr) continue;
      std::vector<std::string> names;
      for (const JobField& known : job_fields) names.emplace_back(known.placeholder);
      const auto meant = text::did_you_mean(piece.text, names);
      return Error{"output-dir", "unknown placeholder %" + piece.text,
                   meant ? "did you mean %" + *meant + "?" : "for a plain % write %%"};
    }
  }
  return {};
}

std::string OutputDir::top() const {
  std::string top;
  for (const auto& part : text::split(path_, '/')) {
    if (has_placeholder(part)) break;
    if (part.empty()) continue;
    top += '/';
    for (const auto& piece : pieces_of(part)) top += piece.text;
  }
  return top.empty() ? "/" : top;
}

std::vector<MessageFact> OutputDir::facts() const {
  std::vector<MessageFact> facts;
  for (const auto& part : text::split(path_, '/'))
    for (auto& piece : pieces_of(part))
      if (piece.fact) facts.push_back(std::move(*piece.fact));
  return facts;
}

std::string OutputDir::of(const Job& job) const {
  const auto asked = facts();
  const Values values(job, std::any_of(asked.begin(), asked.end(), [](const MessageFact& fact) {
                        return fact.of == MessageFact::Of::member;
                      }));
  std::string path;
  for (const auto& part : text::split(path_, '/'))
    if (!part.empty()) path += "/" + part_of(part, values);
  return path.empty() ? "/" : path;
}

bool OutputDir::has_placeholders() const {
  return has_placeholder(path_);
}

std::string path_text(std::string_view value) {
  if (value.empty()) return "%";
  constexpr std::string_view plain = "_+~=@,-.";
  if (value.front() != '.') return text::percent_encoded(value, plain);
  return "%2E" + text::percent_encoded(value.substr(1), plain);
}

}  // namespace rbit
