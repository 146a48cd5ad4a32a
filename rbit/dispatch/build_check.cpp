#include "rbit/dispatch/build_check.h"

namespace rbit {

BuildCheck check_build(const Standing& standing, const BuildClaims& claims) {
  switch (standing.kind) {
    case Standing::Kind::unclear:  // a front-end that is away must not cost a job
    case Standing::Kind::waiting:
      return BuildCheck::build;
    case Standing::Kind::building:
      if (!standing.elsewhere || claims.known) return BuildCheck::build;
      return claims.waited < claims.attempts ? BuildCheck::put_back : BuildCheck::build;
    case Standing::Kind::failed:
      return claims.replayed ? BuildCheck::build : BuildCheck::accept;
    case Standing::Kind::unknown:
    case Standing::Kind::done:
    case Standing::Kind::cancelled:
      break;
  }
  return BuildCheck::accept;
}

}  // namespace rbit
