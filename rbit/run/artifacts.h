#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rbit/base/result.h"
#include "rbit/base/task.h"
#include "rbit/core/outcome.h"

namespace rbit {

/// What shall be kept of a job, and where it may lie.
struct ArtifactOrder {
  std::string work_dir;            // relative paths and globs start here; nothing is changed
  std::string tmp_dir;             // may be named by absolute paths; empty: none
  std::string output_dir;          // they get here; what lies below it already stays in place
  std::vector<Artifact> named;     // as the job named them: path as it came, kind
  std::vector<std::string> globs;  // `artifacts` of the policy: *, ?, [...] and ** (any depth)
  bool work_stays = false;         // nothing that is kept may be a part of it then
  mode_t output_mode = 0700;       // of output_dir and those above it, where they are missing
  bool empty() const { return named.empty() && globs.empty(); }
};

inline constexpr std::size_t max_artifacts = 1000;              // RELIABILITY.md 7, rule 5
inline constexpr std::int64_t max_artifact_bytes = 64LL << 30;  // of one job, together

/// The artifacts by their final, absolute paths; base names are kept (DESIGN.md 9.10). Either all
/// are in `output_dir`, each whole and on disk, or the Error says which one was refused and why,
/// and none was put there. Refused: what is not a regular file, lies elsewhere, is reached through
/// a link or has a second hard link. A glob that matches nothing is fine; directories it matches
/// are passed over. An older file of the same name in `output_dir` is replaced.
///
/// REQUIRES: the job's processes are gone. Blocks for as long as the disk takes.
Result<std::vector<Artifact>> collect_artifacts_blocking(const ArtifactOrder& order);

/// The same beside the loop, on a thread of its own that ends with it. With nothing to collect it
/// ends at once.
Task<Result<std::vector<Artifact>>> collect_artifacts(ArtifactOrder order);

}  // namespace rbit
