#include "rbit/app/job_story.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "rbit/app/control_handlers.h"
#include "rbit/app/progress_json.h"
#include "rbit/app/used_text.h"
#include "rbit/base/text.h"
#include "rbit/base/time_text.h"
#include "rbit/core/progress_text.h"
#include "rbit/journal/history.h"

namespace rbit {

namespace {

using nlohmann::json;

constexpr std::size_t longest = 200;  // of each list: the line must stay readable, by programs too

template <class T, class Describe>
json last_of(const std::vector<T>& all, Describe describe_one) {
  json list = json::array();
  for (std::size_t i = all.size() > longest ? all.size() - longest : 0; i < all.size(); ++i)
    list.push_back(describe_one(all[i]));
  return list;
}

json describe_attempt(const AttemptRecord& attempt) {
  return {{"run", attempt.run},
          {"attempt", attempt.n},
          {"worker", attempt.worker},
          {"redelivered", attempt.redelivered},
          {"begun", attempt.begun},
          {"ended", attempt.ended},
          {"outcome", attempt.outcome},
          {"reason", attempt.reason},
          {"message", attempt.message},
          {"exit", attempt.exit},
          {"wall_us", attempt.wall_micros},
          {"cpu_us", attempt.cpu_micros},
          {"memory_kib", attempt.peak_memory_kib},
          {"output_bytes", attempt.output_bytes},
          {"log", attempt.log_file},
          {"log_kept", !attempt.log_file.empty() && ::access(attempt.log_file.c_str(), F_OK) == 0}};
}

json describe_delivery(const DeliveryRecord& delivery) {
  return {{"run", delivery.run},
          {"attempt", delivery.attempt},
          {"time", delivery.time},
          {"what", delivery.what}};
}

json describe_report(const ReportRecord& record) {
  const Report& report = record.report;
  return {{"target", report.target}, {"attempt", report.attempt},
          {"seq", report.seq},       {"status", to_string(report.status)},
          {"reason", report.reason}, {"message", report.message},
          {"time", report.time},     {"state", record.state},
          {"tries", report.tries},   {"due", record.due},
          {"note", record.note}};
}

/// A row of the outbox that is no report but what the job publishes, to where its message says.
json describe_publication(const ReportRecord& record) {
  const Report& report = record.report;
  return {{"attempt", report.attempt},
          {"seq", report.seq},
          {"id", report.carried.message_id},
          {"to", report.message},
          {"reply", report.reason == "reply"},
          {"time", report.time},
          {"state", record.state},
          {"tries", report.tries},
          {"due", record.due},
          {"note", record.note}};
}

json describe_dead(const DeadLetter& letter) {
  return {{"id", letter.id}, {"reason", letter.reason}, {"time", letter.time}};
}

json describe_settlement(const JobRecord& job) {
  if (job.outcome.empty()) return nullptr;
  return {{"wanted", to_string(job.settlement.kind)},
          {"delay_ms", job.settlement.delay.count()},
          {"next_attempt", job.settlement.next_attempt},
          {"reason", job.settlement.reason},
          {"reached", job.settled}};
}

// ---- For people

std::string text_of(const json& line, const char* member) {
  return text::one_line(line[member].get<std::string>(), 600);
}
std::int64_t number_of(const json& line, const char* member) {
  return line[member].get<std::int64_t>();
}

std::string local_time(std::int64_t micros) {
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03d", static_cast<int>(micros / 1000 % 1000));
  return time_text(micros / 1'000'000, "%Y-%m-%d %H:%M:%S", Zone::local) + fraction;
}

/// "failed (exit 3): no such file", with the parts there are.
std::string verdict_of(const json& line, const char* word) {
  std::string text = text_of(line, word);
  if (const std::string reason = text_of(line, "reason"); !reason.empty())
    text += " (" + reason + ")";
  if (const std::string message = text_of(line, "message"); !message.empty())
    text += ": " + message;
  return text;
}

/// The lines of a story, each with its time. What happened at one time keeps its order.
class Telling {
 public:
  void add(std::int64_t time, std::string what) { lines_.emplace_back(time, std::move(what)); }
  std::string text() {
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const auto& one, const auto& other) { return one.first < other.first; });
    std::string all;
    for (const auto& [time, what] : lines_) all += local_time(time) + "  " + what + "\n";
    return all;
  }

