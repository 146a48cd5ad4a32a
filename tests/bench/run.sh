#!/bin/sh
# Measures rbit beside what its users would take instead: installs what is missing (Debian 12, root
# or sudo), builds the release preset and takes about ten minutes, on the disk of the directory it
# is started in. Writes rbit-bench.txt, .json and .svg there. Works from a fresh clone.
#   sh tests/bench/run.sh                      all of it
#   sh tests/bench/run.sh --only shell         one figure; --help names all options
# RBIT_BINARY_DIR names a build to measure instead of making one. README.rst says what is measured.
set -eu
here=$PWD
cd "$(dirname "$0")/../.."
source=$PWD

sh examples/install-packages.sh bench
if [ -z "${RBIT_BINARY_DIR:-}" ]; then
  echo "Building the release preset"
  cmake --preset release > /dev/null
  cmake --build --preset release --target rbit rbit-leader rbit-plugin-host
fi
cd "$here"
exec /usr/bin/python3 -B "$source/tests/bench/bench.py" "$@"
