#!/bin/sh
# Fuzzes everything that reads what strangers wrote: sh tests/fuzz/run.sh [SECONDS [TARGET ...]]
# SECONDS each, 60 if not said. What was found lies in build/fuzz/found: a crash is an input to put
# into tests/fuzz/corpus/TARGET, where the tests replay it for ever, beside its cure.
# libFuzzer comes with clang: sh examples/install-packages.sh fuzz
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- message ini runner_line event_lines headers journal_rows front_end schema \
                    requests visitor

command -v clang++ > /dev/null || { echo "$0: no clang++: sh examples/install-packages.sh fuzz" >&2; exit 77; }
[ -f build/fuzz/build.ninja ] ||
  cmake -S . -B build/fuzz -G Ninja -DRBIT_FUZZ=ON -DRBIT_BUILD_TESTS=OFF \
        -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ > /dev/null
targets=
for target in "$@"; do targets="$targets fuzz_$target"; done
cmake --build build/fuzz --target $targets

failed=0
for target in "$@"; do
  # New inputs are kept in the first folder; the corpus in the source tree stays as it is. The
  # timeout is far above what any input takes: on a busy machine a nice process may get no turn.
  mkdir -p "build/fuzz/grown/$target" build/fuzz/found
  log=build/fuzz/found/$target.log
  if nice -n 19 "build/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=16384 -timeout=120 \
       -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" \
       "build/fuzz/grown/$target" "tests/fuzz/corpus/$target" > "$log" 2>&1; then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s, nothing found"
  else
    echo "$target: FAILED, see $log" >&2
    tail -n 30 "$log" >&2
    failed=1
  fi
done
exit "$failed"
