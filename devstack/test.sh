#!/usr/bin/env bash
# Everything that has to pass, from a fresh machine to the verdict: N passed, N failed.
#
# usage: test.sh [--nightly] [--only PATTERN] [--no-openstack] [--no-roots]
#   1. build and check: mvn verify, which compiles, checks formats and dependencies, and runs the unit tests, also those in C, and the
#      fuzzer on each parser for a moment
#   2. the Nova driver's tests, by pytest
#   3. the tests that need root, and the system tests: real guests on virtual hosts, see system-tests/
#   4. the demo here, and in a root of Debian 13, with its own QEMU, libvirt and JDK, the system tests that have to pass on each of
#      them, see matrix.sh; before them the Nova driver's tests with Nova 26, 31 and 34 of Debian 12, 13 and sid, see nova-matrix.sh
#   5. the proofs on a real OpenStack with Kafka, see aio.sh
#
#   --nightly        30 split migrations, of guests up to 4 GiB, instead of a few small ones, 60 operations on one guest, a build with
#                    each JDK, the demo in the root, and all proofs, also on the OpenStack of Debian 13, in the root: three hours
#                    more; and ten million inputs for each parser, those of the shim with clang: hours more again
#   --only PATTERN   build, then run only tests whose class matches, of whatever kind: OneToOneTest, 'Abort*', PlanTest#the*
#   --no-openstack   without the fifth, which takes a quarter of an hour, and installs OpenStack's packages
#   --no-roots       without the fourth, which downloads Debians and their packages into /var/lib/splitmem-roots once
#
# Installs Debian packages that are missing. Complete output goes to target/test/*.log; of system tests that fail, the daemons'
# logs and the guests' consoles are kept in system-tests/target/system-tests/, the OpenStack's logs in its directory. The virtual
# hosts and the OpenStack are taken down at the end, also after Ctrl-C; their directories are /var/lib/splitmem-test, or
# $SPLITMEM_DEVSTACK_STATE, and the same with -2 (system tests run in two JVMs, each with hosts of its own) and with -openstack.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SPLITMEM_DEVSTACK_STATE=${SPLITMEM_DEVSTACK_STATE:-/var/lib/splitmem-test}
export SPLITMEM_AIO_STATE=$SPLITMEM_DEVSTACK_STATE-openstack
# shellcheck source=lib.sh
. "$HERE/lib.sh"

OUTPUT=$REPOSITORY/target/test
FUZZ_INPUTS=10000000 # for each parser, with --nightly
HOSTS=5 # as in the system tests' Cluster
SECOND=$SPLITMEM_DEVSTACK_STATE-2 # of the tests' second JVM
PASSED=0 FAILED=0 SKIPPED=0
FAILURES=() # what failed, as the last lines repeat it
CHILD="" # process group of what runs now
declare -A PREPARING=() # pids of what is prepared beside the build

parse() {
  NIGHTLY=no ONLY="" OPENSTACK=yes ROOTS=yes
  while (($#)); do
    case $1 in
      --nightly) NIGHTLY=yes ;;
      --no-openstack) OPENSTACK=no ;;
      --no-roots) ROOTS=no ;;
      --only) ONLY=${2:?--only needs a pattern}; shift ;;
      -h | --help) usage; exit 0 ;;
      *) die "unknown option '$1' (see --help)" ;;
    esac
    shift
  done
}

install_tools() {
  local packages=(gcc libc6-dev make)
  command -v mvn >/dev/null || packages+=(maven)
  command -v javac >/dev/null || packages+=(default-jdk-headless)
  install_packages "${packages[@]}"
  if [[ $NIGHTLY == yes ]]; then
    install_packages clang
    install_packages "libclang-rt-$(clang -dumpversion | cut -d . -f 1)-dev" # its fuzzer and sanitizers
  fi
}

# watched COMMAND...: in a process group of its own, so that a signal is handled at once, and whatever was begun ends with it.
watched() {
  local status=0
  set -m
  "$@" &
  CHILD=$!
  set +m
  wait "$CHILD" || status=$?
  CHILD=""
  return "$status"
}

# step NAME MAVEN-ARGUMENTS...: one run of Maven. Failed tests do not end it; what they are is read from the reports.
step() {
  local name=$1 log=$OUTPUT/$1.log started status=0
  shift
  started=$(now)
  say "== $name: mvn $* (whole output: $log)"
  find "$REPOSITORY" -path '*/target/surefire-reports/*' -delete
  watched maven "$log" "$@" || status=$?
  count "$name" "$status"
  awk '/^\[ERROR\] (Failures|Errors): *$/ { told = 1 } /^\[[A-Z]+\] Tests run:/ { told = 0 } told' "$log" # whole messages
  say "== $name took $(elapsed "$started") s"
}

