// Rows of the journal, as somebody else's hand or a broken disk may have left them: any value in
// any column. An input is a row of values: a letter (n, i, t, b), a length byte, that many bytes.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <memory>
#include <string>

#include "rbit/base/database.h"
#include "rbit/core/message_codec.h"
#include "rbit/journal/rows.h"
#include "tests/fuzz/fuzz.h"

using namespace rbit;
using fuzz::need;

namespace {

constexpr int most_columns = std::max(rows::job_column_count, rows::report_column_count);

Database& database() {
  static asio::io_context loop;
  static std::unique_ptr<Database> opened = [] {
    auto made = Database::open(loop.get_executor(), ":memory:");
    need(made.has_value(), "a database in memory");
    return std::move(*made);
  }();
  return *opened;
}

std::string placeholders() {
  std::string sql = "SELECT ?";
  for (int i = 1; i < most_columns; ++i) sql += ", ?";
  return sql;
}

/// Takes the next value off `input` and binds it.
void bind_one(Statement& row, std::string_view& input) {
  const char kind = input.empty() ? 'n' : input[0];
  const std::size_t length = input.size() < 2 ? 0 : static_cast<unsigned char>(input[1]);
  input.remove_prefix(std::min<std::size_t>(2, input.size()));
  const std::string_view bytes = input.substr(0, length);
  input.remove_prefix(bytes.size());
  std::int64_t number = 0;
  switch (kind) {
    case 'i':
      std::memcpy(&number, bytes.data(), std::min(bytes.size(), sizeof number));
      row.bind(number);
      break;
    case 't':
      row.bind(bytes);
      break;
    case 'b':
      row.bind_blob(bytes);
      break;
    default:
      row.bind_null();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view whole = fuzz::bytes_of(data, size);
  {
    Statement row = database().prepare(placeholders());
    std::string_view input = whole;
    for (int i = 0; i < most_columns; ++i) bind_one(row, input);
    const auto stepped = row.step();
    need(stepped && *stepped, "a row");
    const JobRecord job = rows::read_job(row);
    const std::string artifacts = rows::artifacts_to_json(job.artifacts);
    need(rows::artifacts_from_json(artifacts).size() == job.artifacts.size(),
         "the artifacts come back");
    need(!to_string(job.state).empty(), "a state has a name");
    rows::is_over(job.state);
    rows::read_report(row);
  }
  rows::artifacts_from_json(std::string(whole));
  Message message;
  properties_from_json(whole, message);
  Message again;
  properties_from_json(properties_to_json(message), again);
  need(properties_to_json(again) == properties_to_json(message), "properties come back");
  Job job, same;
  request_from_json(whole, job);
  const std::string request = request_to_json(job);
  request_from_json(request, same);
  need(request_to_json(same) == request, "a request comes back");
  return 0;
}
