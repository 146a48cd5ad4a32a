#!/bin/sh
# Installs what rbit needs on Debian 12 and is not there yet: the one list of packages.
#   sh examples/install-packages.sh build    to build it, run it and write plugins
#   sh examples/install-packages.sh test     that, and what the tests want
#   sh examples/install-packages.sh bench    to measure it: "build" and what it is measured beside
#   sh examples/install-packages.sh fuzz     what tests/fuzz/run.sh wants beside "build"
# As root or with sudo. Says in one line what it is about to install; installs nothing twice.
set -eu

# a|b: either will do; a is taken where there is neither.
build="g++ cmake ninja-build pkg-config
  libboost1.81-dev libboost-program-options1.81-dev libboost-filesystem1.81-dev
  nlohmann-json3-dev libvalijson-dev libspdlog-dev librabbitmq-dev libsqlite3-dev
  libcurl4-openssl-dev|libcurl4-gnutls-dev libssl-dev prometheus-cpp-dev"
# build-essential, xsltproc: for examples that are run. python3-jsonpickle: what old runners use.
# prometheus: its promtool checks metrics and alert rules. supervisor: runs rbit in a test.
# chromium-headless-shell: draws the page.
test="doctest-dev python3 python3-pika rabbitmq-server man-db
  build-essential xsltproc python3-jsonpickle prometheus supervisor
  chromium-headless-shell fonts-dejavu-core"

# python3-sqlalchemy: Celery's results on disk. strace: counts what is written.
bench="python3 python3-pika rabbitmq-server amqp-tools python3-celery python3-sqlalchemy strace"

case "${1:-}" in
  build) wanted=$build ;;
  test) wanted="$build $test" ;;
  bench) wanted="$build $bench" ;;
  fuzz) wanted="$build clang" ;;
  *) echo "usage: sh $0 build|test|bench|fuzz" >&2; exit 2 ;;
esac

command -v dpkg-query > /dev/null && command -v apt-get > /dev/null || {
  echo "$0: no dpkg and apt-get here; what is needed, by Debian's names: $(echo $wanted)" >&2
  exit 1
}

is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2> /dev/null | grep -qx installed
}

missing=
for one in $wanted; do
  found=
  for name in $(echo "$one" | tr '|' ' '); do
    if is_installed "$name"; then found=yes; fi
  done
  [ -n "$found" ] || missing="$missing ${one%%|*}"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo > /dev/null || {
    echo "$0: no sudo; run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
  }
  as_root=sudo
fi

echo "Installing with apt-get:$missing"
install_missing() {
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 $missing < /dev/null
}
# Lists that are missing or too old show in a failure; only then they are fetched.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install_missing > "$log" 2>&1; then
  $as_root apt-get update -qq < /dev/null
  install_missing > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