 private:
  std::vector<std::pair<std::int64_t, std::string>> lines_;
};

void tell_attempt(const json& attempt, Telling& telling) {
  const std::string name = "attempt " + std::to_string(number_of(attempt, "attempt"));
  telling.add(number_of(attempt, "begun"),
              std::string(attempt["redelivered"] == true ? "delivered again" : "delivered") + ", " +
                  name + " begins on " + text_of(attempt, "worker"));
  if (number_of(attempt, "ended") == 0) return;
  std::string end = name + " ends: " + verdict_of(attempt, "outcome");
  if (const std::string exit = text_of(attempt, "exit");
      !exit.empty() && exit != text_of(attempt, "reason"))
    end += "; its process: " + exit;
  telling.add(number_of(attempt, "ended"), std::move(end));
  telling.add(number_of(attempt, "ended"),
              name + " used " +
                  used_text(number_of(attempt, "wall_us"), number_of(attempt, "cpu_us"),
                            number_of(attempt, "memory_kib"), number_of(attempt, "output_bytes")));
  const std::string log = text_of(attempt, "log");
  if (!log.empty())
    telling.add(
        number_of(attempt, "ended"),
        name + "'s output: " + log + (attempt["log_kept"] == true ? "" : " (removed since)"));
}

/// "waiting after 2 tries in vain, next try ..., its note": what became of a row of the outbox.
std::string fate_of(const json& report) {
  const std::string state = text_of(report, "state");
  std::string line = state;
  if (const auto tries = number_of(report, "tries"); tries > 0)
    line += " after " + std::to_string(tries) + " tries in vain";
  if (const auto due = number_of(report, "due"); state == "waiting" && due > 0)
    line += ", next try " + local_time(due);
  if (const std::string note = text_of(report, "note"); !note.empty()) line += ", " + note;
  return line;
}

void tell_report(const json& report, Telling& telling) {
  telling.add(number_of(report, "time"), "report " + std::to_string(number_of(report, "seq")) +
                                             " to " + text_of(report, "target") + ": " +
                                             verdict_of(report, "status") + "; " + fate_of(report));
}

void tell_publication(const json& publication, Telling& telling) {
  telling.add(number_of(publication, "time"),
              std::string(publication["reply"] == true ? "answer " : "message ") +
                  std::to_string(number_of(publication, "seq")) + " to " +
                  text_of(publication, "to") + ": " + fate_of(publication));
}

/// "job 36: col10642 1.0, key ...", or "job KEY" of one that has no more names.
std::string head_of(const json& story) {
  std::string head = "job " + text_of(story, "name");
  if (const std::string package = text_of(story, "package"); !package.empty())
    head += ": " + package + (story["version"] == "" ? "" : " " + text_of(story, "version"));
  if (story["job"] != "") head += ", key " + text_of(story, "key");
  return head + "\n";
}

constexpr const char* who_has_it =
    "another rbit has it, or the broker has dropped it (`rbit check --live --management PORT` "
    "names "
    "what may)\n";

/// Tells of a copy where it was put to wait for the next attempt.
std::string tell_retry(const json& story, std::int64_t now, const Broker& broker) {
  const json& settlement = story["settlement"];
  const std::string queue = text_of(story, "queue");
  const std::int64_t delay = number_of(settlement, "delay_ms");
  const std::int64_t due = number_of(story, "ended") + delay * 1000;
  const std::string attempt = "attempt " + std::to_string(number_of(settlement, "next_attempt"));
  const std::string place = broker.retry_place(queue, std::chrono::milliseconds(delay));
  if (now < due || !broker.traits().is_shared)
    return "its message waits in " + place + " until " + local_time(due) + ", for " + attempt +
           "\n";
  return "its message was to come again at " + local_time(due) + ", for " + attempt +
         ", and has not: it waits behind others in " + queue + ", " + who_has_it;
}

