#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace rbit {

/// A file of nothing that holds 16 MiB of the disk, so that there is room for what must be written
/// when the disk is full: thrown overboard then, made again later.
class Ballast {
 public:
  static constexpr std::int64_t size = 16 << 20;  // of journal log, verdicts of thousands of jobs

  explicit Ballast(std::string path) : path_(std::move(path)) {}

  /// Returns true if it is there, or is there again.
  bool make();
  /// Frees its space. Returns false if there was nothing to free.
  bool drop();
  bool is_there() const;

 private:
  std::string path_;
};

}  // namespace rbit
