# shellcheck shell=bash
# shellcheck disable=SC2034 # for demo.sh
# The demo on a small real OpenStack: Nova migrates, and what it asks of nova-bridge is seen in Placement and Kafka.

TOOL=aio.sh SOURCE=host1 TARGET=host2 GUEST="" # the server's id, once there is one
export SPLITMEM_AIO_STATE=$STATE-openstack SPLITMEM_AIO_WORKLOAD="hot=0.1 sweep=$SWEEP_SECONDS" SPLITMEM_AIO_HOST_MEMORY=$((MEMORY * 2))
CLUSTER_STATE=$SPLITMEM_AIO_STATE STATE_SETTING="SPLITMEM_AIO_STATE=$SPLITMEM_AIO_STATE"
MEMORY_OF_A_HOST=700 FURTHER_MEMORY=3500 # MiB
ALL_HOSTS=$HOSTS
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
  await_arrival
}

# As an operator would, by asking again and again; each question takes the client two seconds.
await_arrival() {
  local id status="" deadline=$((SECONDS + 600))
  until [[ $status == completed ]]; do
    read -r id status < <(openstack server migration list --server demo -f json | jq -r 'max_by(.Id) | "\(.Id) \(.Status)"')
    say "Nova: migration $id $status$(shown_progress "$id")"
    [[ ! $status =~ ^(error|failed|cancelled)$ ]] || guest_failed "Nova's migration is $status"
    ((SECONDS < deadline)) || guest_failed "the server has not arrived at $TARGET after 600 s"
  done
}

# Nova shows it only while the migration runs.
shown_progress() { # ID
  openstack server migration show demo "$1" -f json 2>/dev/null |
    jq -r '", \((.memory_processed_bytes // 0) / 1048576 | floor) of \((.memory_total_bytes // 0) / 1048576 | floor) MiB"' || true
}

tell_more() {
  say "what Placement has booked for it:"
  show_claims "Nova" "$GUEST"
  show_claims "nova-bridge" "$(our_consumer)"
  say "what Kafka was told:"
  in_cluster exec controller splitmem events --brokers "$(in_cluster exec controller hostname -I | tr -d ' '):9092" --topic migration
}

move_on() { :; } # see aio.sh prove

show_claims() { # WHO CONSUMER
  local provider claims
  while read -r provider claims; do
    say "  $1: $claims on $(openstack resource provider show "$provider" -f value -c name)"
  done < <(openstack resource provider allocation show "$2" -f json | jq -r '.[] | "\(.resource_provider) \(.resources | tostring)"')
}

our_consumer() { python3 -c 'import sys, uuid; print(uuid.uuid5(uuid.UUID("c8f3e1d2-5b7a-5e46-9d10-73706c69746d"), sys.argv[1]))' "$GUEST"; }
