# shellcheck shell=bash
# Rows about nova-bridge. They need no guest.

BRIDGE_TESTS=$REPOSITORY/nova-bridge/src/test/java
BRIDGE_CLASSES=$STATE/bench-tools/bridge
BRIDGE_CONF=${SPLITMEM_BENCH_BRIDGE_CONF:-}
BRIDGE_ADDS=${SPLITMEM_BENCH_BRIDGE_ADDS:-}
BRIDGE_EXEC=() # what runs bridge_java's programs

# bridge_java CLASS ARGS...: a program of nova-bridge's tests, with the built nova-bridge.
bridge_java() {
  local class=org.splitmem.bridge.$1 java=${JAVA_HOME:+$JAVA_HOME/bin/}
  shift
  mkdir -p "$BRIDGE_CLASSES"
  printf '<configuration><root level="WARN"/></configuration>\n' >"$BRIDGE_CLASSES/quiet.xml"
  "${java}javac" -proc:none -d "$BRIDGE_CLASSES" -cp "$DISTRIBUTION/lib-bridge/*" -sourcepath "$BRIDGE_TESTS" \
    "$BRIDGE_TESTS/${class//.//}.java"
  "${BRIDGE_EXEC[@]}" "${java}java" -XX:+UseSerialGC -Dlogback.configurationFile="$BRIDGE_CLASSES/quiet.xml" \
    -cp "$BRIDGE_CLASSES:$DISTRIBUTION/lib-bridge/*" "$class" "$@"
}

row_planning() {
  set -e
  local run line hosts=1000 plans=2000
  for ((run = 0; run < RUNS; run++)); do
    line=$(bridge_java plan.PlannerBenchmark "$hosts" "$plans")
    say "   $line"
    sample planning.p50 "$(sed 's/.* p50 \([0-9.]*\) ms.*/\1/' <<<"$line")"
    sample planning.p99 "$(sed 's/.* p99 \([0-9.]*\) ms.*/\1/' <<<"$line")"
    sample planning.max "$(sed 's/.* max \([0-9.]*\) ms.*/\1/' <<<"$line")"
  done
  result "planning time at 1,000 hosts, p99, ms" "-" "$(series planning.p99 | median)" "<= 50" \
    "p50 $(series planning.p50 | spread 2) ms, p99 $(series planning.p99 | spread 2) ms, longest $(series planning.max | spread 0) ms of $plans plans, the first ones of the JVM included" \
    "when other programs take the CPUs the longest plans wait for them"
}

row_booking() {
  set -e
  local vms=100 reports=$WORK/booking.json where="a Placement in memory, one of three writes collides"
  if [[ -n $BRIDGE_CONF ]]; then
    where="a real Placement"
    read -ra BRIDGE_EXEC <<<"${SPLITMEM_BENCH_BRIDGE_EXEC:-}"
  fi
  bridge_java BookingsBenchmark "$RUNS" "$vms" ${BRIDGE_CONF:+"$BRIDGE_CONF"} >"$reports"
  sed 's/^/   /' "$reports"
  where+="; $(jq -s -r '"\(.[0].hosts) hosts, room for \(.[0].room) of \(.[0].vms), booked \(map(.booked) | unique | map(tostring) | join(" or "))"' "$reports")"
  result "$vms reservations at once, MB overbooked" "-" "$(jq .overbookedMb "$reports" | sort -g | tail -n 1)" "<= 0" "$where"
  result "$vms reservations at once, VMs with a part of theirs, or not what they were told" "-" \
    "$(jq .untrue "$reports" | sort -g | tail -n 1)" "<= 0" "$where"
  result "$vms reservations at once, s until all have an answer" "-" "$(jq .seconds "$reports" | median)" report \
    "$(jq .seconds "$reports" | spread 2) s, for the median one $(jq .p50Ms "$reports" | spread 0) ms; $where"
}

# Can be measured on an OpenStack only; whoever has done so gives the numbers.
row_bridge() {
  set -e
  local measure="what nova-bridge adds to a migration, s"
  if [[ -z $BRIDGE_ADDS ]]; then
    not_measured "$measure" "-" "<= 1" "needs an OpenStack with nova-bridge (devstack/aio.sh); see SPLITMEM_BENCH_BRIDGE_ADDS"
    return 0
  fi
  grep -E '^[0-9.]+$' "$BRIDGE_ADDS" >"$WORK/series.bridge" || die "$BRIDGE_ADDS has no line that is a number of seconds"
  result "$measure" "-" "$(series bridge | median)" "<= 1" \
    "$(series bridge | spread 2) s, $(series bridge | wc -l) migrations, measured on an OpenStack"
}
