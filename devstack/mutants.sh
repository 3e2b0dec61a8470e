#!/usr/bin/env bash
# Shows that the tests of faults can fail: takes away the code that handles a fault, and runs the test that has to notice it.
#
# usage: mutants.sh [--only PATTERN] [--list] [--why] [--keep]
#   Each devstack/mutants/NAME.patch is one mutation; its head says what the fault is, what it removes, and which test must fail.
#   In a copy of the tree the tests are run as they are, and have to pass. Then mutation by mutation is applied, built, its test
#   run, and undone. A line each:
#       killed NAME by TEST (SECONDS s)     "at its time limit" is added where the test was ended because nothing came
#       SURVIVED NAME                       the test does not notice
#       ERROR NAME: ...                     it does not apply or compile any more, or the test could not begin
#   Exit code 0 only if all are killed.
#
#   --only PATTERN   mutations of which the name matches: sub-host-dies, 'abort-*'
#   --list           only say what there is
#   --why            say also with which words each test failed
#   --keep           leave the copy, so that the next run need not build everything again
#
# Needs root, for virtual hosts and userfaultfd, and what an earlier test.sh or mvn verify has installed and downloaded. All it
# writes, logs too, is below /var/lib/splitmem-mutants, or $SPLITMEM_DEVSTACK_STATE; hosts of other clusters are not touched.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SPLITMEM_DEVSTACK_STATE=${SPLITMEM_DEVSTACK_STATE:-/var/lib/splitmem-mutants}
unset SPLITMEM_DISTRIBUTION # the mutated one is to be tested
# shellcheck source=lib.sh
. "$HERE/lib.sh"

MUTANTS=$HERE/mutants
# In which tests may be named; in this order they are run without a mutation.
MODULES=(events cli libvirt-hooks memory-service nova-bridge system-tests)
COPY=$STATE/tree
OUTPUT=$STATE/mutants
# A test that waits for ever is ended; the second limit is for a whole run of Maven with it.
UNIT_LIMIT_S=60 SYSTEM_LIMIT_S=120
RUN_LIMIT_S=900
ONLY="*" LIST=no WHY=no KEEP=no
KILLED=0 SURVIVED=0 ERRORS=0
CHILD=""

parse() {
  while (($#)); do
    case $1 in
      --only) ONLY=${2:?--only needs a pattern}; shift ;;
      --list) LIST=yes ;;
      --why) WHY=yes ;;
      --keep) KEEP=yes ;;
      -h | --help) usage; exit 0 ;;
      *) die "unknown option '$1' (see --help)" ;;
    esac
    shift
  done
}

# ---- what a patch says

patch_of() { printf '%s\n' "$MUTANTS/$1.patch"; }

field() { # NAME FIELD: fault, removed, or test
  sed -n "/^---/q; s/^$2: *//p" "$(patch_of "$1")"
}

module_of() { field "$1" test | cut -d ' ' -f 1; }
test_of() { field "$1" test | cut -d ' ' -f 2; }

