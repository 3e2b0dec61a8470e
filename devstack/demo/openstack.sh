# shellcheck shell=bash
# shellcheck disable=SC2034 # for demo.sh
# The demo on a small real OpenStack: Nova migrates, and what it asks of nova-bridge is seen in Placement and Kafka.

TOOL=aio.sh SOURCE=host1 TARGET=host2 GUEST="" # the server's id, once there is one
export SPLITMEM_AIO_STATE=$STATE-openstack SPLITMEM_AIO_WORKLOAD="hot=0.1 sweep=$SWEEP_SECONDS" SPLITMEM_AIO_HOST_MEMORY=$((MEMORY * 2))
CLUSTER_STATE=$SPLITMEM_AIO_STATE STATE_SETTING="SPLITMEM_AIO_STATE=$SPLITMEM_AIO_STATE"
MEMORY_OF_A_HOST=700 FURTHER_MEMORY=3500 # MiB
FLAVOR=x1.demo
OTHERS=00000000-0000-4000-8000-000000000000 # consumer of what is not free on the destination

openstack() { in_cluster openstack "$@"; }

boot_guest() {
  openstack flavor create "$FLAVOR" --ram "$MEMORY" --vcpus 1 --disk 1 \
    --property splitmem:enabled=true --property resources:MEMORY_MB="$BUDGET_MIB" -f value -c properties
  GUEST=$(openstack server create demo --flavor "$FLAVOR" --image splitmem-guest --nic none --host "$SOURCE" --wait -f value -c id |
    grep -E '^[0-9a-f-]{36}$') || guest_failed "Nova has not started the server"
  : >"$WORK/console.log"
  follow_consoles
  record_console
  wait_for_guest
}

# The server writes into another file where it goes; either has its host's part.
follow_consoles() {
  tail -q -n +1 -F --pid=$$ "$CLUSTER_STATE/hosts/"{"$SOURCE","$TARGET"}"/lib-nova/instances/$GUEST/console.log" \
    >>"$WORK/console.log" 2>/dev/null &
  RECORDERS+=($!)
}

# Somebody else claims the destination's memory but the server's main share.
migrate() {
  local provider
  provider=$(openstack resource provider list --name "$TARGET" -f value -c uuid)
  openstack resource provider allocation set "$OTHERS" --allocation "rp=$provider,MEMORY_MB=$((SPLITMEM_AIO_HOST_MEMORY - BUDGET_MIB))" \
    --project-id others --user-id others --consumer-type OTHER >/dev/null
  say "$TARGET has $BUDGET_MIB MB free, for a server of $MEMORY MB"
  say "openstack server migrate --live-migration --host $TARGET demo"
  openstack server migrate --live-migration --host "$TARGET" demo
  wait_for 600 "the server to arrive" show_migration || guest_failed "the server has not arrived at $TARGET"
}

# True at the end; what Nova's API shows until then.
show_migration() {
  local id line
  line=$(openstack server migration list --server demo --sort-column Id -f json | jq -r '.[-1] | "\(.Id) \(.Status)"')
  id=${line% *}
  [[ ${line#* } == completed ]] && return 0
  [[ ${line#* } =~ ^(error|failed|cancelled)$ ]] && guest_failed "Nova's migration is ${line#* }"
  openstack server migration show demo "$id" -f json 2>/dev/null |
    jq -r '"Nova: migration \(.ID) \(.Status), \(.["Memory Processed Bytes"] // 0) of \(.["Memory Total Bytes"] // 0) bytes"' >&2 || true
  return 1
}

tell_more() {
  say "what Placement has booked for it:"
  openstack resource provider allocation show "$GUEST" -f value -c resource_provider -c resources
  openstack resource provider allocation show "$(our_consumer)" -f value -c resource_provider -c resources
  say "what Kafka was told:"
  in_cluster exec controller splitmem events --brokers "$(in_cluster exec controller hostname -I | tr -d ' '):9092" --topic migration
}

our_consumer() { python3 -c 'import sys, uuid; print(uuid.uuid5(uuid.UUID("c8f3e1d2-5b7a-5e46-9d10-73706c69746d"), sys.argv[1]))' "$GUEST"; }
