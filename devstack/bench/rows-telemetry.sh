# shellcheck shell=bash
# What it costs a paging guest that its host is asked how it goes.

TELEMETRY_SLICE_S=20
TELEMETRY_DEFAULT_MS=10000 # nova-bridge's telemetry.interval-seconds
TELEMETRY_OFTEN_MS=1000
POLLERS=()

# The same guest pages all the time; what asks its host comes and goes: none, default, none, often, none, ... Each slice with
# telemetry is compared with the mean of the two without around it, and, as a measure of what chance does, so are those without.
# Both hosts have a CPU for themselves, as in the row latency; who asks is on the sub-host's.
row_telemetry() {
  set -e
  local turn turns=$((RUNS * 2))
  warm_up
  next_guest telemetry
  boot_split_ready "$GUEST" "$MEMORY" "idle=1 sweep=200"
  sleep 1
  half_split "$GUEST"
  place_hosts apart "$GUEST"
  ask_daemon 20 # a daemon of a cloud has been asked before
  sleep 30
  stop_asking
  for ((turn = 0; turn < turns; turn++)); do
    telemetry_slice none 0
    telemetry_slice default "$TELEMETRY_DEFAULT_MS"
    telemetry_slice none 0
    telemetry_slice often "$TELEMETRY_OFTEN_MS"
  done
  telemetry_slice none 0
  [[ $(bad_pages "$GUEST") == 0 ]] || die "$GUEST found corrupt pages"
  destroy "$GUEST" h2
  place_hosts free
  telemetry_results p50 "<= 1.01"
  telemetry_results p99 "<= 1.01"
  result "CPU time of splitmemd for telemetry every $(telemetry_seconds often) s, ms a second" "-" "$(series telemetry.often.cpu | median)" report \
    "$(series telemetry.often.cpu | spread 2) ms for one GET /v1/vms and one GET /metrics, one VM; every $(telemetry_seconds default) s: $(series telemetry.default.cpu | spread 2) ms a second"
}

# Two clients, each on a connection that it keeps: nova-bridge's of all VMs, and Prometheus.
ask_daemon() { # PAUSE_MS
  local path
  POLLERS=()
  for path in /v1/vms /metrics; do
    (exec "$CLUSTER" exec h1 taskset -c "$CPU_OF_SUB" "$NETBENCH" poll "$PEER.2" 7779 "$path" /etc/splitmem/cluster.key "$1") &
    POLLERS+=($!)
  done
}

# Fails if one has ended by itself, so that nothing was asked.
stop_asking() {
  local pid
  for pid in "${POLLERS[@]}"; do
    kill "$pid" || die "the telemetry's client ended"
    wait "$pid" 2>/dev/null || true
  done
  POLLERS=()
}

telemetry_slice() { # SETTING PAUSE_MS
  local before after values name pid cpu
  pid=$(daemon_pid h2)
  if (($2)); then ask_daemon "$2"; fi
  sleep 5
  before=$(vm_info h2 "$GUEST")
  cpu=$(asked_cpu_ms "$pid")
  sleep "$TELEMETRY_SLICE_S"
  sample "telemetry.$1.cpu" "$(calculate "($(asked_cpu_ms "$pid") - $cpu) / $TELEMETRY_SLICE_S")"
  after=$(vm_info h2 "$GUEST")
  stop_asking
  values=$(latency_between "$before" "$after")
  say "   telemetry $1: page-ins, mean, p50, p99: $values us"
  read -ra values <<<"$values"
  for name in count mean p50 p99; do
    sample "telemetry.$1.$name" "${values[0]}"
    values=("${values[@]:1}")
  done
}

# CPU time of the threads that answer requests; nobody else asks this daemon.
asked_cpu_ms() { # DAEMON
  local task ns total=0
  for task in "/proc/$1/task/"*; do
    if [[ $(cat "$task/comm" 2>/dev/null) == control-* ]]; then
      read -r ns _ <"$task/schedstat"
      total=$((total + ns))
    fi
  done
  calculate "$total / 1e6"
}

# latency_between BEFORE AFTER: prints "count mean p50 p99" of the page-ins between two readings. The mean is exact; within a bucket
# the others assume that the logarithms are spread evenly.
latency_between() {
  jq -n -r --argjson a "$1" --argjson b "$2" '
    ($a.pageInHistogram // {}) as $x | $b.pageInHistogram as $y
    | ($y.count - $x.count), ($y.sumUs - $x.sumUs),
      (range($y.buckets | length) as $i | "\($y.buckets[$i].leUs) \($y.buckets[$i].count - $x.buckets[$i].count)")' |
    awk 'function quantile(q,  i, rank, low) {
           rank = q * count
           for (i = 1; i < n && upto[i] < rank; i++) { }
           low = i > 1 ? bound[i - 1] : bound[1] / 2
           return low * (bound[i] / low) ^ ((rank - upto[i - 1]) / (upto[i] - upto[i - 1]))
         }
         NR == 1 { count = $1; next }
         NR == 2 { sum = $1; next }
         { n++; bound[n] = $1; upto[n] = $2 }
         END { if (count < 500) exit 1; printf "%d %.3f %.3f %.3f\n", count, sum / count, quantile(.5), quantile(.99) }' ||
    die "fewer than 500 page-ins: nothing was measured"
}

# neighbour_ratios SETTING QUANTITY: each slice of the setting by the mean of the slices without telemetry before and after it.
# Slices without are numbered from 0; default lies between 0 and 1, 2 and 3, ...; often between 1 and 2, 3 and 4, ...
neighbour_ratios() {
  awk -v setting="$1" 'NR == FNR { none[n++] = $1; next }
      { i = setting == "default" ? 2 * k : setting == "often" ? 2 * k + 1 : k - 1
        k++
        after = i + (setting == "none" ? 2 : 1)
        if (i >= 0 && after < n) print $1 / ((none[i] + none[after]) / 2) }' \
    "$WORK/series.telemetry.none.$2" "$WORK/series.telemetry.$1.$2"
}

telemetry_results() { # QUANTITY TARGET
  local setting chance
  chance=$(neighbour_ratios none "$1" | spread 3)
  for setting in default often; do
    result "page-in latency, $1, telemetry every $(telemetry_seconds "$setting") s" "no telemetry, in turns" \
      "$(neighbour_ratios "$setting" "$1" | median)" "$2" \
      "ratios of $(neighbour_ratios "$setting" "$1" | wc -l) turns: $(neighbour_ratios "$setting" "$1" | spread 3); none against none in the same way: $chance; $(series "telemetry.$setting.$1" | spread) us against $(series "telemetry.none.$1" | spread) us; mean: $(series "telemetry.$setting.mean" | spread) us against $(series "telemetry.none.mean" | spread) us" \
      "if none against none strays as far, it is chance"
  done
}

telemetry_seconds() { if [[ $1 == default ]]; then echo $((TELEMETRY_DEFAULT_MS / 1000)); else echo $((TELEMETRY_OFTEN_MS / 1000)); fi; }
