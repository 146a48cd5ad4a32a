#!/bin/sh
# From a fresh clone to finished jobs: installs what is missing, builds rbit, runs it on its own
# queue and gives it three jobs. RBIT_BINARY_DIR names a build to use instead of making one.
set -eu
umask 022
cd "$(dirname "$0")/.."
source=$PWD

if [ -n "${RBIT_BINARY_DIR:-}" ]; then
  build=$RBIT_BINARY_DIR
else
  build=$source/build/release
  sh examples/install-packages.sh build
  if [ ! -f build/release/build.ninja ]; then
    cmake --preset release -DRBIT_BUILD_TESTS=OFF > /dev/null
  fi
  echo "Building rbit in build/release"
  cmake --build --preset release --target rbit rbit-leader rbit-plugin-host hello
fi

# Not below the clone: rbit loads no library from where others may write, as a clone often is.
work=$(mktemp -d "${TMPDIR:-/tmp}/rbit-quickstart.XXXXXX")
cp examples/quickstart/rbit.ini examples/quickstart/col10642.json "$work"
cp "$build/examples/libhello.so" "$work"
cd "$work"

echo
echo "Starting rbit in $work"
"$build/rbit" rbit.ini > rbit.log 2>&1 &
rbit=$!
trap 'kill "$rbit" 2> /dev/null || true' EXIT
trap 'exit 130' INT TERM
until grep -qs consuming rbit.log; do
  kill -0 "$rbit" 2> /dev/null || { cat rbit.log >&2; exit 1; }
  sleep 0.05
done

submit() {
  echo
  echo "\$ rbit submit rbit.ini $*"
  "$build/rbit" submit rbit.ini "$@"
}
submit --queue cnx_desktop_latex_txt col10642.json --wait
submit --queue cnx_desktop_latex_hello --package col10642 --version 1.2 --uri http://cnx.org/ --wait
# This one fails, as its version is 0: the exit code says so, the reason stands beside the status.
submit --queue cnx_desktop_latex_txt --package col10642 --version 0 --wait && exit 1

echo
echo "Artifacts:"
for artifact in output/*; do
  echo "  $work/$artifact: $(cat "$artifact")"
done

echo
echo "Stopping rbit with SIGTERM"
kill -TERM "$rbit"
code=0
wait "$rbit" || code=$?
trap - EXIT
echo "rbit ended with $code. Its log, its journal and the job logs are in $work"
exit "$code"
