#include <boost/program_options/value_semantic.hpp>
#include <iomanip>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "rbit/app/brokers.h"
#include "rbit/app/commands.h"
#include "rbit/app/configuration.h"
#include "rbit/base/text.h"
#include "rbit/base/time_text.h"
#include "rbit/journal/history.h"

namespace rbit {

namespace po = boost::program_options;
using nlohmann::json;
using Kind = DeadOrder::Kind;

namespace {

constexpr const char* overview =
    "usage: rbit dead list CONFIG [--queue Q] [--reason WORDS] [--limit N] [--json]\n"
    "       rbit dead show CONFIG ID... [--queue Q] [--json]\n"
    "       rbit dead replay CONFIG (ID... | --queue Q | --reason WORDS | --all) [--json]\n"
    "       rbit dead drop CONFIG (ID... | --all) [--queue Q] [--reason WORDS] [--json]\n\n"
    "The dead letters: messages that are no job, and those of jobs that have failed.\n"
    "`rbit dead list --help` and so on tell the options.\n";

struct Verb {
  Kind kind;
  const char* usage;
  const char* about;
};

constexpr Verb verbs[] = {
    {Kind::list, "rbit dead list CONFIG [--queue Q] [--reason WORDS] [--limit N] [--json]",
     "Lists dead letters, each queue's oldest first. Nothing is taken away."},
    {Kind::show, "rbit dead show CONFIG ID... [--queue Q] [--json]",
     "Prints the headers and the body of dead letters. An ID is a key or an unambiguous beginning "
     "of\n"
     "it, PyBit's number, or `last`, the one that died last."},
    {Kind::replay, "rbit dead replay CONFIG (ID... | --queue Q | --reason WORDS | --all) [--json]",
     "Puts dead letters back into their work queues as new jobs. Each is safe there before it is\n"
     "taken away. What rbit noted in its headers is removed."},
    {Kind::drop, "rbit dead drop CONFIG (ID... | --all) [--queue Q] [--reason WORDS] [--json]",
     "Deletes dead letters, for ever."},
};

const Verb* find_verb(const std::string& name) {
  for (const Verb& verb : verbs)
    if (to_string(verb.kind) == name) return &verb;
  return nullptr;
}

std::string local_time(const json& line, const char* member) {
  const std::time_t seconds = line[member].get<std::int64_t>();
  return seconds == 0 ? "-" : time_text(seconds, "%Y-%m-%d %H:%M:%S", Zone::local);
}

/// On a terminal nothing of a message may move the cursor.
std::string cell(const json& line, const char* member, std::size_t limit = 60) {
  const std::string text = text::one_line(line[member].get<std::string>(), limit);
  return text.empty() ? "-" : text;
}

/// Package and version with two blanks behind; nothing of what is no build request.
std::string what(const json& line) {
  if (line["package"] == "") return "";
  return cell(line, "package") + " " + cell(line, "version") + "  ";
}

void print_line(const json& line) {
  std::cout << local_time(line, "died") << "  " << cell(line, "queue", 255) << " "
            << line["n"].get<std::int64_t>() << "  " << what(line) << "attempts "
            << line["attempts"].get<int>() << "  " << cell(line, "worker") << "  "
            << cell(line, "id", 300)  // whole, to be pasted
            << "  " << cell(line, "reason", 200)
            << (line.value("detail", "").empty() ? "" : "; " + cell(line, "detail", 200))
            << (line.contains("kept") ? "  (kept by rbit: the broker refuses it)" : "") << "\n";
}

void print_lines(const std::string& bytes) {
  for (const std::string& one : text::split(bytes, '\n')) std::cout << text::printable(one) << "\n";
}

/// Bytes that are no text, 32 a line.
void print_digits(const std::string& hex) {
  std::cout << "bytes in hexadecimal:\n";
  for (std::size_t at = 0; at < hex.size(); at += 64) std::cout << hex.substr(at, 64) << "\n";
}

std::string plain(const json& value) {
  const std::string text = value.is_string()
                               ? value.get<std::string>()
                               : value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text::one_line(text, 8192);
}

void print_whole(const json& line) {
  const auto field = [](const char* name, const std::string& value) {
    std::cout << std::left << std::setw(10) << name << " " << value << "\n";
  };
  for (const char* name :
       {"queue", "id", "job", "package", "version", "reason", "detail", "worker"})
    if (line.value(name, "") != "") field(name, cell(line, name, 300));
  field("attempts", std::to_string(line["attempts"].get<int>()));
  field("first", local_time(line, "first"));
  field("died", local_time(line, "died"));
  field("size", std::to_string(line["size"].get<std::uint64_t>()) +
                    (line["cut"].get<bool>() ? " (its start is kept)" : ""));
  for (const auto& [name, value] : line["properties"].items()) {
    if (name != "headers") {
      field(text::one_line(name).c_str(), plain(value));
      continue;
    }
    for (const auto& [header, content] : value.items())
      std::cout << "header     " << text::one_line(header) << ": " << plain(content) << "\n";
  }
  std::cout << "\n";
  const json& body = line["body"];
  if (body.is_string())
    print_lines(body.get<std::string>());
  else
    print_digits(body["hex"].get<std::string>());
}

/// Prints what is done and remembers what was not.
class Account {
 public:
  Account(const DeadOrder& order, bool as_json)
      : kind_(order.kind), as_json_(as_json), missed_(order.ids.begin(), order.ids.end()) {}

