#include "rbit/journal/job_index.h"

#include <algorithm>
#include <array>

#include "rbit/base/sha256.h"

namespace rbit {

namespace {

Result<std::vector<std::int64_t>> numbers(Statement row) {
  std::vector<std::int64_t> all;
  auto found = row.step();
  for (; found && *found; found = row.step()) all.push_back(row.integer(0));
  if (!found) return found.error();
  return all;
}

}  // namespace

/// Producers choose keys: no two of them shall find names of one hash. 48 bits are short in a row.
std::int64_t JobIndex::hash(std::string_view name) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data());
  std::int64_t value = 0;
  for (int i = 0; i < 6; ++i) value = value << 8 | digest[static_cast<std::size_t>(i)];
  return value;
}

// ---- Reading

Result<void> JobIndex::read() const {
  if (is_read_) return {};
  keys_.clear();
  job_ids_.clear();
  held_.clear();
  missing_.clear();
  gone_.clear();  // names without a row harm nobody, and go in time
  {
    auto row = database_.prepare("SELECT mark FROM job_mark");
    const auto found = row.step();
    if (!found) return found.error();
    mark_ = *found ? row.integer(0) : 0;
  }
  if (const auto young = read_young(); !young) return young;
  auto row = database_.prepare(
      "SELECT j.digest, j.id FROM job_open o JOIN job j ON j.id = o.job WHERE j.claim = 'held'");
  auto found = row.step();
  for (; found && *found; found = row.step()) held_.emplace(row.text(0), row.integer(1));
  if (!found) return found.error();
  is_read_ = true;
  return {};
}

Result<void> JobIndex::read_young() const {
  auto row = database_.prepare(
      "SELECT id, key, job_id, digest, claim = 'held' FROM job WHERE id > ? ORDER BY id", mark_);
  auto found = row.step();
  for (; found && *found; found = row.step()) {
    std::int64_t id = 0;
    std::string key, job_id, digest;
    bool is_held = false;
    row.read(0, id, key, job_id, digest, is_held);
    note(id, key, job_id);
    if (is_held) held_.emplace(digest, id);
  }
  if (!found) return found.error();
  return {};
}

void JobIndex::note(std::int64_t id, const std::string& key, const std::string& job_id) const {
  keys_[key] = id;
  missing_.erase(key);
  if (job_id.empty()) return;
  const auto [first, last] = job_ids_.equal_range(job_id);
  if (std::none_of(first, last, [id](const auto& one) { return one.second == id; }))
    job_ids_.emplace(job_id, id);
}

Result<std::optional<std::int64_t>> JobIndex::find(const std::string& key) const {
  if (const auto known = read(); !known) return known.error();
  if (const auto young = keys_.find(key); young != keys_.end())
    return std::optional<std::int64_t>(young->second);
  if (missing_.contains(key)) return std::optional<std::int64_t>();
  auto row = database_.prepare(
      "SELECT j.id FROM job_name n CROSS JOIN job j ON j.id = n.job WHERE n.hash = ? AND j.key = ?",
      hash(key), key);
  const auto found = row.step();
  if (!found) return found.error();
  if (*found) return std::optional<std::int64_t>(row.integer(0));
  if (missing_.size() >= most_missing) missing_.clear();
  missing_.insert(key);
  return std::optional<std::int64_t>();
}

Result<std::vector<std::int64_t>> JobIndex::with_job_id(const std::string& job_id) const {
  std::vector<std::int64_t> none;
  if (job_id.empty()) return none;
  if (const auto known = read(); !known) return known.error();
  auto rows = numbers(database_.prepare(
      "SELECT j.id FROM job_name n CROSS JOIN job j ON j.id = n.job WHERE n.hash = ? AND "
      "j.job_id = ? AND j.id <= ?",
      hash(job_id), job_id, mark_));
  if (!rows) return rows;
  const auto [first, last] = job_ids_.equal_range(job_id);
  for (auto young = first; young != last; ++young) rows->push_back(young->second);
  std::sort(rows->begin(), rows->end());
  return rows;
}

Result<std::vector<std::int64_t>> JobIndex::held(const std::string& digest) const {
  if (const auto known = read(); !known) return known.error();
  std::vector<std::int64_t> rows;
  const auto [first, last] = held_.equal_range(digest);
  for (auto one = first; one != last; ++one) rows.push_back(one->second);
  std::sort(rows.begin(), rows.end());
  return rows;
}

Result<std::vector<std::int64_t>> JobIndex::open() const {
  return numbers(database_.prepare(
      "SELECT id FROM job WHERE id > (SELECT mark FROM job_mark) AND attempt_begun > 0 AND "
      "attempt_ended = 0 UNION SELECT j.id FROM job_open o CROSS JOIN job j ON j.id = o.job WHERE "
      "attempt_begun > 0 AND attempt_ended = 0 ORDER BY 1"));
}

Result<std::int64_t> JobIndex::count() const {
  if (const auto known = read(); !known) return known.error();
  auto row = database_.prepare("SELECT jobs FROM job_mark");
  const auto found = row.step();
  if (!found) return found.error();
  return (*found ? row.integer(0) : 0) + std::ssize(keys_);
}

