# shellcheck shell=bash
# Proofs that sub-hosts are chosen as Nova chooses hosts: server groups, availability zones, services that are disabled.

# refuse_to_boot HOST REASON ARGS...: a split server there. When no further host can take a server, Nova's fault says only that; why
# this one refused is in its nova-compute's log.
refuse_to_boot() {
  local host=$1 reason=$2 why
  shift 2
  SERVER=$( (openstack_client server create refused --flavor split.small "${PLAIN_ARGUMENTS[@]}" --host "$host" "$@" -f value -c id) )
  wait_for 180 "an end of BUILD" active_or_error || true
  [[ $(server_field status) == ERROR ]] || die "it is $(server_field status), on $(server_host), with $(booked_memory)"
  why=$(grep "instance: $SERVER" "$LOGS/$host/nova-compute.log" | grep -o 'no sub-hosts.*' | awk 'length > length(longest) { longest = $0 } END { print longest }')
  say "  nova-compute: $why"
  check "it says why: $reason" grep -qiE "$reason" <<<"$why"
  delete_server
}

prove_groups() {
  local group first
  say "== two servers of an anti-affinity group share no host, sub-hosts included"
  group=$(api POST /os-server-groups '{"server_group":{"name":"apart","policy":"anti-affinity"}}' | jq -r .server_group.id)
  occupy host1 256
  occupy host2 100 # no room for what is to be on host3
  boot split.small host1 "${PLAIN_ARGUMENTS[@]}" --hint "group=$group"
  check_split host1 host3
  first=$SERVER
  occupy host2 256
  refuse_to_boot host2 'group' --hint "group=$group"
  check_books "after the refusal" "host1=0 host2=256 host3=5888" ""
  say "-- a server that is in no group gets that sub-host"
  boot split.small host2
  check_split host2 host3
  delete_server
  SERVER=$first
  check_books "of the first" "host1=0 host2=256 host3=5888" "host3=256"
  delete_server
  say "-- without the first, the second of the group, too"
  occupy host1 100
  boot split.small host2 "${PLAIN_ARGUMENTS[@]}" --hint "group=$group"
  check_split host2 host3
  delete_server
  api DELETE "/os-server-groups/$group" >/dev/null
  vacate
  check_nothing_left
}

prove_zones() {
  say "== a server's sub-hosts are in its availability zone, and not where the service is disabled"
  create_zone az1 host1 host2
  create_zone az2 host3
  occupy host1 256
  occupy host2 3000 # host3 has more
  check "nova-bridge knows the zones" wait_for 60 "it to read them" zones_are_known
  say "-- host2 is in the zone, host3 has more room"
  boot split.small host1 "${PLAIN_ARGUMENTS[@]}" --availability-zone az1
  check_split host1 host2
  check_books "in the zone" "host1=0 host2=2744 host3=6144" "host2=256"
  delete_server
  say "-- no room in the zone"
  occupy host2 100
  refuse_to_boot host1 'zone' --availability-zone az1
  check_books "after the refusal" "host1=256 host2=100 host3=6144" ""
  delete_zones
  check "nova-bridge knows that they are gone" wait_for 60 "it to read them" zones_are_unknown
  say "-- without zones, but the service of host3 is disabled"
  api PUT "/os-services/$(compute_service host3)" '{"status":"disabled","disabled_reason":"proof"}' >/dev/null
  check "Placement shows it" wait_for 60 "the trait" is_disabled host3
  refuse_to_boot host1 'disabled'
  check_books "after the refusal" "host1=256 host2=100 host3=6144" ""
  api PUT "/os-services/$(compute_service host3)" '{"status":"enabled"}' >/dev/null
  check "Placement shows it" wait_for 60 "the trait to go" is_enabled host3
  boot split.small host1
  check_split host1 host3
  delete_server
  vacate
  check_nothing_left
}

zones_are_known() { explained_plan_for host1 | grep -q az2; }
zones_are_unknown() { explained_plan_for host1 >"$STATE/plan" && ! grep -q az2 "$STATE/plan"; }

is_disabled() { placement GET "/resource_providers/$(provider_id "$1")/traits" | grep -q COMPUTE_STATUS_DISABLED; } # HOST
is_enabled() { ! is_disabled "$1"; }

create_zone() { # NAME HOST...
  local id host
  id=$(api POST /os-aggregates "{\"aggregate\":{\"name\":\"$1\",\"availability_zone\":\"$1\"}}" | jq -r .aggregate.id)
  for host in "${@:2}"; do api POST "/os-aggregates/$id/action" "{\"add_host\":{\"host\":\"$host\"}}" | jq -e .aggregate >/dev/null; done
}

delete_zones() {
  local id host
  for id in $(api GET /os-aggregates | jq -r '.aggregates[].id'); do
    for host in $(api GET "/os-aggregates/$id" | jq -r '.aggregate.hosts[]'); do
      api POST "/os-aggregates/$id/action" "{\"remove_host\":{\"host\":\"$host\"}}" >/dev/null
    done
    api DELETE "/os-aggregates/$id" >/dev/null
  done
}

enable_services() {
  local host
  for host in $(known_hosts); do
    api PUT "/os-services/$(compute_service "$host")" '{"status":"enabled","forced_down":false}' >/dev/null
  done
}
