#include "rbit/dispatch/before_build.h"

#include <doctest/doctest.h>

using namespace rbit;
using Kind = Standing::Kind;

namespace {

BuildCheck of(Kind kind, BuildClaims claims = {}, bool elsewhere = false) {
  return check_build(Standing{kind, elsewhere, ""}, claims);
}

}  // namespace

TEST_CASE("what is over is not built, all else is") {
  CHECK(of(Kind::waiting) == BuildCheck::build);
  CHECK(of(Kind::unclear) == BuildCheck::build);
  CHECK(of(Kind::done) == BuildCheck::accept);
  CHECK(of(Kind::cancelled) == BuildCheck::accept);
  CHECK(of(Kind::unknown) == BuildCheck::accept);
  CHECK(of(Kind::failed) == BuildCheck::accept);
}

TEST_CASE("only what failed is built because it was brought back from the dead") {
  BuildClaims claims;
  claims.replayed = true;
  CHECK(of(Kind::failed, claims) == BuildCheck::build);
  CHECK(of(Kind::done, claims) == BuildCheck::accept);
  CHECK(of(Kind::cancelled, claims) == BuildCheck::accept);
  CHECK(of(Kind::unknown, claims) == BuildCheck::accept);
}

TEST_CASE(
    "what is built by another waits for it, a number of times, unless it may have been ours") {
  BuildClaims claims;
  claims.attempts = 3;
  CHECK(of(Kind::building, claims) == BuildCheck::build);
  CHECK(of(Kind::building, claims, true) == BuildCheck::put_back);
  claims.waited = 2;
  CHECK(of(Kind::building, claims, true) == BuildCheck::put_back);
  claims.waited = 3;
  CHECK(of(Kind::building, claims, true) == BuildCheck::build);
  claims.waited = 0;
  claims.known = true;
  CHECK(of(Kind::building, claims, true) == BuildCheck::build);
}