Result<std::vector<std::int64_t>> JobIndex::rows_of(Database& database, const std::string& name) {
  return numbers(database.prepare(
      "SELECT id FROM job WHERE id > (SELECT mark FROM job_mark) AND (key = ?1 OR job_id = ?1) "
      "UNION SELECT j.id FROM job_name n CROSS JOIN job j ON j.id = n.job WHERE n.hash = ?2 AND "
      "(j.key = ?1 OR j.job_id = ?1) ORDER BY 1",
      name, hash(name)));
}

// ---- Changes

Result<void> JobIndex::put(std::int64_t id, const std::string& key, const std::string& job_id,
                           const std::string& digest) {
  if (const auto known = read(); !known) return known;
  note(id, key, job_id);
  settled(id, digest);
  held_.emplace(digest, id);
  return {};
}

void JobIndex::settled(std::int64_t id, const std::string& digest) {
  const auto [first, last] = held_.equal_range(digest);
  const auto one =
      std::find_if(first, last, [id](const auto& entry) { return entry.second == id; });
  if (one != last) held_.erase(one);
}

Result<std::int64_t> JobIndex::lift(std::int64_t id) {
  if (const auto known = read(); !known) return known.error();
  if (id > mark_) return id;
  std::int64_t top = 0;
  std::string key, job_id, digest;
  {
    auto row = database_.prepare(
        "SELECT (SELECT max(id) FROM job), key, job_id, digest FROM job WHERE id = ?", id);
    const auto found = row.step();
    if (!found) return found.error();
    if (!*found) return id;
    row.read(0, top, key, job_id, digest);
  }
  top = std::max(top, mark_) + 1;
  for (const char* sql :
       {"UPDATE job SET id = ? WHERE id = ?", "UPDATE payload SET job = ? WHERE job = ?",
        "UPDATE attempt SET job = ? WHERE job = ?", "UPDATE delivery SET job = ? WHERE job = ?",
        "UPDATE outbox SET job = ? WHERE job = ?"})
    if (const auto moved = database_.run(sql, top, id); !moved) return moved.error();
  if (const auto gone = removed(id, key, job_id); !gone) return gone.error();
  settled(id, digest);
  if (const auto put_there = put(top, key, job_id, digest); !put_there) return put_there.error();
  return top;
}

Result<void> JobIndex::removed(std::int64_t id, const std::string& key, const std::string& job_id) {
  if (const auto known = read(); !known) return known;
  if (id <= mark_) {
    gone_.emplace_back(hash(key), id);
    if (!job_id.empty()) gone_.emplace_back(hash(job_id), id);
    return database_.run("UPDATE job_mark SET jobs = jobs - 1");
  }
  if (const auto known = keys_.find(key); known != keys_.end() && known->second == id)
    keys_.erase(known);
  const auto [first, last] = job_ids_.equal_range(job_id);
  const auto one =
      std::find_if(first, last, [id](const auto& entry) { return entry.second == id; });
  if (one != last) job_ids_.erase(one);
  return {};
}

Result<void> JobIndex::tidy() {
  if (const auto known = read(); !known) return known;
  if (keys_.size() < many) return {};
  if (const auto written = write_names(); !written) return written;
  const auto noted = database_.run(
      "INSERT OR IGNORE INTO job_open(job) SELECT id FROM job WHERE id > ? AND "
      "(claim <> 'settled' OR state = 'running')",
      mark_);
  if (!noted) return noted;
  const auto settled = database_.run(
      "DELETE FROM job_open WHERE NOT EXISTS (SELECT 1 FROM job WHERE id = job_open.job AND "
      "(claim <> 'settled' OR state = 'running'))");
  if (!settled) return settled;
  const auto risen = database_.run(
      "UPDATE job_mark SET jobs = jobs + ?, mark = (SELECT max(id) FROM job)", std::ssize(keys_));
  if (!risen) return risen;
  auto row = database_.prepare("SELECT mark FROM job_mark");
  if (const auto found = row.step(); !found) return found.error();
  mark_ = row.integer(0);
  keys_.clear();
  job_ids_.clear();
  gone_.clear();
  return {};
}

/// In the order of their hashes: each page is read and written once.
Result<void> JobIndex::write_names() {
  std::vector<Entry> entries;
  entries.reserve(keys_.size() + job_ids_.size());
  for (const auto& [key, id] : keys_) entries.emplace_back(hash(key), id);
  for (const auto& [job_id, id] : job_ids_) entries.emplace_back(hash(job_id), id);
  std::sort(entries.begin(), entries.end());
  std::sort(gone_.begin(), gone_.end());
  auto add = database_.prepare("INSERT OR IGNORE INTO job_name(hash, job) VALUES(?, ?)");
  auto remove = database_.prepare("DELETE FROM job_name WHERE hash = ? AND job = ?");
  auto old = gone_.begin();
  const auto remove_below = [&](std::int64_t limit) -> Result<void> {
    for (; old != gone_.end() && old->first <= limit; ++old)
      if (const auto gone = remove.bind(old->first, old->second).run(); !gone) return gone;
    return {};
  };
  for (const auto& [value, id] : entries) {
    if (const auto gone = remove_below(value); !gone) return gone;
    if (const auto added = add.bind(value, id).run(); !added) return added;
  }
  return entries.empty() ? Result<void>() : remove_below(INT64_MAX);
}

}  // namespace rbit
