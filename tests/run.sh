#!/bin/sh
# Builds rbit twice and runs all tests: units and stories with the address and undefined
# sanitizers, the real programs and the broker's tests on the release build. Installs what is
# missing (Debian 12, root or sudo), RabbitMQ included. Works from a fresh clone.
#   sh tests/run.sh [ctest's arguments, for both runs]
set -eu
cd "$(dirname "$0")/.."
sh examples/install-packages.sh test
jobs=$(nproc)

for preset in sanitize release; do
  echo "Building the $preset preset"
  cmake --preset "$preset" -DRBIT_BUILD_TESTS=ON > /dev/null
  cmake --build --preset "$preset" -j "$jobs"
done

# One job a processor: the suites drive programs with processes of their own.
failed=0
run() {  # PRESET, then ctest's arguments
  preset=$1
  shift
  echo
  echo "Tests of the $preset preset"
  rm -f "build/$preset/results.xml"
  ctest --preset "$preset" -j "$jobs" --output-junit results.xml "$@" || failed=1
}
run sanitize -LE 'suite|broker|bench|faults' "$@"
run release -L 'suite|broker|bench|faults' "$@"

results() { cat build/sanitize/results.xml build/release/results.xml; }
if [ "$failed" -ne 0 ]; then
  echo
  echo "What failed, in short:"
  results | grep -E -A8 '^(FAIL|ERROR): |^row .* FAILED,|: ERROR: |==ERROR: ' | head -100 || true
fi
all=$(results | grep -c '<testcase ') || true
passed=$(results | grep -c 'status="run"') || true
skipped=$(results | grep -c '<skipped message="SKIP_') || true
echo
echo "$passed passed, $((all - passed - skipped)) failed, $skipped skipped"
exit "$failed"
