#!/usr/bin/env bash
# Builds splitmem with Maven when the distribution is missing or older than the sources, and prints where it is.
#
# usage: build.sh [--force] [MAVEN OPTIONS...]       e.g. build.sh -o to stay offline
#   Without tests; for those: mvn verify.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$HERE/lib.sh"

TARGET=$REPOSITORY/distribution/target/splitmem
# Beside what Maven writes: a build that changed nothing leaves older files than the sources that made it run.
STAMP=$REPOSITORY/distribution/target/devstack-build

newest() { # of all regular files that find names: seconds since 1970, 0 if there is none
  find "$@" -type f -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1 | grep . || echo 0
}

is_current() {
  local built sources
  [[ -x $TARGET/bin/splitmemd && -x $TARGET/bin/splitmem ]] || return 1
  built=$(newest "$TARGET" "$STAMP")
  sources=$(newest "$REPOSITORY" -path '*/target' -prune -o -path "$REPOSITORY/.git" -prune -o -path '*/src/test' -prune -o \
    \( -name pom.xml -o -path '*/src/*' -o -path "$REPOSITORY/conf/*" \))
  awk -v built="$built" -v sources="$sources" 'BEGIN { exit !(built > sources) }'
}

build() {
  command -v mvn >/dev/null || die "no mvn on the PATH: install Maven and a JDK, 17 or newer"
  command -v gcc >/dev/null || { need_root; install_packages gcc libc6-dev make; }
  say "building $REPOSITORY" >&2
  (cd "$REPOSITORY" && mvn -q -B -Dmaven.test.skip=true -DskipTests -Dfuzz.skip -pl distribution -am "$@" package) >&2 || die "the build failed (see above)"
  [[ -x $TARGET/bin/splitmemd ]] || die "the build made no $TARGET/bin/splitmemd"
  touch "$STAMP"
}

main() {
  local force=no
  case ${1:-} in
    -h | --help) usage; return 0 ;;
    --force) force=yes; shift ;;
  esac
  take_lock "$REPOSITORY/pom.xml" # opened for appending, never written
  if [[ $force == yes ]] || ! is_current; then build "$@"; fi
  say "$TARGET"
}

main "$@"
