# shellcheck shell=bash
# shellcheck disable=SC2034 # for demo.sh
# The demo on virtual hosts with libvirt alone.

TOOL=cluster.sh SOURCE=h1 TARGET=h2 GUEST=demo
CLUSTER_STATE=$STATE STATE_SETTING="SPLITMEM_DEVSTACK_STATE=$STATE"
MEMORY_OF_A_HOST=350 FURTHER_MEMORY=0 # MiB

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

tell_more() { :; }
