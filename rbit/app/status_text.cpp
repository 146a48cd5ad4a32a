#include "rbit/app/status_text.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "rbit/app/table.h"
#include "rbit/base/disk.h"
#include "rbit/base/text.h"
#include "rbit/journal/pause_table.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::size_t most_text = 300;  // letters of a reason

std::string shown(const json& line, const char* member) {
  return text::one_line(line.value(member, ""), most_text);
}

/// A number that is there; "?": nobody knows it now.
std::string count(const json& line, const char* member) {
  const auto found = line.find(member);
  if (found == line.end() || !found->is_number()) return "?";
  return std::to_string(found->get<std::int64_t>());
}

std::string rate(const json& line) {
  const auto found = line.find("per_minute");
  if (found == line.end()) return "";
  char text[32];
  const double jobs = found->get<double>();
  std::snprintf(text, sizeof text, jobs < 100 ? "%.1f" : "%.0f", jobs);
  return text;
}

class Writing {
 public:
  Writing(const json& status, std::int64_t now, const TextStyle& style)
      : status_(status), now_(now), style_(style) {}

  std::string all() const {
    std::string text = head() + broker();
    if (runs()) text += slots() + kept();
    text += reports() + disks() + "\n" + queues();
    for (const json& trouble : status_["troubles"])
      if (runs())
        text += colour("not well: ", Colour::bad) +
                text::one_line(trouble.get<std::string>(), 2 * most_text) + "\n";
    return text;
  }

 private:
  bool runs() const { return status_["rbit_runs"] == true; }
  std::string colour(const std::string& text, Colour which) const {
    return style_.colours ? painted(text, which) : text;
  }

  std::string head() const {
    const std::string where = "state in " + shown(status_, "state_dir");
    if (!runs())
      return colour("no rbit runs", Colour::bad) + " as '" + shown(status_, "name") + "', " +
             where + "\n";
    const auto started = status_["started"].get<std::int64_t>();
    return "rbit '" + shown(status_, "name") + "' " + shown(status_, "version") + " " +
           colour("runs", Colour::good) + " since " + moment_text(started, style_.zone) + " (" +
           span_text(now_ - started) + "), process " + count(status_, "pid") + ", " + where + "\n";
  }

  std::string broker() const {
    const json& broker = status_["broker"];
    std::string line = "broker   " + shown(broker, "address");
    if (!runs()) return line + "\n";
    const bool is_well = broker["connected"] == true && broker["blocked"].is_null();
    line += ", " + colour(shown(broker, "words"), is_well ? Colour::good : Colour::bad);
    if (!broker["blocked"].is_null()) line += ", takes no messages: " + shown(broker, "blocked");
    return line + "\n";
  }

  std::string slots() const {
    const json& slots = status_["slots"];
    std::string line =
        "slots    " + count(slots, "used") + " of " + count(slots, "total") + " in use";
    if (slots["ahead"] != 0) line += ", " + count(slots, "ahead") + " messages here wait for one";
    return line + "\n";
  }

  std::string kept() const {
    std::string lines;
    for (const json& one : status_.value("kept", json::array())) {
      std::vector<std::string> jobs;
      for (const json& job : one["jobs"]) jobs.push_back(job.get<std::string>());
      lines += "kept     by process " + count(one, "pid") +
               ", an rbit that handed over: " + text::one_line(text::join(jobs, ", "), most_text) +
               "\n";
    }
    return lines;
  }

  std::string reports() const {
    const json& reports = status_["reports"];
    std::string line = "reports  " + count(reports, "waiting") + " waiting";
    if (const auto oldest = reports.value("oldest", std::int64_t{0}); oldest > 0)
      line += ", the oldest for " + span_text(now_ - oldest);
    return line + "\n";
  }

  std::string disks() const {
    std::string line;
    for (const json& disk : status_["disks"])
      line += (line.empty() ? "disk     " : "; ") + shown(disk, "name") + " " +
              disk::size_text(disk["free"].get<std::int64_t>()) + " free of " +
              disk::size_text(disk["total"].get<std::int64_t>());
    return line.empty() ? line : line + "\n";
  }

  std::string queues() const {
    Table table({{"QUEUE", false, true},
                 {"RUNNER", false, true},
                 {"STATE"},
                 {"WAITING", true},
                 {"RUNNING", true},
                 {"DUE", true},
                 {"NEXT"},
                 {"DEAD", true},
                 {"JOBS/MIN", true},
                 {"WHY", false, true}});
    for (const json& queue : status_["queues"]) {
      const std::string state = shown(queue, "state");
      const auto paused = queue.value("paused_since", std::int64_t{0});
      std::string why = shown(queue, "why");
      if (why == paused_by_hand) why += " since " + time_of_day(paused, now_, style_.zone);
      const auto again = queue["again"].get<std::int64_t>();
      const bool has_dead = queue["dead"].is_number() && queue["dead"] != 0;
      table.add({shown(queue, "queue"),
                 shown(queue, "runner"),
                 {state, state == "consuming" ? Colour::good
                         : paused > 0         ? Colour::busy
                                              : Colour::bad},
                 count(queue, "waiting"),
                 count(queue, "running"),
                 count(queue, "due"),
                 again > 0 ? time_of_day(again, now_, style_.zone) : "",
                 {count(queue, "dead"), has_dead ? Colour::bad : Colour::none},
                 rate(queue),
                 why});
    }
    return table.text(style_.width, style_.colours);
  }

  const json& status_;
  std::int64_t now_;
  const TextStyle& style_;
};

}  // namespace

std::string moment_text(std::int64_t micros, Zone zone) {
  return micros == 0 ? "-" : time_text(micros / 1'000'000, "%Y-%m-%d %H:%M:%S", zone);
}

std::string time_of_day(std::int64_t micros, std::int64_t now, Zone zone) {
  const std::string then = moment_text(micros, zone);
  return then.substr(0, 10) == moment_text(now, zone).substr(0, 10) ? then.substr(11) : then;
}

std::string span_text(std::int64_t micros) {
  const std::int64_t seconds = micros > 0 ? micros / 1'000'000 : 0;
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const std::int64_t hours = seconds / 3600;
  if (hours >= 24) return std::to_string(hours / 24) + "d " + two(hours % 24) + "h";
  if (hours > 0) return std::to_string(hours) + "h " + two(seconds / 60 % 60) + "m";
  if (seconds >= 60) return std::to_string(seconds / 60) + "m " + two(seconds % 60) + "s";
  return std::to_string(seconds) + "s";
}

std::string status_text(const json& status, std::int64_t now, const TextStyle& style) {
  return Writing(status, now, style).all();
}

}  // namespace rbit
