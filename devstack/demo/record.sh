# shellcheck shell=bash
# Records a run while it goes on, into $WORK: every line of the guest's console and each host's memory, with the time of this machine.

RECORDERS=()

# record_console: stamps the console's lines as they arrive; "1795235771.251374 T 6.35 ops/s ...".
record_console() {
  local lines
  : >"$WORK/console.log"
  # tail wakes up at once when QEMU writes (inotify); it must not outlive a demo that was killed.
  exec {lines}< <(exec tail -n +1 -F --pid=$$ "$WORK/console.log" 2>/dev/null)
  RECORDERS+=($!)
  stamp_lines <&"$lines" >"$WORK/console.stamped" &
  RECORDERS+=($!)
  exec {lines}<&-
}

stamp_lines() {
  local line
  while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "${line%$'\r'}"; done
}

# record_memory HOST: twice a second the bytes of guest memory that the host holds, whether as RAM of a guest or as a lender:
# "1795235771.251374 h1 1073741824". Its tmpfs tells, at next to no cost; a JVM twice a second would disturb what is measured.
record_memory() {
  # shellcheck disable=SC2016 # expands in the host
  in_cluster exec "$1" bash -c '
    while kill -0 "$1" 2>/dev/null; do
      read -r blocks free size < <(stat -f -c "%b %f %S" /var/lib/splitmem/mem)
      printf "%s %s %s\n" "$EPOCHREALTIME" "$2" "$(((blocks - free) * size))"
      sleep 0.5
    done' bash $$ "$1" >"$WORK/memory.$1" 2>/dev/null &
  RECORDERS+=($!)
}

# record_whole HOST: writes into $WORK/whole when the guest was first seen there with all its memory. Asked without a JVM, five times a second.
record_whole() {
  : >"$WORK/whole"
  # shellcheck disable=SC2016 # expands in the host
  in_cluster exec "$1" bash -c '
    while kill -0 "$1" 2>/dev/null; do
      if curl -fsS --unix-socket /run/splitmem/splitmemd.sock "http://localhost/v1/vms/$2" | grep -q "\"state\":\"LOCAL\""; then
        printf "%s\n" "$EPOCHREALTIME"
        break
      fi
      sleep 0.2
    done' bash $$ "$GUEST" >"$WORK/whole" 2>/dev/null
}

stop_recorders() {
  local pid
  for pid in "${RECORDERS[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${RECORDERS[@]}"; do wait "$pid" 2>/dev/null || true; done
  RECORDERS=()
}

# ---- what the console says

# reported NAME: one number of the guest's newest report, 0 before the first.
reported() {
  local value
  value=$(guest_value "$WORK/console.log" "$1") || true
  printf '%s\n' "${value:-0}"
}

console_silent_for() { # SECONDS: has the guest written nothing for so long?
  (($(date +%s) - $(stat -c %Y "$WORK/console.log") > $1))
}

guest_runs_on() { [[ $(virsh_on "$1" domstate "$GUEST" 2>/dev/null) == running* ]]; }
