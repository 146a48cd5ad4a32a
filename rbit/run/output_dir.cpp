#include "rbit/run/output_dir.h"

#include <vector>

#include "rbit/base/text.h"
#include "rbit/core/job_field.h"
#include "rbit/run/shell_placeholder.h"

namespace rbit {

namespace {

constexpr std::size_t longest_part =
    200;  // bytes; file systems take 255, and programs add to names
constexpr std::size_t kept_of_long = 120;  // the rest is a digest

/// A piece of a part: text, or the name of a placeholder.
struct Piece {
  bool is_placeholder = false;
  std::string text;
};

/// As in shell lines, "%" and two capitals at least.
std::vector<Piece> pieces_of(std::string_view part) {
  std::vector<Piece> pieces;
  std::string plain;
  while (!part.empty()) {
    const std::string name = capitals_of(part);
    if (name.size() >= 2) {
      if (!plain.empty()) pieces.push_back({false, std::exchange(plain, "")});
      pieces.push_back({true, name});
      part.remove_prefix(1 + name.size());
    } else {
      plain += part.front();
      part.remove_prefix(part.starts_with("%%") ? 2 : 1);
    }
  }
  if (!plain.empty()) pieces.push_back({false, std::move(plain)});
  return pieces;
}

bool has_placeholder(std::string_view part) {
  for (const auto& piece : pieces_of(part))
    if (piece.is_placeholder) return true;
  return false;
}

std::string value_of(const std::string& name, const Job& job) {
  // Two jobs without an id are still two.
  if (name == "JOB" && job.request.job_id.empty()) return job.key;
  const JobField* field = field_of_placeholder(name);
  return field != nullptr ? field->value(job) : "";
}

/// One part of the path for this job.
std::string part_of(std::string_view part, const Job& job) {
  std::string whole;
  bool from_job = false;
  for (const auto& piece : pieces_of(part)) {
    from_job = from_job || piece.is_placeholder;
    whole += piece.is_placeholder ? path_text(value_of(piece.text, job)) : piece.text;
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

Result<void> OutputDir::check() const {
  for (const auto& part : text::split(path_, '/')) {
    for (const auto& piece : pieces_of(part)) {
      if (!piece.is_placeholder || field_of_placeholder(piece.text) != nullptr) continue;
      std::vector<std::string> names;
      for (const JobField& field : job_fields) names.emplace_back(field.placeholder);
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

std::string OutputDir::of(const Job& job) const {
  std::string path;
  for (const auto& part : text::split(path_, '/'))
    if (!part.empty()) path += "/" + part_of(part, job);
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
