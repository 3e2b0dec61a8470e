#!/usr/bin/env bash
# Runs what has to work everywhere on each QEMU and libvirt that there is a Debian of: the system tests of StackTest (a split
# migration with a verifying guest, gathering, save and restore), and the demo. Results belong in docs/COMPATIBILITY.md.
#
# usage: matrix.sh prepare            make the roots, with all packages (see root.sh)
#        matrix.sh run [--demos] [SYSTEM...]
#                                     the demo on this machine, and in the root of each suite of Debian the system tests, which
#                                     test.sh runs on the machine anyway; with --demos the demo there, too (default: machine trixie)
#        matrix.sh openstack [SUITE...]  all proofs of aio.sh on an OpenStack of that suite's packages, in its root (default: trixie)
#        matrix.sh jdk [VERSION...]   build, check, and run the unit tests with each JDK, in the root of Debian 13 (default: 21 25)
#
# "run" and "openstack" use what was built on this machine (build.sh), with the JDK of each system; "jdk" builds anew, in the root. Exit
# code 0 if all passed. The JUnit reports are where test.sh counts them: target/surefire-reports/ of the repository, of system-tests and
# of nova-bridge, target/trixie/jdk-N/; output is in target/test/matrix-*.log. Clusters are in $SPLITMEM_DEVSTACK_STATE, on the machine or
# in the root; OpenStacks, with the logs of their services, in $SPLITMEM_AIO_STATE (see aio.sh) in the root.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SPLITMEM_DEVSTACK_STATE=${SPLITMEM_DEVSTACK_STATE:-/var/lib/splitmem-matrix}
# shellcheck source=lib.sh
. "$HERE/lib.sh"

SUITES=(trixie)
PACKAGES=(maven default-jdk-headless gcc libc6-dev make qemu-system-x86 libvirt-daemon-system libvirt-clients busybox-static cpio)
OUTPUT=$REPOSITORY/target/test
REPORT=$REPOSITORY/target/surefire-reports/TEST-matrix.xml
TESTS_REPORT=$REPOSITORY/system-tests/target/surefire-reports/TEST-org.splitmem.systemtests.StackTest.xml
ITEM_SECONDS=1200
CASES="" RUN=0 FAILED=0 FAILED_PROOFS=no CHILD=""

cmd_prepare() {
  local suite
  need_root
  trap 'kill "$CHILD" 2>/dev/null; exit 143' TERM
  for suite in "${SUITES[@]}"; do
    interruptible "$HERE/root.sh" make "$suite" "${PACKAGES[@]}"
    # It is fetched by apt, too, and would take time later.
    interruptible "$HERE/root.sh" exec --bind "$suite" "$HERE/guest/build-guest.sh" "$SPLITMEM_DEVSTACK_STATE/guest"
  done
}

# For a signal to be handled at once, and passed on.
interruptible() {
  "$@" >/dev/null &
  CHILD=$!
  wait "$CHILD"
}

# on SYSTEM COMMAND...: from the repository's directory.
on() {
  local system=$1
  shift
  cd "$REPOSITORY" # in a subshell, as item runs it
  case $system.${WHERE:-bind} in
    machine.*) "$@" ;;
    *.bind) "$HERE/root.sh" exec --bind "$system" "$@" ;;
    *.copy) "$HERE/root.sh" exec "$system" "$@" ;;
  esac
}