maven() { # LOG ARGUMENTS...
  local log=$1
  shift
  cd "$REPOSITORY"
  mvn -B -ntp -Dstyle.color=never -Dmaven.test.failure.ignore=true "$@" 2>&1 |
    tee "$log" | grep --line-buffered -E '^\[ERROR\]|^[0-9:]{8} |Tests run:.*(Time|FAIL)' || return "${PIPESTATUS[0]}"
}

# prepare NAME SCRIPT: beside the build, which leaves the machine half idle: packages and databases take minutes.
prepare() {
  "$HERE/$2" prepare >"$OUTPUT/$1-prepare.log" 2>&1 &
  PREPARING[$1]=$!
}

await_prepared() { # NAME
  local job=${PREPARING[$1]:-}
  [[ -n $job ]] || return 0
  unset "PREPARING[$1]"
  wait "$job" || warn "the $1 could not be prepared; it will be tried again (see $OUTPUT/$1-prepare.log)"
}

# Each target gets all of its inputs, unless one fails: a fuzzer that ends early says nothing.
fuzzing_step() {
  local targets whole
  step fuzzing -Dfuzz.runs="$FUZZ_INPUTS" -Dfuzz.jvm= test-compile surefire:test@fuzz
  targets=$(find "$REPOSITORY" -path '*/src/test/java/*FuzzTest.java' | wc -l)
  whole=$(grep -a -c "^Done $FUZZ_INPUTS runs" "$OUTPUT/fuzzing.log" || true)
  if ((whole < targets)); then
    warn "$whole of $targets fuzz targets got $FUZZ_INPUTS inputs: see $OUTPUT/fuzzing.log"
    FAILED=$((FAILED + 1)) FAILURES+=("fuzzing: $((targets - whole)) targets got fewer than $FUZZ_INPUTS inputs")
  fi
}

# The Nova driver's tests, with the distribution's Python and Nova.
nova_driver_step() {
  local log=$OUTPUT/nova-driver.log started status=0
  local report=$REPOSITORY/nova-bridge/target/surefire-reports/TEST-nova-driver.xml
  started=$(now)
  say "== nova-driver: pytest (whole output: $log)"
  install_packages python3-nova python3-libvirt python3-lxml python3-pytest
  find "$REPOSITORY" -path '*/target/surefire-reports/*' -delete
  mkdir -p "$(dirname "$report")"
  (cd "$REPOSITORY" && timeout -k 10 300 /usr/bin/python3 -m pytest -q -p no:cacheprovider --junitxml="$report" nova-bridge/src/test/python) \
    >"$log" 2>&1 || status=$?
  ((status == 0)) || grep -E '^(E  |FAILED|ERROR)' "$log" || true
  count nova-driver "$status"
  say "== nova-driver took $(elapsed "$started") s"
}

# The proofs on a real OpenStack. Its set-up waits for what was built, and shares nothing with the hosts of the other tests.
openstack_step() {
  local log=$OUTPUT/openstack.log started status=0 proofs=()
  local report=$REPOSITORY/nova-bridge/target/surefire-reports/TEST-openstack.xml
  started=$(now)
  if [[ $NIGHTLY == yes ]]; then proofs=(--all); fi
  say "== openstack: aio.sh up; aio.sh prove (whole output: $log; logs of the services: $SPLITMEM_AIO_STATE/log)"
  find "$REPOSITORY" -path '*/target/surefire-reports/*' -delete
  mkdir -p "$(dirname "$report")"
  watched prove "$log" "$report" "${proofs[@]}" || status=$?
  ((status == 0)) || grep -B 12 '^aio.sh:' "$log" || true
  count openstack "$status"
  "$HERE/aio.sh" down
  say "== openstack took $(elapsed "$started") s"
}

prove() { # LOG REPORT ARGUMENTS...
  local log=$1 report=$2
  shift 2
  { "$HERE/aio.sh" up && timeout --foreground -k 60 3000 "$HERE/aio.sh" prove --junit "$report" "$@"; } 2>&1 |
    tee "$log" | grep --line-buffered -E '^(==|--|OpenStack|aio.sh:|installing)' || return "${PIPESTATUS[0]}"
}

# matrix_step NAME SCRIPT ARGUMENTS...
matrix_step() {
  local name=$1 script=$2 log=$OUTPUT/$1.log started status=0
  shift 2
  started=$(now)
  say "== $name: $script $* (whole output: $log)"
  find "$REPOSITORY" -path '*/target/surefire-reports/*' -delete
  watched logged "$log" "$HERE/$script" "$@" || status=$?
  count "$name" "$status"
  say "== $name took $(elapsed "$started") s"
}

logged() { # LOG COMMAND...
  local log=$1
  shift
  "$@" 2>&1 | tee "$log" || return "${PIPESTATUS[0]}"
}

