# shellcheck shell=bash
# Processes that the cluster starts: each has a record (pid, start time, boot) so that a recycled pid is never mistaken for it.

RUN=$STATE/run

# process_start PID: the start time in ticks since boot (field 22 of stat); fails if the process is gone or a zombie.
process_start() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }" # the command name before it may contain blanks and parentheses
  [[ ${fields[0]} != Z ]] || return 1
  printf '%s\n' "${fields[19]}"
}

boot_id() { cat /proc/sys/kernel/random/boot_id; }

# running_pid RECORD: prints the pid if exactly the recorded process still runs.
running_pid() {
  local pid start boot
  { read -r pid start boot <"$RUN/$1"; } 2>/dev/null || return 1
  [[ $boot == "$(boot_id)" && $(process_start "$pid") == "$start" ]] || return 1
  printf '%s\n' "$pid"
}

is_running() { running_pid "$1" >/dev/null; }

# start_process RECORD LOG COMMAND...: detached, in a session of its own. COMMAND must exec, not fork, or the record is wrong.
start_process() {
  local record=$1 log=$2 pid start
  shift 2
  (
    close_inherited_descriptors
    exec setsid "$@"
  ) </dev/null >>"$log" 2>&1 &
  pid=$!
  start=$(process_start "$pid") || die "$record ended at once, see $log"
  printf '%s %s %s\n' "$pid" "$start" "$(boot_id)" >"$RUN/$record"
}

# stop_process RECORD LIMIT_SECONDS [SIGNAL]: signals the recorded process (TERM), kills it after the limit, forgets it.
stop_process() {
  local record=$1 limit=$2 signal=${3:-TERM} pid
  if pid=$(running_pid "$record"); then
    kill -s "$signal" "$pid" 2>/dev/null || true
    if ! wait_for "$limit" "$record (pid $pid) to stop" is_stopped "$record"; then
      kill -s KILL "$pid" 2>/dev/null || true
      wait_for 5 "$record (pid $pid) to die" is_stopped "$record" || return 1
    fi
  fi
  rm -f "$RUN/$record"
}

is_stopped() { ! is_running "$1"; }
