#include "rbit/app/job_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "rbit/app/progress_json.h"
#include "rbit/app/table.h"
#include "rbit/base/text.h"
#include "rbit/core/progress_text.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::size_t longest_name = 300;
constexpr std::size_t whole_key = 20;  // a key of so many letters is shown whole
constexpr std::size_t short_key = 8;   // of a longer one so many, or more if others begin so too

/// On a terminal nothing of a message may move the cursor.
std::string cell(const json& job, const char* member, std::size_t limit = 60) {
  return text::one_line(job[member].get<std::string>(), limit);
}

std::int64_t number(const json& job, const char* member) {
  const auto found = job.find(member);
  return found == job.end() ? 0 : found->get<std::int64_t>();
}

std::string progress_text(const ToldProgress& progress, std::int64_t now, bool with_bar) {
  if (!with_bar) return to_text(progress, now);
  return progress_bar(progress, left_until(progress.due, now), std::string::npos);
}

/// What there is to say of it beside its status: why, how far it is, its last word, when it comes.
std::vector<std::string> notes_of(const json& job, std::int64_t now, Zone zone, bool with_bars) {
  std::vector<std::string> notes;
  if (std::string reason = cell(job, "reason"); !reason.empty()) notes.push_back(std::move(reason));
  if (const auto progress = job.find("progress"); progress != job.end())
    notes.push_back(progress_text(progress_from(*progress), now, with_bars));
  else if (job.contains("output"))
    notes.push_back(cell(job, "output", 80));
  if (std::string said = cell(job, "said"); job["state"] == "running" && !said.empty())
    notes.push_back(std::move(said));
  if (const auto again = number(job, "again"); again > 0)
    notes.push_back((number(job, "queued") > 0 ? "comes at " : "again at ") +
                    time_of_day(again, now, zone));
  if (job.contains("rbit_runs")) notes.emplace_back("(no rbit runs)");
  return notes;
}

Colour colour_of(const std::string& status) {
  if (status == "Done") return Colour::good;
  if (status == "Failed") return Colour::bad;
  if (status == "Building" || status == "Blocked") return Colour::busy;
  return status == "Waiting" ? Colour::none : Colour::dim;
}

/// Names as short as they may be: PyBit's number, else the key, of which the beginning is enough.
class ShortNames {
 public:
  explicit ShortNames(const json& jobs) {
    for (const json& job : jobs) keys_.push_back(job["key"].get<std::string>());
    std::sort(keys_.begin(), keys_.end());
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  }

  std::string of(const json& job) const {
    if (job["job"] != "") return cell(job, "job", longest_name);
    const auto key = job["key"].get<std::string>();
    if (key.size() <= whole_key || !text::is_printable(key)) return cell(job, "key", longest_name);
    const auto at = std::lower_bound(keys_.begin(), keys_.end(), key);
    std::size_t needed = short_key;
    if (at != keys_.begin()) needed = std::max(needed, common(*(at - 1), key) + 1);
    if (at + 1 < keys_.end()) needed = std::max(needed, common(*(at + 1), key) + 1);
    while (needed < key.size() && text::continues_a_letter(key[needed])) ++needed;
    return key.substr(0, needed);
  }

 private:
  static std::size_t common(const std::string& one, const std::string& other) {
    const auto [left, right] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
    return static_cast<std::size_t>(left - one.begin());
  }

  std::vector<std::string> keys_;  // in order
};

/// When it began or, if it has not, when it came into its queue.
std::int64_t time_of(const json& job) {
  return number(job, "begun") > 0 ? number(job, "begun") : number(job, "queued");
}

std::string took(const json& job, std::int64_t now) {
  const std::int64_t begun = number(job, "begun"), ended = number(job, "ended");
  if (begun == 0 || (ended == 0 && job["state"] != "running")) return "";
  return span_text((ended > 0 ? ended : now) - begun);
}

}  // namespace

std::string job_line(const json& job, std::int64_t now, Zone zone) {
  const auto padded = [](std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
  };
  std::string line = moment_text(time_of(job), zone) + "  " + padded(cell(job, "status"), 10) +
                     " " + padded(cell(job, "name", longest_name), 12);
  if (job["package"] != "") line += " " + cell(job, "package") + " " + cell(job, "version");
  line += "  " + cell(job, "queue") + "  attempt " + std::to_string(number(job, "attempt"));
  // Without a number the key is the name, and stands there once.
  if (job["job"] != "") line += "  " + cell(job, "key", longest_name);
  for (const std::string& note : notes_of(job, now, zone, false)) line += "  " + note;
  return line + "\n";
}

std::string job_table(const json& jobs, std::int64_t now, const TextStyle& style) {
  Table table({{"WHEN"},
               {"JOB"},
               {"STATUS"},
               {"QUEUE", false, true},
               {"WHAT", false, true},
               {"TRY", true},
               {"TOOK", true},
               {"", false, true}});
  const ShortNames names(jobs);
  for (const json& job : jobs) {
    const std::string status = cell(job, "status");
    const auto attempt = number(job, "attempt");
    std::string what = cell(job, "package");
    if (job["version"] != "") what += " " + cell(job, "version");
    table.add({time_of(job) == 0 ? "-" : time_of_day(time_of(job), now, style.zone),
               names.of(job),
               {status, colour_of(status)},
               cell(job, "queue", 255),
               what,
               attempt > 0 ? std::to_string(attempt) : "",
               took(job, now),
               text::join(notes_of(job, now, style.zone, true), "  ")});
  }
  return table.text(style.width, style.colours);
}

}  // namespace rbit