# count NAME STATUS: adds up the reports. A build that failed without a failed test is a failure, too.
count() {
  local name=$1 status=$2 tests failed skipped test
  read -r tests failed skipped < <(test_totals "$REPOSITORY")
  if ((status != 0 && failed == 0)); then
    warn "$name failed, but no test did: see $OUTPUT/$name.log"
    failed=1 tests=$((tests + 1))
    FAILURES+=("$name")
  fi
  while IFS= read -r test; do FAILURES+=("$name: $test"); done < <(failed_tests "$REPOSITORY")
  PASSED=$((PASSED + tests - failed - skipped)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
}

# As far as it goes without a test: so that what cannot be set up is told once, and packages are installed without a time limit.
set_up_hosts() {
  local started
  started=$(now)
  "$HERE/guest/build-guest.sh" "$STATE/guest" >/dev/null
  "$HERE/cluster.sh" up "$HOSTS"
  if [[ -z $ONLY ]]; then
    "$HERE/guest/build-guest.sh" "$SECOND/guest" >/dev/null
    "$HERE/cluster.sh" --state "$SECOND" up "$HOSTS"
  fi
  say "== virtual hosts took $(elapsed "$started") s"
}

take_hosts_down() {
  "$HERE/cluster.sh" down
  "$HERE/cluster.sh" --state "$SECOND" down
}

# The verdict is the last line, whatever happened.
take_down() {
  local status=$? job
  trap '' INT TERM
  trap - EXIT
  if [[ -n $CHILD ]]; then
    kill -TERM -- "-$CHILD" 2>/dev/null || true
    wait "$CHILD" || true
  fi
  for job in "${PREPARING[@]}"; do
    kill "$job" 2>/dev/null || true
    wait "$job" || true
  done
  take_hosts_down || true
  "$HERE/aio.sh" down || true
  if ((status != 0 && FAILED == 0)); then FAILED=1; fi
  if ((${#FAILURES[@]})); then printf 'failed: %s\n' "${FAILURES[@]}"; fi
  say "$PASSED passed, $FAILED failed"
  exit "$status"
}

main() {
  local started checks=(-Dspotless.check.skip -Dcheckstyle.skip -Dfuzz.skip) options=() demos=()
  parse "$@"
  need_root
  started=$(now)
  mkdir -p "$OUTPUT" "$STATE"
  take_lock "$STATE/test.lock"
  trap take_down EXIT
  trap 'exit 130' INT TERM
  install_tools
  take_hosts_down # what a crash left
  "$HERE/aio.sh" down
  if [[ $NIGHTLY == yes ]]; then options+=(-Dsplitmem.nightly=true); fi
  if [[ -n $ONLY ]]; then
    "$HERE/build.sh" >/dev/null
    set_up_hosts
    step chosen-tests -Psystem "${checks[@]}" "${options[@]}" -Dtest="$ONLY" -Dsurefire.failIfNoSpecifiedTests=false package
  else
    if [[ $OPENSTACK == yes ]]; then prepare openstack aio.sh; fi
    if [[ $ROOTS == yes ]]; then prepare roots matrix.sh; prepare novas nova-matrix.sh; fi
    if [[ $NIGHTLY == yes ]]; then
      FUZZ_RUNS=$FUZZ_INPUTS FUZZ_CC=clang step build-and-unit-tests verify # these are for the shim's parsers
    else
      step build-and-unit-tests -T 2 verify
    fi
    if [[ $NIGHTLY == yes ]]; then fuzzing_step; fi
    await_prepared openstack
    nova_driver_step
    if [[ -x $DISTRIBUTION/bin/splitmemd ]]; then
      set_up_hosts
      step root-and-system-tests -Psystem "${checks[@]}" "${options[@]}" '-Dtests.groups=root | system' package
      take_hosts_down # what follows needs the memory
      await_prepared roots
      await_prepared novas
      if [[ $ROOTS == yes ]]; then
        matrix_step nova-matrix nova-matrix.sh run
        if [[ $NIGHTLY == yes ]]; then demos=(--demos); fi
        matrix_step matrix matrix.sh run "${demos[@]}"
      fi
      if [[ $ROOTS == yes && $NIGHTLY == yes ]]; then matrix_step jdks matrix.sh jdk; fi
      if [[ $OPENSTACK == yes ]]; then openstack_step; fi
      if [[ $OPENSTACK == yes && $ROOTS == yes && $NIGHTLY == yes ]]; then matrix_step newest-openstack matrix.sh openstack; fi
    fi
  fi
  say "== all of it took $(elapsed "$started") s"
  if ((SKIPPED)); then say "== $SKIPPED skipped"; fi
  ((FAILED == 0))
}

main "$@"
