#include "rbit/monitor/page.h"

#include <algorithm>

#include "rbit/base/text.h"
#include "rbit/base/time_text.h"
#include "rbit/core/progress_text.h"
#include "rbit/monitor/number_text.h"

namespace rbit {

namespace {

constexpr std::size_t most_text = 200;  // of one cell

/// "2013-04-30 11:48:53 UTC"
std::string moment(std::int64_t micros) {
  return micros <= 0 ? "" : time_text(micros / 1'000'000, "%Y-%m-%d %H:%M:%S UTC", Zone::utc);
}

/// "2h 03m", "4m 09s", "12s"
std::string duration(std::int64_t micros) {
  const std::int64_t seconds = micros > 0 ? micros / 1'000'000 : 0;
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  if (seconds >= 3600) return std::to_string(seconds / 3600) + "h " + two(seconds / 60 % 60) + "m";
  if (seconds >= 60) return std::to_string(seconds / 60) + "m " + two(seconds % 60) + "s";
  return std::to_string(seconds) + "s";
}

std::string cell(std::string_view text) {
  return "<td>" + html_escape(text::one_line(text, most_text)) + "</td>";
}

std::string table(std::string_view title, std::initializer_list<const char*> columns,
                  const std::string& rows) {
  std::string out = "<h2>" + std::string(title) + "</h2>\n";
  if (rows.empty()) return out + "<p>none</p>\n";
  out += "<table><tr>";
  for (const char* column : columns) out += std::string("<th>") + column + "</th>";
  return out + "</tr>\n" + rows + "</table>\n";
}

/// A bar where the job says how much there is, its text, and how long it will still take.
std::string progress_of(const ToldProgress* progress, std::int64_t now) {
  if (progress == nullptr) return "<td></td>";
  std::string bar;
  if (progress->total > 0)
    bar = "<progress value=\"" + number_text(std::min(progress->done, progress->total)) +
          "\" max=\"" + number_text(progress->total) + "\"></progress> ";
  const auto left = left_until(progress->due, now);
  return "<td>" + bar + html_escape(text::one_line(to_text(*progress), most_text)) +
         (left ? ", " + left_text(*left) : "") + "</td>";
}

/// Up to the cell of how long it took.
std::string job_cells(const JobRecord& job, std::int64_t now) {
  const std::string state(to_string(job.last_status));
  const auto end = job.ended > 0 ? job.ended : now;
  return "<tr class=\"" + text::lower(text::slug(state)) + "\">" + cell(job.name()) +
         cell(job.package + (job.version.empty() ? "" : " " + job.version)) + cell(job.queue) +
         cell(std::to_string(job.attempt)) + cell(state) + cell(job.reason) +
         cell(moment(job.begun)) + cell(job.begun > 0 ? duration(end - job.begun) : "");
}

std::string paused_text(const MonitorNumbers& numbers) {
  if (numbers.paused.empty()) return "";
  return "<p class=\"paused\">Nothing is taken: " +
         html_escape(text::one_line(numbers.paused, 2 * most_text)) + "</p>\n";
}

}  // namespace

std::string html_escape(std::string_view text) {
  return text::replaced(
      text, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}});
}

std::string_view page_style() {
  return ":root{color-scheme:light dark}body{font:14px sans-serif;margin:1em}"
         "table{border-collapse:collapse}td,th{text-align:left;padding:.2em .8em;"
         "border-bottom:1px solid #8886;overflow-wrap:anywhere}h2{font-size:1.1em;margin-top:1.5em}"
         ".failed td,.dead td,.down td,.paused td,p.paused{color:#a00}.done td{color:#060}"
         "@media(prefers-color-scheme:dark){.failed td,.dead td,.down td,.paused td,p.paused"
         "{color:#f99}.done td{color:#7d7}}\n";
}

std::string page(const MonitorNumbers& numbers, const MonitorDetails& details, std::int64_t now,
                 const std::string& metrics_path) {
  std::string queues, running, last, targets;
  for (const auto& queue : details.queues)
    queues += "<tr>" + cell(queue.queue) + cell(queue.runner) + cell(queue.text()) +
              cell(std::to_string(queue.running)) + "</tr>\n";
  for (const auto& job : details.running) {
    const auto progress = details.progress.find(job.key);
    running += job_cells(job, now) +
               progress_of(progress == details.progress.end() ? nullptr : &progress->second, now) +
               "</tr>\n";
  }
  for (const auto& job : details.last) last += job_cells(job, now) + "</tr>\n";
  for (const auto& target : numbers.targets)
    targets += "<tr class=\"" + text::lower(text::slug(target.state)) + "\">" +
               cell(target.target) + cell(target.state) + cell(target.reason) +
               cell(std::to_string(target.sent)) + cell(std::to_string(target.dropped)) +
               cell(target.oldest ? duration(now - *target.oldest) : "") + "</tr>\n";

  const std::string name = html_escape(text::one_line(details.name, most_text));
  const auto last_jobs = {"job", "package", "queue", "attempt", "state", "reason", "begun", "took"};
  const auto running_jobs = {"job",    "package", "queue", "attempt", "state",
                             "reason", "begun",   "took",  "progress"};
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
         "<meta http-equiv=\"refresh\" content=\"5\"><title>rbit " +
         name +
         "</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body>\n"
         "<h1>rbit " +
         name + "</h1>\n<p>" + moment(now) + ", broker " +
         html_escape(text::one_line(details.broker, most_text)) + ", " +
         std::to_string(numbers.running) + " of " + std::to_string(numbers.slots) +
         " slots busy, " + std::to_string(numbers.reports_waiting) + " reports waiting</p>\n" +
         paused_text(numbers) + table("Queues", {"queue", "runner", "state", "running"}, queues) +
         table("Running jobs", running_jobs, running) + table("Last jobs", last_jobs, last) +
         table("Reports", {"target", "state", "reason", "sent", "dropped", "oldest waits"},
               targets) +
         "<p><a href=\"/healthcheck\">health</a>" +
         (metrics_path.empty() ? ""
                               : " <a href=\"" + html_escape(metrics_path) + "\">metrics</a>") +
         "</p>\n"
         "</body></html>\n";
}

}  // namespace rbit