check_head() {
  local key
  for key in fault removed test; do
    [[ -n $(field "$1" "$key") ]] || die "$(patch_of "$1") has no line \"$key: ...\""
  done
  [[ $(field "$1" test) =~ ^[a-z-]+\ [A-Za-z]+#[A-Za-z]+$ && " ${MODULES[*]} " == *" $(module_of "$1") "* ]] ||
    die "$(patch_of "$1"): \"test:\" is like \"memory-service FrameSocketTest#aWrongChecksumIsRefused\", in one of ${MODULES[*]}"
}

chosen() { # names, one a line
  local file name
  for file in "$MUTANTS"/*.patch; do
    name=$(basename "$file" .patch)
    # A pattern, not a string.
    # shellcheck disable=SC2053
    if [[ $name == $ONLY ]]; then printf '%s\n' "$name"; fi
  done
}

list() {
  local name
  for name in "$@"; do
    printf '%s\n    fault:   %s\n    removed: %s\n    test:    %s\n' "$name" "$(field "$name" fault)" "$(field "$name" removed)" \
      "$(test_of "$name")"
  done
}

# ---- the copy

# Without what was built; what an earlier run built in the copy stays. Files that mutations change count as new: a run that was
# ended in the middle may have left classes of a mutation, newer than their sources.
copy_tree() {
  mkdir -p "$COPY"
  find "$COPY" -name target -prune -o -type f -print0 | xargs -0 -r rm -f
  tar -C "$REPOSITORY" --exclude=./.git --exclude=target -cf - . | tar -C "$COPY" -xf -
  sed -n 's,^+++ b/,,p' "$MUTANTS"/*.patch | sort -u | (cd "$COPY" && xargs -r touch -c)
}

apply() { # NAME [-R]
  patch -d "$COPY" -p1 --batch --fuzz=0 --silent "${@:2}" <"$(patch_of "$1")" >>"$OUTPUT/$1.log" 2>&1
}

# ---- tests

# maven MODULE TESTS PHASE LOG: what is mutated may well look wrong to the checkers, and is not to be looked at by them.
maven() {
  local limit=$UNIT_LIMIT_S status=0
  if [[ $1 == system-tests ]]; then limit=$SYSTEM_LIMIT_S; fi
  find "$COPY" -path '*/target/surefire-reports/*' -delete
  # In the background, since a trap waits for a command in the foreground.
  (cd "$COPY" && exec timeout --kill-after=10 "$RUN_LIMIT_S" mvn -o -B -Dstyle.color=never -Psystem -pl "$1" -am \
    -Dspotless.check.skip -Dcheckstyle.skip -Derrorprone.args=-XepDisableAllChecks -Dnullaway.args=-Xep:NullAway:OFF \
    "-Dtest=$2" -Dsurefire.failIfNoSpecifiedTests=false "-Djunit.jupiter.execution.timeout.default=$limit s" \
    -Djunit.jupiter.execution.timeout.thread.mode.default=SEPARATE_THREAD "$3") >>"$4" 2>&1 &
  CHILD=$!
  wait "$CHILD" || status=$?
  CHILD=""
  return "$status"
}

run_tests() { # MODULE TESTS LOG
  if [[ $1 == system-tests ]]; then
    "$HERE/cluster.sh" down >/dev/null # what a test left that was ended
    maven "$1" "$2" package "$3"       # the daemons on the hosts run what is packaged
  else
    maven "$1" "$2" test "$3"
  fi
}

# Without this a test that always fails would kill everything.
check_unmutated() {
  local module name tests status started wanted total failed skipped log=$OUTPUT/unmutated.log
  for module in "${MODULES[@]}"; do
    tests=""
    for name in "$@"; do
      if [[ $(module_of "$name") == "$module" ]]; then tests+="$(test_of "$name")"$'\n'; fi
    done
    [[ -n $tests ]] || continue
    tests=$(sort -u <<<"${tests%$'\n'}")
    wanted=$(wc -l <<<"$tests")
    started=$(now) status=0
    run_tests "$module" "$(paste -s -d , <<<"$tests")" "$log" || status=$?
    read -r total failed skipped < <(test_totals "$COPY")
    ((status == 0 && failed == 0 && skipped == 0 && total >= wanted)) ||
      die "without any mutation $total of $wanted tests ran, $failed failed, $skipped were skipped: see $log"
    say "unmutated $module: $wanted tests pass ($(elapsed "$started") s)"
  done
}

# reason: with which words the test failed, on one line.
reason() {
  find "$COPY" -path '*/target/surefire-reports/TEST-*.xml' -exec grep -h -m 1 -oE '<(failure|error)( message="[^"]*")?' {} + |
    head -n 1 | sed -E 's/^<(failure|error)( message="(.*)")?/\3/; s/&#10;/ /g; s/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' |
    tr -s '[:space:]' ' ' | sed 's/^ //' | cut -c 1-200
}

error() { # NAME WHAT
  ERRORS=$((ERRORS + 1))
  say "ERROR $1: $2"
}

mutate() { # NAME
  local name=$1 started log=$OUTPUT/$1.log status=0
  : >"$log"
  started=$(now)
  if ! apply "$name" --dry-run; then
    error "$name" "the patch does not apply any more: see $log"
    return
  fi
  apply "$name"
  run_tests "$(module_of "$name")" "$(test_of "$name")" "$log" || status=$?
  judge "$name" "$status" "$(elapsed "$started")"
  apply "$name" -R
}

judge() { # NAME STATUS SECONDS
  local name=$1 status=$2 log=$OUTPUT/$1.log total failed skipped why note=""
  read -r total failed skipped < <(test_totals "$COPY")
  why=$(reason || true) # none if all passed
  if [[ $why == *"timed out after"* ]]; then note=", at its time limit"; fi
  if ((status == 124 && total == 0)) && grep -q '^\[INFO\] Running ' "$log"; then
    total=1 failed=1 note=", at its time limit"
  fi
  if ((total == 0 || total == skipped)); then
    error "$name" "its test did not run ($(grep -q 'COMPILATION ERROR' "$log" && echo 'it does not compile' || echo 'why not?')): see $log"
  elif [[ $why == *ParameterResolutionException* || $why == *"Failed to resolve parameter"* ]]; then
    error "$name" "its test could not begin: see $log"
  elif ((failed == 0)); then
    SURVIVED=$((SURVIVED + 1))
    say "SURVIVED $name: $(test_of "$name") does not notice ($3 s)"
  else
    KILLED=$((KILLED + 1))
    say "killed $name by $(test_of "$name") ($3 s$note)"
    if [[ $WHY == yes ]]; then say "    ${why:-no words}"; fi
  fi
}

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  if [[ -n $CHILD ]]; then
    kill "$CHILD" 2>/dev/null || true
    wait "$CHILD" 2>/dev/null || true
  fi
  "$HERE/cluster.sh" down >/dev/null || true
  if [[ $KEEP == no ]]; then rm -rf --one-file-system "${COPY:?}"; fi
  exit "$status"
}

main() {
  local names name
  parse "$@"
  mapfile -t names < <(chosen)
  ((${#names[@]})) || die "no mutation matches '$ONLY' (see --list)"
  for name in "${names[@]}"; do check_head "$name"; done
  if [[ $LIST == yes ]]; then list "${names[@]}"; return 0; fi
  need_root
  mkdir -p "$OUTPUT"
  take_lock "$STATE/mutants.lock"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  install_packages patch
  rm -f "$OUTPUT"/*.log
  copy_tree
  check_unmutated "${names[@]}"
  for name in "${names[@]}"; do mutate "$name"; done
  say "$KILLED killed, $SURVIVED survived, $ERRORS errors; whole output: $OUTPUT"
  ((SURVIVED + ERRORS == 0))
}

main "$@"
