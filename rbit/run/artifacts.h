#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/outcome.h"

namespace rbit {

inline constexpr std::size_t max_artifacts = 100'000;
inline constexpr std::size_t max_told_artifacts = 1000;  // reports and the journal have no more
inline constexpr std::int64_t max_artifact_bytes = 64LL << 30;  // of one job, together

/// What shall be kept of a job, and where it may lie.
struct ArtifactOrder {
  std::string work_dir;               // relative paths and globs start here; nothing is changed
  std::string tmp_dir;                // may be named by absolute paths; empty: none
  std::string output_dir;             // they get here; what lies below it already stays in place
  std::string output_top;             // a beginning of it, the administrator's; empty: all of it
  std::vector<Artifact> named;        // as the job named them: path as it came, kind
  std::vector<std::string> globs;     // `artifacts` of the policy, see ArtifactPlace::match
  std::vector<std::string> required;  // `artifacts-required`: the same, something must be kept
  bool strict = true;                 // what is named and cannot be kept is an Error
  bool needs_required = false;        // and so is a required pattern without anything
  std::optional<uid_t> account;       // whose files the job's are, if not ours
  bool work_stays = false;            // nothing that is kept may be a part of it then
  mode_t output_mode = 0700;          // of output_dir and those above it, where they are missing
  std::size_t most = max_artifacts;
  const std::atomic<bool>* stop = nullptr;  // true: an Error is wanted, and soon
  bool empty() const { return named.empty() && globs.empty() && required.empty(); }
};

/// What became of an order, in sentences for people.
struct KeptArtifacts {
  std::vector<Artifact> artifacts;       // by their final, absolute paths, the first ones
  std::vector<std::string> passed_over;  // "NAME: why it cannot be kept"
  std::vector<std::string> missing;      // required patterns without anything that was kept
  std::vector<std::string> notes;        // patterns that match nothing, files that were replaced
};

/// Either all are in `output_dir`, each whole and on disk, or the Error says what was refused and
/// why, and none was put there.
///
/// What the job named must be there: a regular file of its own, or a link to one that stays in its
/// directory. What a pattern happens to match and is none is passed over. A file keeps its base
/// name, a part of a tree its path from the work directory, and so do those of which several have
/// one base name. An older file of the same name is replaced.
///
/// REQUIRES: the job's processes are gone; others of its account may do what they like. Blocks for
/// as long as the disk takes.
Result<KeptArtifacts> collect_artifacts_blocking(const ArtifactOrder& order);

/// The same beside the loop, on a thread of its own that ends with it. With nothing to collect it
/// ends at once.
Task<Result<KeptArtifacts>> collect_artifacts(ArtifactOrder order);

}  // namespace rbit
