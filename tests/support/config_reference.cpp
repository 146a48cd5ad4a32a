#include "tests/support/config_reference.h"

#include "rbit/base/text.h"
#include "rbit/config/key_table.h"

namespace rbit::config {

namespace {

struct SectionText {
  std::string_view name, header, doc;
};

constexpr SectionText sections[] = {
    {"rbit", "rbit", "rbit itself and the queues it reads."},
    {"amqp", "amqp", "The broker. The whole section may be missing: guest at localhost."},
    {"runner", "runner:hello",
     "Who does the jobs of a queue. One section for each runner, with a name of your own after "
     "\"runner:\". Keys that are not listed here are settings: the runner gets them as they stand, "
     "a shell line as %(key)s."},
    {"route", "route:by-key",
     "Whose the messages of a queue are that is several runners'. One section for each route, with "
     "a "
     "name of your own after \"route:\". See rbit-messages(7)."},
    {"events", "events", "How a message says which event it tells of."},
    {"status", "status", "Where the statuses of jobs go."},
    {"hook", "hook:hello",
     "What runs before jobs, and when something became of them. One section for each hook, with a "
     "name of your own after \"hook:\". See rbit-messages(7)."},
    {"monitor", "monitor", "A page for health checks and metrics."},
    {"log", "log",
     "The log of rbit itself. Python's logging sections ([loggers], [handlers], [formatters]) are "
     "read too; these keys win."},
};

/// What stands in the reference file so that it is a whole one.
std::string_view sample(const Key& key) {
  if (key.section == "rbit" && key.name == "queue-mappings")
    return "queue-mappings =\n    demo_any_stable_text:hello\n";
  if (key.section == "runner" && key.name == "runner")
    return "runner = shell!echo \"Hello, %ID %VERSION\" > hello.txt\n";
  if (key.section == "hook" && key.name == "run")
    return "run = shell!echo \"$RBIT_KEY: $RBIT_STATUS $RBIT_REASON\"\n";
  if (key.section == "hook" && key.name == "on") return "on = failed\n";
  if (key.section == "route" && key.name == "by") return "by = routing-key\n";
  if (key.section == "route" && key.name == "runners") return "runners =\n    *: hello\n";
  if (key.section == "runner" && key.name == "artifacts") return "artifacts = *.txt\n";
  return "";
}

/// Comment lines of at most 98 columns.
std::string comment(std::string_view text) {
  std::string out, line = "#";
  for (const auto& word : text::split_blanks(text)) {
    if (line.size() + 1 + word.size() > 98) {
      out += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return out + line + "\n";
}

/// "NAME" for the members of a family.
std::string written(const Key& key) {
  return std::string(key.name) + (key.family() ? "NAME" : "");
}

std::string choices(const Key& key) {
  if (key.type == KeyType::choice)
    return " One of " + text::join(text::split(key.choices, '|'), ", ") + ".";
  if (key.type == KeyType::flag) return " Yes or no.";
  return "";
}

/// For groff: hyphens that stay hyphens, no line that begins as a request.
std::string groff(std::string_view text) {
  const std::string out =
      text::replaced(text, {{'\\', "\\e"}, {'-', "\\-"}, {'~', "\\(ti"}, {'"', "\\(dq"}});
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

}  // namespace

std::string reference_ini() {
  std::string out =
      "# rbit.ini: every key, with its default. A line that begins with '#' is a comment; what is "
      "not\n# commented out makes this file one that works. See rbit.ini(5).\n";
  for (const auto& section : sections) {
    out += "\n" + comment(section.doc) + "[" + std::string(section.header) + "]\n";
    for (const Key& key : key_table()) {
      if (key.section != section.name) continue;
      out += "\n" + comment(std::string(key.doc) + choices(key));
      if (const auto lines = sample(key); !lines.empty()) {
        out += lines;
        continue;
      }
      out += "#" + written(key) + " =";
      if (!key.fallback.empty()) out += " " + key.fallback;
      out += "\n";
    }
  }
  return out;
}

std::string man_keys() {
  std::string out = ".SH KEYS\n";
  for (const auto& section : sections) {
    const std::string_view header = section.header;
    const std::size_t colon = header.find(':');
    out += ".SS [" + groff(header.substr(0, colon)) + (colon != header.npos ? ":NAME" : "") + "]\n";
    out += groff(section.doc) + "\n";
    for (const Key& key : key_table()) {
      if (key.section != section.name) continue;
      out += ".TP\n.B " + groff(written(key));
      if (!key.fallback.empty()) out += " = " + groff(key.fallback);
      out += "\n" + groff(std::string(key.doc) + choices(key)) + "\n";
      if (!key.old_name.empty())
        out += "The old spelling " + groff(key.old_name) + " is valid too.\n";
    }
  }
  return out;
}

}  // namespace rbit::config