  void note(const json& line) {
    if (line.contains("seen")) {
      if (line["more"] == true && !as_json_)
        std::cerr << "there are more (--limit N; 0 is all of them)\n";
      return;
    }
    missed_.erase(line["id"].get<std::string>());
    missed_.erase(line["job"].get<std::string>());
    const bool failed = line.contains("failed");
    well_ = well_ && !failed;
    if (as_json_) {
      std::cout << line.dump(-1, ' ', true, json::error_handler_t::replace) << "\n";
    } else if (failed) {
      std::cerr << cell(line, "id", 300) << " stays: " << cell(line, "failed", 500) << "\n";
    } else if (kind_ == Kind::list) {
      print_line(line);
    } else if (kind_ == Kind::show) {
      print_whole(line);
    } else {
      std::cout << line["done"].get<std::string>() << " " << cell(line, "id", 300)
                << (kind_ == Kind::replay ? " to " : " of ") << cell(line, "queue", 255) << "\n";
    }
    std::cout.flush();
  }

  /// The ids of which there was none so far.
  const std::set<std::string>& missed() const { return missed_; }
  void means(const std::string& id, const std::string& key) {
    missed_.erase(id);
    missed_.insert(key);
  }
  void refuse(const std::string& id, const Error& why) {
    std::cerr << why.text() << "\n";
    missed_.erase(id);
    well_ = false;
  }

  ExitCode end() const {
    for (const std::string& id : missed_)
      std::cerr << text::one_line(id, 300)
                << ": no such dead letter (`rbit dead list` shows them)\n";
    return well_ && missed_.empty() ? ExitCode::ok : ExitCode::failed;
  }

 private:
  Kind kind_;
  bool as_json_;
  std::set<std::string> missed_;  // of the ids that were asked for
  bool well_ = true;
};

/// Which letters are meant by ids that are no whole ones: by the beginning of a key that no other
/// has, or by `last`, the one that died last.
class ShortIds {
 public:
  explicit ShortIds(const std::set<std::string>& ids) {
    for (const std::string& id : ids)
      if (!id.empty()) keys_[id];
  }

  void note(const json& line) {
    if (line.contains("seen")) return;
    const auto key = line["id"].get<std::string>();
    for (auto& [id, keys] : keys_)
      if (key.starts_with(id) && keys.size() < most_keys) keys.insert(key);
    const auto died = line["died"].get<std::int64_t>();
    if (died < last_died_) return;
    last_died_ = died;
    last_ = key;
  }

  /// Their keys; `account` hears which they are, and of those that may be several.
  std::vector<std::string> resolve(Account& account) const {
    std::vector<std::string> whole;
    for (const auto& [id, keys] : keys_) {
      const bool is_last = id == "last" && !last_.empty();
      if (keys.size() > 1 && !is_last) {
        account.refuse(id, may_be_several(id, {keys.begin(), keys.end()}));
      } else if (is_last || !keys.empty()) {
        whole.push_back(is_last ? last_ : *keys.begin());
        account.means(id, whole.back());
      }
    }
    return whole;
  }

 private:
  static constexpr std::size_t most_keys = 5;  // that are named, and one more

