#pragma once

#include <string>

#include "rbit/base/result.h"
#include "rbit/base/task.h"

namespace rbit {

struct DispatchContext;

/// Whether journal and disk take jobs. When they do not it tries by itself until they do, or
/// patience has ended: no job shall be the one that finds out. On the loop's thread.
class JournalWatch {
 public:
  explicit JournalWatch(DispatchContext& context) : context_(context) {}

  /// They have not taken something.
  void failed(const Error& error);
  /// Empty: they take jobs.
  const std::string& trouble() const { return trouble_; }

 private:
  Task<void> try_until_it_works();
  Task<Result<void>> probe();

  DispatchContext& context_;
  std::string trouble_;
  std::string place_;  // the file or directory that was told of for it
};

}  // namespace rbit
