# shellcheck shell=bash
# Numbers, and the files they end up in. A result is a line of $WORK/results: fields separated by tabs.

# median: of the numbers on standard input, one a line.
median() { sort -g | awk '{ v[NR] = $1 } END { if (!NR) exit 1; printf "%.6g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# spread: "median (least to most)" of the numbers on standard input, with the given number of decimals.
spread() { # [DECIMALS]
  sort -g | awk -v d="${1:-1}" '{ v[NR] = $1 } END { if (!NR) exit 1
    m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
    if (NR == 1) printf "%.*f", d, m; else printf "%.*f (%.*f to %.*f)", d, m, d, v[1], d, v[NR] }'
}

calculate() { awk "BEGIN { printf \"%.6g\n\", $1 }"; }

# ratio NAME AGAINST: of the medians of two series, see sample.
ratio() { calculate "$(series "$1" | median) / $(series "$2" | median)"; }

# paired_ratio NAME AGAINST: median of the ratios of the first samples of each, the second ones, ... For what was measured in
# turns: what slows the machine down for a while then slows both.
paired_ratio() { paste "$WORK/series.$1" "$WORK/series.$2" | awk '{ print $1 / $2 }' | median; }

# sample NAME NUMBER: adds to a series; series NAME prints it.
sample() { printf '%s\n' "$2" >>"$WORK/series.$1"; }
series() { cat "$WORK/series.$1" 2>/dev/null; }
has_series() { [[ -s $WORK/series.$1 ]]; }

# result MEASURE AGAINST VALUE "<= 1.0"|report DETAIL [WHY]: DETAIL is what the value was made of; WHY is what is known to keep it
# from its target, and said only if it does.
result() {
  local measure=$1 against=$2 value target=$4 detail=$5 met=-
  value=$(awk -v v="$3" 'BEGIN { printf "%.3g", v }')
  if [[ $target != report ]]; then
    met=$(awk -v v="$value" -v t="${target#* }" -v op="${target%% *}" 'BEGIN { print (op == "<=" ? v <= t : v >= t) ? "yes" : "no" }')
  fi
  if [[ $met == no ]]; then detail+="${6:+. Not met: $6}"; fi
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$measure" "$against" "$value" "$target" "$met" "$detail" >>"$WORK/results"
  say "   $measure / $against: $value (target $target, met: $met)  $detail"
}

# not_measured MEASURE AGAINST TARGET WHY: a row that could not be measured here, as was to be expected.
not_measured() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" - "$3" - "not measured: $4" >>"$WORK/results"
  say "   $1: not measured: $4"
}

record_failure() { # ROW REASON
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(row_title "$1")" - - - no "not measured: $2" >>"$WORK/results"
}

row_title() {
  local row
  for row in "${ROWS[@]}"; do
    if [[ ${row%%:*} == "$1" ]]; then printf '%s\n' "${row#*:}"; fi
  done
}

describe_machine() {
  cat <<END
| | |
|---|---|
| CPU | $(lscpu | sed -n 's/^Model name: *//p'), $(nproc) cores$(lscpu | sed -n 's/^Hypervisor vendor: *\(.*\)/, itself a virtual machine (\1)/p') |
| memory | $(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo) |
| kernel | $(uname -r) |
| QEMU | $(qemu-system-x86_64 --version | head -n 1 | sed 's/.*version //'), emulated CPU (TCG): no hardware virtualization is used |
| libvirt | $(virsh --version) |
| JDK | $("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 2p) |
| hosts | three network namespaces of this machine, linked by veth pairs and a bridge; they share its cores |
| guest | $MEMORY MiB unless said otherwise, 1 vCPU; idle: one hundred pages touched a second; busy: $BUSY |
| splitmem | half of the RAM on the main host h2, the rest on the sub-host h3; default settings |
| load average before | $LOAD_BEFORE |
| date | $(date -u '+%Y-%m-%d %H:%M UTC') |
END
}

write_results() { # MARKDOWN JSON COMMAND
  mkdir -p "$(dirname "$1")" "$(dirname "$2")"
  {
    cat <<END
# Benchmarks

Written by \`$3\` (each measurement $RUNS times; values are of the medians, in brackets are the least and the most).
Each value is the measure divided by what it stands against, both measured in this one run on the same guest and machine.

$(describe_machine)

END
    printf '| measure | against | value | target | met |\n|---|---|---|---|---|\n'
    awk -F '\t' '{ printf "| %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5 }' "$WORK/results"
    printf '\n## What the values are made of\n\n'
    awk -F '\t' '{ printf "- **%s**, against %s: %s.\n", $1, $2, $6 }' "$WORK/results"
    printf '\n'
    cat "$HERE/bench/method.md"
  } >"$1"
  jq -R -n '[inputs | split("\t") | {
      measure: (.[0] + if .[1] == "-" then "" else ", against " + .[1] end),
      value: (.[2] | tonumber? // null), target: .[3],
      met: (if .[4] == "yes" then true elif .[4] == "no" then false else null end), detail: .[5]}]' <"$WORK/results" >"$2"
}
