#pragma once

#include "rbit/core/standing.h"

namespace rbit {

/// What a job's front-end and its message mean for it before it begins (rbit/doc/formats.rst,
/// front-end-question).
enum class BuildCheck {
  build,
  put_back,  // somebody else builds it: a look later
  accept,    // its message is answered, nothing is built
};

/// What is known here of a job that somebody else seems to build.
struct BuildClaims {
  bool known = false;     // it is in our journal, or was delivered before: its build may have died
  bool replayed = false;  // `rbit dead replay` brought it back
  int waited = 0;         // how often it was put back for this
  int attempts = 5;       // of its runner
};

BuildCheck check_build(const Standing& standing, const BuildClaims& claims);

}  // namespace rbit
