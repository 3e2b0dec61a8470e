#!/usr/bin/env bash
# Runs the Nova driver's tests with each Nova that there is a Debian of: 26 of Debian 12, 31 of Debian 13, and that of sid. Results
# belong in docs/COMPATIBILITY.md.
#
# usage: nova-matrix.sh prepare            make the roots, with all packages (see root.sh)
#        nova-matrix.sh run [SUITE...]     the tests (default: bookworm trixie sid); a machine that is of SUITE needs no root of it
#        nova-matrix.sh source VERSION DIRECTORY
#                                          the tests with the Nova of a source tree, like 33.0.2 of a clone, on the packages of sid
#
# Two kinds of processes: all tests that need no code of Nova's own tests, on native threads; and test_nova_*.py, whose fixtures would
# change the process of the others, on eventlet and, where this Nova has them, on native threads. Domains are made by that Nova, and
# prepared by the `splitmem prepare` that was built on this machine.
# Exit code 0 if all passed. The JUnit reports are where test.sh counts them: nova-bridge/target/surefire-reports/TEST-nova-*.xml;
# output is in target/test/nova-*.log.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$HERE/lib.sh"

SUITES=(bookworm trixie sid)
NEWEST=sid
SOURCE=() # environment for the Nova of a source tree
PACKAGES=(python3-nova python3-libvirt python3-lxml python3-pytest python3-fixtures python3-testtools python3-oslotest
  python3-wsgi-intercept default-jre-headless)
TESTS="nova-bridge/src/test/python"
OUTPUT=$REPOSITORY/target/test
REPORTS="nova-bridge/target/surefire-reports"
RUN_SECONDS=$((300 * ${SPLITMEM_PATIENCE:-1}))

is_here() { # SUITE
  # shellcheck source=/dev/null
  [[ $(. /etc/os-release && say "${VERSION_CODENAME:-}") == "$1" ]]
}

make_ready() { # SUITE
  if is_here "$1"; then install_packages "${PACKAGES[@]}"; else "$HERE/root.sh" make "$1" "${PACKAGES[@]}"; fi
}

cmd_prepare() {
  local suite child
  need_root
  trap 'kill "$child" 2>/dev/null; exit 143' TERM
  for suite in "${SUITES[@]}"; do
    make_ready "$suite" >/dev/null &
    child=$!
    wait "$child"
  done
}

# on SUITE COMMAND...: from the repository's directory.
on() {
  local suite=$1
  shift
  cd "$REPOSITORY" # in a subshell, as its callers are
  if is_here "$suite"; then "$@"; else "$HERE/root.sh" exec --bind "$suite" "$@"; fi
}

# run_tests SUITE NAME MODE own|plain TESTS...: one process. NAME is of the report.
run_tests() {
  local suite=$1 name=$2-$3-$4 mode=$3 kind=$4 log report started status=0 nova=("${SOURCE[@]}")
  shift 4
  log=$OUTPUT/nova-$name.log
  report=$REPORTS/TEST-nova-$name.xml
  if [[ $kind == own ]]; then nova+=(SPLITMEM_TEST_NOVA=1); fi
  started=$(now)
  on "$suite" env PYTHONDONTWRITEBYTECODE=1 "${nova[@]}" timeout -k 10 "$RUN_SECONDS" /usr/bin/python3 "$TESTS/run_tests.py" "$mode" \
    -q --junitxml="$report" -o junit_suite_name="nova-$name" "$@" >"$log" 2>&1 </dev/null || status=$?
  if ((status == 0)); then
    say "-- ${name//-/, }: $(tail -n 1 "$log")"
  else
    say "-- ${name//-/, }: FAILED, exit code $status, after $(elapsed "$started") s (whole output: $log)"
    grep -E '^(E  |FAILED|ERROR)' "$log" | head -n 30 || tail -n 12 "$log"
  fi
  return "$status"
}

run_suite() { # SUITE [NAME]
  local suite=$1 name=${2:-$1} modes mode status=0
  make_ready "$suite" >/dev/null || { say "-- $suite could not be made ready"; return 1; }
  modes=$(on "$suite" env "${SOURCE[@]}" /usr/bin/python3 "$TESTS/run_tests.py" modes 2>/dev/null) || { say "-- $suite: no Nova that can be imported"; return 1; }
  say "-- $name has Nova ${modes%% *}: ${modes#* }"
  run_tests "$suite" "$name" native plain "$TESTS" || status=1
  for mode in ${modes#* }; do
    run_tests "$suite" "$name" "$mode" own "$REPOSITORY/$TESTS"/test_nova_*.py || status=1
  done
  return "$status"
}

check_built() {
  [[ -x $DISTRIBUTION/bin/splitmem ]] || die "no $DISTRIBUTION/bin/splitmem, which prepares the domains: build.sh"
  mkdir -p "$OUTPUT" "$REPOSITORY/$REPORTS"
}

cmd_source() {
  local version=${1:-} tree=${2:-} copy
  [[ $version =~ ^[0-9]+(\.[0-9]+)*$ ]] || die "'$version' is no version of Nova, like 33.0.2 (see --help)"
  [[ -f $tree/nova/version.py ]] || die "no sources of Nova at '$tree' (see --help)"
  need_root
  check_built
  make_ready "$NEWEST" >/dev/null
  copy=$REPOSITORY/target/$NEWEST/nova-$version # the same directory inside and outside
  rm -rf "$copy"
  mkdir -p "$copy"
  cp -rT "$tree" "$copy"
  # Nova asks for its version among the installed packages.
  (on "$NEWEST" env -C "$copy" PBR_VERSION="$version" /usr/bin/python3 setup.py -q egg_info) >"$OUTPUT/nova-$version-source.log" 2>&1
  SOURCE=(PYTHONPATH="$copy")
  run_suite "$NEWEST" "$version"
}

cmd_run() {
  local suite job jobs=() status=0
  need_root
  (($#)) || set -- "${SUITES[@]}"
  check_built
  trap 'kill "${jobs[@]}" 2>/dev/null; exit 143' TERM INT
  for suite in "$@"; do
    run_suite "$suite" & # beside each other: none of them uses more than one CPU
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do
    wait "$job" || status=1
  done
  return "$status"
}

main() {
  local command=${1:-}
  (($# == 0)) || shift
  case $command in
    prepare | run | source) "cmd_$command" "$@" ;;
    -h | --help | help) usage ;;
    "") usage >&2; exit 2 ;;
    *) die "no command '$command' (see --help)" ;;
  esac
}

main "$@"
