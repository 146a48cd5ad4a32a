#!/bin/sh
# Builds rbit and runs its tests. Installs what is missing (Debian 12, root or sudo), RabbitMQ
# included. Works from a fresh clone.
#   sh tests/run.sh          units and stories with the address and undefined sanitizers; suites,
#                            a real broker and the short fault rows on the release build
#   sh tests/run.sh quick    units, stories and suites on one plain build
#   sh tests/run.sh long     the first, then what takes a night (tests/faults/README.rst)
# Arguments behind these words are ctest's.
set -eu
cd "$(dirname "$0")/.."
mode=all
case "${1:-}" in
  quick | long) mode=$1; shift ;;
esac
sh examples/install-packages.sh test
jobs=$(nproc)

# Each build makes what its own tests need, and nothing is tested in both.
calm=
build() {  # PRESET TARGET...
  preset=$1
  shift
  echo "Building the $preset preset: $*"
  cmake --preset "$preset" -DRBIT_BUILD_TESTS=ON > /dev/null
  $calm cmake --build --preset "$preset" -j "$jobs" --target "$@"
}

failed=0
presets=
run() {  # PRESET, the most tests at once, then ctest's arguments
  preset=$1 at_once=$2
  shift 2
  presets="$presets $preset"
  rm -f "build/$preset/results.xml"
  echo
  echo "Tests of the $preset preset"
  ctest --preset "$preset" -j "$at_once" --output-junit results.xml \
    --test-output-size-passed 100000 "$@" || failed=1
}

# Programs under test wait more than they work: one test more than there are processors, and the
# second build beside them, which takes what they leave.
if [ "$mode" = quick ]; then
  build quick units programs
  run quick $((jobs + 1)) -L 'unit|suite' "$@"
else
  build release programs
  log=build/sanitize.log
  (calm="nice -n 19"; build sanitize units) > "$log" 2>&1 &
  run release $((jobs + 1)) -L 'suite|broker|faults' -LE sanitized "$@"
  wait "$!" || { cat "$log"; exit 1; }
  # With a broker beside them real_amqp and real_intake are all of unit_amqp and unit_intake.
  run sanitize "$jobs" -L 'unit|amqp|sanitized' -E '^unit_(amqp|intake)$' "$@"
fi
if [ "$mode" = long ]; then
  build thread rbit rbit-leader rbit-plugin-host
  build release flow
  /usr/bin/python3 -B tests/faults/run.py --long || failed=1
  sh examples/install-packages.sh fuzz
  sh tests/fuzz/run.sh 600 || failed=1
fi

results() { for one in $presets; do cat "build/$one/results.xml"; done; }
echo
if [ "$failed" -ne 0 ]; then
  echo "What failed, in short:"
  results | grep -E -A8 '^(FAIL|ERROR): |^row .* FAILED,|: ERROR: |==ERROR: ' | head -100 || true
  echo
fi
results | tr -d ',' | awk '/^faults: kills / { for (i = 3; i <= NF; i += 2) sum[i] += $i; any = 1 }
  END { if (any) printf "faults: kills %d, cuts %d, jobs %d, lost %d, twice %d\n",
                        sum[3], sum[5], sum[7], sum[9], sum[11] }'
all=$(results | grep -c '<testcase ') || true
passed=$(results | grep -c 'status="run"') || true
skipped=$(results | grep -c '<skipped message="SKIP_') || true
echo "$passed passed, $((all - passed - skipped)) failed, $skipped skipped"
exit "$failed"
