#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "rbit/base/database.h"
#include "tests/support/print.h"

namespace rbit::test {

inline std::unique_ptr<Database> open_database(asio::io_context& loop,
                                               const std::string& path = ":memory:") {
  auto database = Database::open(loop.get_executor(), path);
  REQUIRE_MESSAGE(database.has_value(), database.error().text());
  return std::move(*database);
}

/// The rows of a table.
inline std::int64_t count_rows(Database& database, const std::string& table) {
  auto row = database.prepare("SELECT count(*) FROM " + table);
  return row.step() ? row.integer(0) : -1;
}

}  // namespace rbit::test
