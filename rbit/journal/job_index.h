#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "rbit/base/database.h"

namespace rbit {

/// Which row of `job` a key or a job id stands for. An index of SQLite would be a page to write for
/// each job. So of the young rows, those above a mark, the names are in memory: rbit is the only
/// owner of the file. Of the others they are in the table `job_name`, sorted by a hash; it gets the
/// names of some thousand rows at a time, so that many share a page, and the mark rises.
///
/// Whatever begins or ends an attempt lifts its row above the mark (`lift`). So a start reads what
/// is above it, and those rows below that were not settled when it passed them (`job_open`).
///
/// Its changes run inside a transaction of the journal. What it has in memory follows at once; when
/// a transaction comes to nothing, `forget` makes it read again. On the loop's thread.
class JobIndex {
 public:
  /// So many young rows have their names in memory, then the mark rises.
  static constexpr std::size_t many = 4096;
  /// So many keys are known to have no row: a message that comes asks several times.
  static constexpr std::size_t most_missing = 1024;

  explicit JobIndex(Database& database) : database_(database) {}

  // Reading.

  Result<std::optional<std::int64_t>> find(const std::string& key) const;
  /// The rows of that job id, the oldest first.
  Result<std::vector<std::int64_t>> with_job_id(const std::string& job_id) const;
  /// Rows that may be `held` with this digest, the oldest first.
  Result<std::vector<std::int64_t>> held(const std::string& digest) const;
  /// Rows that may have an attempt that was not ended, the oldest first.
  Result<std::vector<std::int64_t>> open() const;
  Result<std::int64_t> count() const;

  // Changes.

  /// The row is there now, above the mark, or has got another digest or job id.
  Result<void> put(std::int64_t id, const std::string& key, const std::string& job_id,
                   const std::string& digest);
  /// Gives row `id` a number above the mark, if it has none, and all that refers to it. Returns it.
  Result<std::int64_t> lift(std::int64_t id);
  /// Its messages are answered.
  void settled(std::int64_t id, const std::string& digest);
  /// The row is no more.
  Result<void> removed(std::int64_t id, const std::string& key, const std::string& job_id);
  /// Lets the mark rise if there are many young rows.
  Result<void> tidy();

  void forget() { is_read_ = false; }

  /// The same as `find` and `with_job_id` for who only has the file: the rows that have this key or
  /// job id.
  static Result<std::vector<std::int64_t>> rows_of(Database& database, const std::string& name);

 private:
  using Entry = std::pair<std::int64_t, std::int64_t>;  // hash, row

  static std::int64_t hash(std::string_view name);
  Result<void> read() const;
  Result<void> read_young() const;
  void note(std::int64_t id, const std::string& key, const std::string& job_id) const;
  Result<void> write_names();

  Database& database_;
  // Read when they are needed first.
  mutable bool is_read_ = false;
  mutable std::int64_t mark_ = 0;
  mutable std::unordered_map<std::string, std::int64_t> keys_;          // of young rows
  mutable std::unordered_multimap<std::string, std::int64_t> job_ids_;  // of young rows
  mutable std::multimap<std::string, std::int64_t> held_;               // by digest, also old rows
  mutable std::unordered_set<std::string> missing_;                     // keys without a row
  mutable std::vector<Entry> gone_;  // names in the table whose row is gone
};

}  // namespace rbit
