# shellcheck shell=bash
# shellcheck disable=SC2034 # for demo.sh
# The demo on virtual hosts with libvirt alone.

TOOL=cluster.sh SOURCE=h1 TARGET=h2 GUEST=demo
CLUSTER_STATE=$STATE STATE_SETTING="SPLITMEM_DEVSTACK_STATE=$STATE"
MEMORY_OF_A_HOST=350 FURTHER_MEMORY=0 # MiB
ALL_HOSTS=$((HOSTS + 1)) NEXT=h$((HOSTS + 1)) # to which the split VM moves on

boot_guest() {
  local options=(--name "$GUEST" --memory "$MEMORY" --serial "$WORK/console.log" --workload "hot=0.1 sweep=$SWEEP_SECONDS")
  [[ -z $KERNEL ]] || options+=(--kernel "$KERNEL")
  [[ -z $INITRD ]] || options+=(--initrd "$INITRD")
  [[ -z $CMDLINE ]] || options+=(--cmdline "$CMDLINE")
  "$HERE/guest/domain.sh" "${options[@]}" --split-ready >"$WORK/domain.xml"
  record_console
  virsh_on "$SOURCE" -q create "$WORK/domain.xml"
  wait_for_guest
}

migrate() {
  local host options=(--to "$TARGET" --budget "$BUDGET")
  for ((host = 3; host <= HOSTS; host++)); do options+=(--sub-host "h$host"); done
  say "splitmem migrate $GUEST ${options[*]}"
  in_cluster exec "$SOURCE" splitmem migrate "$GUEST" "${options[@]}"
}

# The split VM's main host changes, and nothing else; then all of it goes to a host that has nothing of it.
move_on() {
  step "moving its main host on to $NEXT: its sub-hosts keep what they have"
  move partial "$NEXT"
  await_verification 1
  step "gathering it on $SOURCE"
  move gather "$SOURCE" --gather
  await_verification 1
}

# move KIND HOST [OPTIONS of splitmem migrate]: notes in $WORK/moves the kind, and when the VM was whole, or nothing.
move() {
  local kind=$1 from=$MAIN to=$2 whole="" watcher=""
  shift 2
  if [[ $kind == gather ]]; then
    record_whole "$to" &
    watcher=$!
    RECORDERS+=("$watcher")
  fi
  say "splitmem migrate $GUEST --to $to${*:+ $*}"
  in_cluster exec "$from" splitmem migrate "$GUEST" --to "$to" "$@"
  MAIN=$to
  if [[ -n $watcher ]]; then
    await_whole "$watcher"
    whole=$(<"$WORK/whole")
  fi
  in_cluster exec "$from" splitmem --json migrations >"$WORK/moves.$kind.migrations"
  in_cluster exec "$to" splitmem --json show "$GUEST" >"$WORK/moves.$kind.vm"
  printf '%s %s\n' "$kind" "$whole" >>"$WORK/moves"
}

await_whole() { # PID of record_whole
  local deadline=$((SECONDS + PATIENCE_SECONDS))
  while kill -0 "$1" 2>/dev/null; do
    ((SECONDS < deadline)) || guest_failed "not all of the guest is on $MAIN after $PATIENCE_SECONDS s"
    show_guest "$MAIN" ", what its sub-hosts have is coming"
    sleep 0.2
  done
  end_of_show
  [[ -s $WORK/whole ]] || guest_failed "it could not be seen whether all of the guest is on $MAIN"
}

tell_more() { :; }
