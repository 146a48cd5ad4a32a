#include "rbit/app/job_table.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "rbit/app/control_handlers.h"

using namespace rbit;
using nlohmann::json;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t now = 1'795'921'924 * second;  // 2026-11-29 03:12:04 UTC

json job(const std::string& key) {
  JobRecord record;
  record.key = key;
  record.queue = "orders";
  record.state = JobRecord::State::done;
  record.last_status = Status::done;
  record.attempt = 1;
  record.begun = now - 75 * second;
  record.ended = now - 10 * second;
  return describe(record);
}

TextStyle plain() {
  TextStyle style;
  style.zone = Zone::utc;
  return style;
}

}  // namespace

TEST_CASE("a long key is as short as it may be to be told from the others") {
  const std::string key = "3f9a1b2c4d5e6f708192a3b4";
  const std::string table = job_table(
      {job(key), job("3f9a1b2c4d" + std::string(20, 'x')), job("order-17")}, now, plain());
  CHECK(table ==
        "WHEN      JOB          STATUS  QUEUE   TRY    TOOK\n"
        "03:10:49  3f9a1b2c4d5  Done    orders    1  1m 05s\n"
        "03:10:49  3f9a1b2c4dx  Done    orders    1  1m 05s\n"
        "03:10:49  order-17     Done    orders    1  1m 05s\n");
}

TEST_CASE("a line has whole names, and what there is to say") {
  json one = job("3f9a1b2c4d5e6f708192a3b4");
  one["job"] = one["name"] = "36";
  one["package"] = "col10642";
  one["version"] = "1.0";
  one["state"] = "blocked";
  one["status"] = "Blocked";
  one["reason"] = "exit 75";
  one["again"] = now + 86'400 * second;
  one["rbit_runs"] = false;
  CHECK(job_line(one, now, Zone::utc) ==
        "2026-11-29 03:10:49  Blocked    36           col10642 1.0  orders  attempt 1  "
        "3f9a1b2c4d5e6f708192a3b4  exit 75  again at 2026-11-30 03:12:04  (no rbit runs)\n");
}

TEST_CASE("one that has not begun has the time when it came") {
  json one = job("order-17");
  one["state"] = "waiting";
  one["status"] = "Waiting";
  one["attempt"] = one["begun"] = one["ended"] = 0;
  one["queued"] = now - 60 * second;
  one["again"] = now + 60 * second;
  const std::string table = job_table(json::array({one}), now, plain());
  CHECK(table.find("03:11:04  order-17  Waiting  orders  comes at 03:13:04\n") !=
        std::string::npos);
}

TEST_CASE("no text of a job moves the cursor") {
  json one = job("order-17");
  one["queue"] = "a\x1b[2Jb";
  one["reason"] = "c\nd\x1b";
  for (const std::string& text :
       {job_line(one, now, Zone::utc), job_table(json::array({one}), now, plain())}) {
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("c\\x0ad\\x1b\n") != std::string::npos);
  }
}