# item SYSTEM NAME COMMAND...: one test case. It fails if COMMAND does, or takes too long.
item() {
  local system=$1 name=$2 log started seconds status=0
  shift 2
  log=$OUTPUT/matrix-$system-${name// /-}.log
  started=$(now)
  (on "$system" timeout --foreground -k 30 "$ITEM_SECONDS" "$@") >"$log" 2>&1 </dev/null || status=$?
  seconds=$(elapsed "$started")
  RUN=$((RUN + 1))
  if ((status == 0)); then
    CASES+="  <testcase classname=\"matrix.$system\" name=\"$name\" time=\"$seconds\"/>"$'\n'
    say "-- $system: $name: ok after $seconds s"
    return 0
  fi
  FAILED=$((FAILED + 1))
  CASES+="  <testcase classname=\"matrix.$system\" name=\"$name\" time=\"$seconds\"><failure message=\"exit code $status\">"
  CASES+="$(tail -n 30 "$log" | as_text)</failure></testcase>"$'\n'
  say "-- $system: $name: FAILED, exit code $status, after $seconds s (whole output: $log)"
  tail -n 12 "$log"
  return 1
}

# For XML: without the control characters that it cannot hold.
as_text() { tr -d '\000-\010\013\014\016-\037' | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'; }

write_report() {
  mkdir -p "$(dirname "$REPORT")"
  printf '<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="matrix" tests="%d"\n  failures="%d" errors="0" skipped="0">\n%s</testsuite>\n' \
    "$RUN" "$FAILED" "$CASES" >"$REPORT"
}

run_demo() { # SYSTEM
  item "$1" demo env SPLITMEM_DEVSTACK_STATE="$SPLITMEM_DEVSTACK_STATE-demo" devstack/demo.sh --memory 512 \
    --report "$OUTPUT/matrix-$1-demo.json" --plot "$OUTPUT/matrix-$1-demo.svg" || true
}

# Which of the tests failed is in their own report; these two cases are that they were run at all.
# Incremental compilation would compile everything again, as the JDK is another one; without it only what is older than its sources.
run_system_tests() { # SUITE
  find "$REPOSITORY" -path '*/target/surefire-reports/*StackTest*' -delete
  item "$1" "system tests" mvn -B -ntp -Psystem -Dspotless.check.skip -Dcheckstyle.skip -Dmaven.test.failure.ignore=true \
    -Dmaven.compiler.useIncrementalCompilation=false -Dtest=StackTest -Dsurefire.failIfNoSpecifiedTests=false package || true
  grep -E 'Tests run:.*(Time|FAIL)|^\[ERROR\]' "$OUTPUT/matrix-$1-system-tests.log" || true
  item machine "results of the system tests on $1" grep -q '<testcase ' "$TESTS_REPORT" || true
  # The same class on another system would write over it.
  if [[ -e $TESTS_REPORT ]]; then mv "$TESTS_REPORT" "${TESTS_REPORT%.xml}-$1.xml"; fi
}

cmd_run() {
  local system demos=no
  need_root
  if [[ ${1:-} == --demos ]]; then demos=yes; shift; fi
  (($#)) || set -- machine "${SUITES[@]}"
  mkdir -p "$OUTPUT"
  trap write_report EXIT
  for system in "$@"; do
    if [[ $system != machine ]]; then
      item machine "a root of $system" "$HERE/root.sh" make "$system" "${PACKAGES[@]}" || continue
    fi
    if [[ $system == machine || $demos == yes ]]; then run_demo "$system"; fi
    if [[ $system != machine ]]; then run_system_tests "$system"; fi
  done
  ((FAILED == 0)) && ! grep -q -E '<(failure|error)' "$REPOSITORY"/system-tests/target/surefire-reports/TEST-*StackTest-*.xml
}

# "prepare" first, so that packages and databases are not part of the proofs' time. A crash may have left files of a cloud.
cmd_openstack() {
  local suite report
  need_root
  (($#)) || set -- "${SUITES[@]}"
  mkdir -p "$OUTPUT"
  trap write_report EXIT
  REPORT=$REPOSITORY/target/surefire-reports/TEST-matrix-openstack.xml
  for suite in "$@"; do
    report=$REPOSITORY/nova-bridge/target/surefire-reports/TEST-openstack-$suite.xml
    rm -f "$report"
    item machine "a root of $suite" "$HERE/root.sh" make "$suite" "${PACKAGES[@]}" || continue
    item "$suite" "packages and databases of OpenStack" bash -c 'devstack/aio.sh down && devstack/aio.sh prepare' || continue
    run_proofs "$suite" "$report" || true
    grep -E '^(==|OpenStack|proved|aio.sh:)' "$OUTPUT/matrix-$suite-proofs-on-OpenStack.log" || true
    ! grep -q '<failure' "$report" || FAILED_PROOFS=yes
  done
  ((FAILED == 0)) && [[ $FAILED_PROOFS == no ]]
}

# Which of the proofs failed is in their own report; this case is that they were run.
run_proofs() { # SUITE REPORT
  # shellcheck disable=SC2016  # for the shell in the root
  ITEM_SECONDS=4500 item "$1" "proofs on OpenStack" bash -c '
    mkdir -p "$(dirname "$1")"
    devstack/aio.sh up && devstack/aio.sh prove --junit "$1" --all
    devstack/aio.sh down
    [[ -s $1 ]]' bash "$2"
}

# With each JDK all is compiled anew, as what it would reject may have been compiled by another.
cmd_jdk() {
  local version
  need_root
  (($#)) || set -- 21 25
  mkdir -p "$OUTPUT"
  trap write_report EXIT
  REPORT=$REPOSITORY/target/surefire-reports/TEST-jdk.xml
  for version in "$@"; do
    item machine "JDK $version of Debian 13" "$HERE/root.sh" make trixie "${PACKAGES[@]}" "openjdk-$version-jdk-headless" || continue
    find "$REPOSITORY/target/trixie" -depth -path "*/jdk-$version/*" -delete 2>/dev/null || true
    item_with_jdk "$version" || true
    grep -E 'Tests run:.*(Time|FAIL)|^\[ERROR\]' "$OUTPUT/matrix-trixie-build-with-JDK-$version.log" | grep -v 'Failures: 0, Errors: 0' || true
  done
  ((FAILED == 0))
}

# The reports go out by target/trixie, which is the same directory in the root; the build's exit code is that of the case.
item_with_jdk() { # VERSION
  # shellcheck disable=SC2016  # for the shell in the root
  WHERE=copy ITEM_SECONDS=3000 item trixie "build with JDK $1" bash -c '
    set -u
    export JAVA_HOME=/usr/lib/jvm/java-$1-openjdk-amd64
    rm -rf -- ./*/target
    status=0
    mvn -B -ntp -Dstyle.color=never verify || status=$?
    mkdir -p target/trixie/jdk-$1
    find . -path "./target" -prune -o -path "*/target/surefire-reports/TEST-*.xml" -exec cp --parents -t target/trixie/jdk-$1 {} +
    exit $status' bash "$1"
}

main() {
  local command=${1:-}
  (($# == 0)) || shift
  case $command in
    prepare | run | openstack | jdk) "cmd_$command" "$@" ;;
    -h | --help | help) usage ;;
    "") usage >&2; exit 2 ;;
    *) die "no command '$command' (see --help)" ;;
  esac
}

main "$@"
