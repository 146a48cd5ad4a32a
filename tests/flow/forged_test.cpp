// Whoever may publish to one queue writes what he likes into a message's id and headers. None of it
// is to touch the job of another queue, or one of other bytes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/flow/story.h"

using namespace rbit;
using namespace rbit::test;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Lines = std::vector<std::string>;

namespace {

using Headers = std::map<std::string, HeaderValue>;

std::vector<Headers> forgeries() {
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  std::vector<Headers> all{{}};
  const std::vector<HeaderValue> numbers{std::int64_t{0},
                                         std::int64_t{-1},
                                         std::int64_t{1},
                                         std::int64_t{2},
                                         std::int64_t{3},
                                         huge,
                                         -huge,
                                         2.0,
                                         true,
                                         std::string("2")};
  for (const char* name : {"x-rbit-attempt", "rbit-replayed", "x-rbit-waited", "x-delivery-count",
                           "x-acquired-count", "x-death"})
    for (const HeaderValue& value : numbers) all.push_back({{name, value}});
  for (const std::int64_t attempt : {1'000, 1'000'000})
    all.push_back({{"x-rbit-attempt", attempt}, {"rbit-replayed", huge}});
  all.push_back({{"x-rbit-attempt", std::int64_t{2}},
                 {"x-rbit-queue", std::string("build")},
                 {"x-rbit-reason", std::string("exit 75")},
                 {"x-rbit-worker", std::string("saw-horse")},
                 {"x-rbit-first", std::int64_t{1}},
                 {"x-delivery-count", std::int64_t{20}}});
  return all;
}

std::string text_of(const Headers& headers) {
  std::string text;
  for (const auto& [name, value] : headers) {
    text += " " + name + "=";
    if (const auto* number = std::get_if<std::int64_t>(&value)) text += std::to_string(*number);
    if (const auto* words = std::get_if<std::string>(&value)) text += "'" + *words + "'";
    if (std::holds_alternative<double>(value)) text += "a double";
    if (std::holds_alternative<bool>(value)) text += "true";
  }
  return text;
}

enum class Moment {
  before,
  waiting,
  running,
  blocked,
  restarted,
  running_again,
  done,
  last = done
};

/// The life of a job that is blocked once and done then, and a message that somebody else sends at
/// one moment of it.
class Life {
 public:
  explicit Life(const std::string& id) : mine(story_.message("victim")) {
    mine.message_id = id;
    script();
  }

  Message forge(const std::string& package, const std::string& queue) {
    Message forged = package == "victim" ? mine : story_.message(package);
    forged.queue = queue;
    forged.message_id = key_of(mine);  // his own id, or the digest that stands for it
    return forged;
  }

  void play(Moment when, const Message& forged) {
    const auto at = [&](Moment now) {
      if (now == when) send(forged);
    };
    at(Moment::before);
    if (when == Moment::waiting) {  // an rbit was stopped: the message went back and comes again
      send(mine);
      story_.dispatcher().stop_jobs(StopKind::interrupt);
      story_.settle_down();
      mine.redelivered = true;
      story_.runner().attempts.clear();
      story_.runner().started.clear();
      story_.transport.settled.clear();
    }
    at(Moment::waiting);
    send(mine);
    at(Moment::running);
    end(outcome(Kind::blocked, "exit 75"));
    story_.runner().forget("victim");
    at(Moment::blocked);
    if (when == Moment::restarted) restart();
    at(Moment::restarted);
    end(outcome(Kind::done));  // should the forged one run it before its time
    story_.runner().forget("victim");
    if (const auto copy = copy_of_mine()) send(*copy);
    at(Moment::running_again);
    end(outcome(Kind::done));
    at(Moment::done);
    end(outcome(Kind::done));
  }

  std::vector<int> attempts_at(const std::string& package) {
    note_runs();
    return attempts_[package];
  }
  /// What became of the messages of that package and queue.
  std::vector<Settlement::Kind> answers_to(const Message& message) const {
    std::vector<Settlement::Kind> answers;
    for (const auto& settled : story_.transport.settled)
      if (settled.body == message.body && settled.queue == message.queue)
        answers.push_back(settled.settlement.kind);
    return answers;
  }
  bool has_blocked() {
    for (const auto& settled : story_.transport.settled) {
      const auto record = story_.journal().find(settled.id);
      if (!record || record->state == JobRecord::State::blocked || !record->settled) return true;
    }
    return false;
  }
  const Lines& told() const { return story_.told; }

 private:
  static RunnerPolicy policy() {
    RunnerPolicy policy;
    policy.attempts = 3;
    return policy;
  }
  void script() { story_.runner().script("evil", outcome(Kind::done)); }
  void send(const Message& message) {
    story_.transport.send(message);
    story_.settle_down();
  }
  void end(const Outcome& how) {
    story_.runner().end("victim", how);
    story_.settle_down();
  }
  void note_runs() {
    for (std::size_t i = 0; i < story_.runner().started.size(); ++i)
      attempts_[story_.runner().started[i]].push_back(story_.runner().attempts[i]);
    story_.runner().started.clear();
    story_.runner().attempts.clear();
  }
  void restart() {
    note_runs();
    story_.crash_and_restart(4);
    script();
  }
  /// What the broker would bring when the pause is over.
  std::optional<Message> copy_of_mine() const {
    for (const auto& settled : story_.transport.settled) {
      if (settled.body != mine.body || settled.queue != mine.queue ||
          settled.settlement.kind != Settlement::Kind::retry)
        continue;
      Message copy = mine;
      copy.redelivered = false;
      copy.message_id = settled.id;
      copy.headers[attempt_header] = std::int64_t{settled.settlement.next_attempt};
      return copy;
    }
    return std::nullopt;
  }

  Story story_{4, policy()};
  std::map<std::string, std::vector<int>> attempts_;

 public:
  Message mine;
};

using Answers = std::vector<Settlement::Kind>;
constexpr auto accepted = Settlement::Kind::accept;
constexpr auto retried = Settlement::Kind::retry;
constexpr auto dead_letter = Settlement::Kind::dead_letter;

}  // namespace

TEST_CASE("a message of another queue or of other bytes is never a job's, whatever it says") {
  struct Sender {
    const char* package;
    const char* queue;
  };
  bool redelivered = false;
  int n = 0;
  for (const Sender& sender : {Sender{"evil", "other"}, Sender{"evil", "build"}})
    for (int moment = 0; moment <= static_cast<int>(Moment::last); ++moment)
      for (const Headers& headers : forgeries()) {
        Life life(++n % 2 == 0 ? "urn:uuid:6e8bc430" : "");
        Message forged = life.forge(sender.package, sender.queue);
        forged.headers = headers;
        forged.redelivered = redelivered = !redelivered;
        INFO(std::string(sender.queue)
             << " moment " << moment << text_of(headers) << " redelivered " << redelivered);
        life.play(static_cast<Moment>(moment), forged);
        CHECK(life.attempts_at("victim") == std::vector<int>{1, 2});
        CHECK(life.answers_to(life.mine) == Answers{retried, accepted});
        CHECK(life.attempts_at("evil").size() == 1);
        CHECK(life.answers_to(forged) == Answers{accepted});
        CHECK_FALSE(life.has_blocked());
      }
}

TEST_CASE("the same bytes from another queue are another job") {
  Life life("urn:uuid:6e8bc430");
  Message forged = life.forge("victim", "other");
  forged.headers[attempt_header] = std::int64_t{2};
  life.play(Moment::running, forged);
  CHECK(life.answers_to(life.mine) == Answers{retried, accepted});
  CHECK(life.answers_to(forged).size() == 1);  // its own retry
}

TEST_CASE("whoever says the same to the same queue may run a job early, and cannot lose it") {
  int n = 0;
  for (int moment = 0; moment <= static_cast<int>(Moment::last); ++moment)
    for (const Headers& headers : forgeries()) {
      Life life(++n % 2 == 0 ? "urn:uuid:6e8bc430" : "");
      Message twin = life.forge("victim", "build");
      twin.headers = headers;
      twin.redelivered = n % 3 == 0;
      INFO("moment " << moment << text_of(headers) << " redelivered " << twin.redelivered);
      life.play(static_cast<Moment>(moment), twin);
      CHECK_FALSE(life.has_blocked());
      const auto answers = life.answers_to(life.mine);
      const bool dead = std::count(answers.begin(), answers.end(), dead_letter) > 0;
      CHECK(life.told().back() == (dead ? "Failed exit 75" : "Done"));
      const auto runs = life.attempts_at("victim");
      CHECK(runs.size() <= 4);  // each of the two messages, and the one retry of each
      for (const int attempt : runs) CHECK(attempt <= 3);
    }
}

TEST_CASE("a message that waits for the journal to take a stranger's of its id is not lost") {
  RunnerPolicy policy;
  policy.attempts = 3;
  Story story(1, policy);
  story.send("long");
  Message kept = story.message("kept", "1");  // came back too often, and finds no slot
  kept.headers["x-delivery-count"] = std::int64_t{20};
  Message other = story.message("other", "1");
  other.queue = "other";
  other.headers["x-delivery-count"] = std::int64_t{20};
  story.transport.push(kept);  // both at once: the first is being written
  story.transport.push(other);
  story.settle_down();
  for (const char* package : {"long", "kept", "other"}) {
    story.runner().end(package, outcome(Kind::done));
    story.settle_down();
  }
  CHECK(story.runner().started == Lines{"long", "kept", "other"});
}

TEST_CASE("a job that had to take another name keeps it when the stranger's is forgotten") {
  Story story(3);
  Message first = story.message("stranger", "1");
  first.queue = "other";
  const Message mine = story.message("mine", "1");
  story.transport.send(first);
  story.transport.send(mine);
  story.settle_down();
  CHECK(story.runner().started == Lines{"stranger", "mine"});
  story.runner().end("stranger", outcome(Kind::done));
  story.settle_down();
  story.forget_job("1");
  story.transport.lose_connection();  // and the message of the other comes again
  story.settle_down();
  CHECK(story.runner().started == Lines{"stranger", "mine"});
  story.runner().end("mine", outcome(Kind::done));
  story.settle_down();
  CHECK(story.transport.out() == 0);
}