std::string tell_settlement(const json& story, std::int64_t now, const Broker& broker) {
  const json& settlement = story["settlement"];
  const std::string state = text_of(story, "state");
  if (settlement.is_null()) return "its message: not answered yet\n";
  const bool reached = settlement["reached"] == true;
  if (settlement["wanted"] == "retry" && state == "blocked" && reached)
    return tell_retry(story, now, broker);
  if (settlement["wanted"] == "requeue" && (state == "waiting" || state == "moved"))
    return "its message was given back to " + text_of(story, "queue") + " at " +
           local_time(number_of(story, "ended")) + " and has not come here since" +
           (broker.traits().is_shared ? ": it waits there, " + std::string(who_has_it) : "\n");
  std::string line = "its message: " + text_of(settlement, "wanted");
  if (const std::string reason = text_of(settlement, "reason"); !reason.empty())
    line += " (" + reason + ")";
  if (settlement["wanted"] == "retry")
    line += " as attempt " + std::to_string(number_of(settlement, "next_attempt")) + " after " +
            seconds_text(number_of(settlement, "delay_ms") * 1000);
  const std::int64_t again = number_of(story, "again");
  if (again > 0) line += ", again at " + local_time(again);
  if (const std::string reason = text_of(story, "reason"); reason == "lost-by-broker")
    return line + ", " + reason + ": " + text_of(story, "message") + "\n";
  return line + (reached ? ", done\n" : ", not done yet\n");
}

}  // namespace

Result<nlohmann::json> job_story(Database& database, const std::string& key) {
  const History journal(database);
  auto history = journal.job(key);
  if (!history) return no_such_job(key);
  json story = describe(history->job);
  story["run"] = history->run;
  story["crashes"] = history->job.crashes;
  story["settlement"] = describe_settlement(history->job);
  story["attempts"] = last_of(history->attempts, describe_attempt);
  story["deliveries"] = last_of(history->deliveries, describe_delivery);
  std::vector<ReportRecord> reports, publications;
  for (ReportRecord& record : history->reports) {
    const bool is_publication = record.report.target == publication_target;
    (is_publication ? publications : reports).push_back(std::move(record));
  }
  story["reports"] = last_of(reports, describe_report);
  story["publications"] = last_of(publications, describe_publication);
  const json result = json::parse(history->job.result, nullptr, false);
  story["result"] = result.is_discarded() ? json() : result;
  story["dead"] = last_of(journal.dead_of(history->job.key), describe_dead);
  return Result<json>(boost::system::in_place_value, std::move(story));
}

std::string tell(const nlohmann::json& story, std::int64_t now, const Broker& broker) {
  std::string head = head_of(story) + "queue " + text_of(story, "queue") + ", runner " +
                     text_of(story, "runner") + ", " + text_of(story, "state");
  if (const auto progress = story.find("progress"); progress != story.end()) {
    const ToldProgress told = progress_from(*progress);
    head += ", " + to_text(told);
    if (const auto left = left_until(told.due, now)) head += ", " + left_text(*left);
  }
  if (const auto run = number_of(story, "run"); run > 1)
    head += ", asked for " + std::to_string(run) + " times";
  if (const auto crashes = number_of(story, "crashes"); crashes > 0)
    head += ", rbit died " + std::to_string(crashes) + " times meanwhile";
  head += "\n";
  if (story.contains("rbit_runs")) head += "no rbit runs: it goes on when one is started\n";

  Telling telling;
  for (const json& attempt : story["attempts"]) tell_attempt(attempt, telling);
  if (const std::string message = text_of(story, "message");
      story["attempts"].empty() && !message.empty())
    telling.add(number_of(story, "ended"), message);  // why there is none
  for (const json& delivery : story["deliveries"])
    telling.add(number_of(delivery, "time"), delivery["what"] == "joined"
                                                 ? "delivered again, joined the running job"
                                                 : "delivered again, got the same answer again");
  for (const json& report : story["reports"]) tell_report(report, telling);
  for (const json& publication : story["publications"]) tell_publication(publication, telling);
  for (const json& letter : story["dead"])
    telling.add(number_of(letter, "time"), "dead letter " +
                                               std::to_string(number_of(letter, "id")) + ": " +
                                               text_of(letter, "reason"));
  std::string tail = tell_settlement(story, now, broker);
  if (!story["result"].is_null())
    tail +=
        "result: " +
        text::one_line(story["result"].dump(-1, ' ', true, json::error_handler_t::replace), 600) +
        "\n";
  for (const json& artifact : story["artifacts"])
    tail += "artifact: " + text::one_line(artifact.get<std::string>(), 600) + "\n";
  return head + telling.text() + tail;
}

}  // namespace rbit