  std::map<std::string, std::set<std::string>> keys_;  // by id
  std::string last_;
  std::int64_t last_died_ = 0;
};

/// The first word is none of the verbs, or is missing.
[[noreturn]] void misuse(const Arguments& arguments) {
  std::vector<std::string> lines, names;
  for (const Verb& verb : verbs) names.emplace_back(to_string(verb.kind));
  if (!arguments.empty()) {
    const std::string word = text::one_line(arguments[0], 80);
    const auto meant = text::did_you_mean(arguments[0], names);
    if (arguments.size() > 1 && find_verb(arguments[1]) != nullptr)
      lines.push_back("rbit: '" + arguments[1] + "' stands before the file (rbit dead " +
                      arguments[1] + " " + word + ")");
    else
      lines.push_back("rbit: unknown word '" + word + "' after dead" +
                      (meant ? " (did you mean " + *meant + "?)" : std::string()));
  }
  for (std::string& line : text::split(overview, '\n')) lines.push_back(std::move(line));
  throw Fatal(ExitCode::usage, std::move(lines));
}

DeadOrder order_from(const Verb& verb, const po::variables_map& values) {
  DeadOrder order;
  order.kind = verb.kind;
  const auto texts = [&](const char* name) {
    return values.count(name) != 0 ? values[name].as<std::vector<std::string>>()
                                   : std::vector<std::string>();
  };
  order.queues = texts("queue");
  order.ids = texts("ID");
  if (values.count("reason") != 0) order.reason = values["reason"].as<std::string>();
  if (values.count("limit") != 0) order.limit = values["limit"].as<std::int64_t>();
  const auto misuse = [&](const char* what) { rbit::misuse(verb.usage, what); };
  if (order.limit < 0) misuse("--limit must not be negative");
  const bool all = values.count("all") != 0;
  const bool some = !order.ids.empty();
  if (all && some) misuse("IDs and --all contradict each other");
  if (verb.kind == Kind::list && some) misuse("list takes no IDs; `rbit dead show` does");
  if (verb.kind == Kind::show && !some) misuse("an ID is missing");
  if (verb.kind == Kind::drop && !some && !all) misuse("which ones? Name IDs, or --all");
  if (verb.kind == Kind::replay && !some && !all && order.queues.empty() && order.reason.empty())
    misuse("which ones? Name IDs, --queue, --reason or --all");
  return order;
}

}  // namespace

ExitCode dead_command(const Arguments& arguments) {
  const std::string name = arguments.empty() ? "" : arguments.front();
  if (name == "--help" || name == "-h") {
    std::cout << overview;
    return ExitCode::ok;
  }
  const Verb* verb = find_verb(name);
  if (verb == nullptr) misuse(arguments);
  CommandLine line;
  line.usage = verb->usage;
  line.about = verb->about;
  line.positions = {"CONFIG"};
  line.rest = "ID";
  const auto texts = [] { return po::value<std::vector<std::string>>()->composing(); };
  auto add = line.options.add_options();
  add("queue", texts(), "the work queue they come from; may be given several times");
  if (verb->kind != Kind::show)
    add("reason", po::value<std::string>(), "only those whose reason is this, or begins with it");
  if (verb->kind == Kind::list)
    add("limit", po::value<std::int64_t>()->default_value(100), "how many at the most; 0: all");
  if (verb->kind == Kind::replay || verb->kind == Kind::drop) add("all", "all of them");
  add("json", "one JSON object a line");
  const auto values = parse(line, Arguments(arguments.begin() + 1, arguments.end()));
  DeadOrder order = order_from(*verb, values);
  const Configuration configuration = need_configuration(values["CONFIG"].as<std::string>());
  Account account(order, values.count("json") != 0);
  const auto broker = make_broker(configuration.settings());
  const auto note = [&](const json& one) { account.note(one); };
  broker->do_with_the_dead(order, note);
  if (!account.missed().empty()) {  // perhaps they are short
    DeadOrder all = order;
    all.kind = Kind::list;
    all.ids.clear();
    ShortIds ids(account.missed());
    broker->do_with_the_dead(all, [&](const json& one) { ids.note(one); });
    order.ids = ids.resolve(account);
    if (!order.ids.empty()) broker->do_with_the_dead(order, note);
  }
  return account.end();
}

}  // namespace rbit
