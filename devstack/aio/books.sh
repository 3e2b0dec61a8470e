# shellcheck shell=bash
# Placement's books: what is free on each host, what nova-bridge has booked for the server, and memory that others claim.

CONSUMERS=c8f3e1d2-5b7a-5e46-9d10-73706c69746d # docs/NOVA.md
OTHERS=00000000-0000-4000-8000-00000000000     # and the number of the host whose memory is claimed

placement() { # METHOD PATH [BODY]
  (in_host "$CONTROLLER" curl -sS --max-time 30 -X "$1" -H "X-Auth-Token: $TOKEN" -H 'Content-Type: application/json' \
    -H 'OpenStack-API-Version: placement 1.39' ${3:+-d "$3"} "http://$CONTROLLER_ADDRESS:8778$2")
}

bridge() { # METHOD PATH [BODY]
  (in_host "$CONTROLLER" curl -sS --max-time 30 -X "$1" -H "X-Auth-Token: $TOKEN" -H 'Content-Type: application/json' \
    ${3:+-d "$3"} "http://$CONTROLLER_ADDRESS:$BRIDGE_PORT$2")
}

provider_id() { placement GET "/resource_providers?name=$1" | jq -er '.resource_providers[0].uuid'; } # HOST

# Prints "host1=MB host2=MB ...": MEMORY_MB that nobody has claimed.
free_memory() {
  local name used
  for name in $(known_hosts); do
    used=$(placement GET "/resource_providers/$(provider_id "$name")/usages" | jq -er .usages.MEMORY_MB) || return 1
    printf '%s=%s ' "$name" $((HOST_MEMORY - used))
  done | sed 's/ $//'
}

# Prints "host3=MB ...", in the order of the hosts: what our consumer of the server has.
booked_memory() {
  local consumer name claims
  consumer=$(python3 -c 'import sys, uuid; print(uuid.uuid5(uuid.UUID(sys.argv[1]), sys.argv[2]))' "$CONSUMERS" "$SERVER")
  claims=$(placement GET "/allocations/$consumer")
  for name in $(known_hosts); do
    jq -r --arg id "$(provider_id "$name")" --arg name "$name" \
      '.allocations[$id].resources.MEMORY_MB // empty | "\($name)=\(.)"' <<<"$claims"
  done | tr '\n' ' ' | sed 's/ $//'
}

# occupy HOST FREE: somebody else claims all memory of the host but FREE MB of what is free now.
occupy() {
  local id free
  id=$(provider_id "$1")
  placement DELETE "/allocations/$OTHERS$(host_number "$1")" >/dev/null
  free=$(free_memory | tr ' ' '\n' | sed -n "s/^$1=//p")
  placement PUT "/allocations/$OTHERS$(host_number "$1")" "{\"allocations\":{\"$id\":{\"resources\":{\"MEMORY_MB\":$((free - $2))}}},
    \"consumer_generation\":null,\"consumer_type\":\"OTHER\",\"project_id\":\"others\",\"user_id\":\"others\"}" | grep . && die "not claimed"
  say "  others claim all but $2 MB of $1"
}

vacate() {
  local name
  for name in $(known_hosts); do placement DELETE "/allocations/$OTHERS$(host_number "$name")" >/dev/null; done
}

books_are() { [[ $(free_memory) == "$1" ]] && booked_is "$2"; } # FREE BOOKED
booked_is() { [[ $(booked_memory) == "$1" ]]; }

# check_books WHEN FREE BOOKED: at this moment. Both as they are printed above.
check_books() {
  if books_are "$2" "$3"; then
    say "  ok: the books are exact $1: free $2; ours: ${3:-nothing}"
  else
    die "the books are wrong $1: free $(free_memory), not $2; ours: $(booked_memory), not ${3:-nothing}"
  fi
}

# As check_books, but as soon as the bridges have compared all books with the hosts once more.
check_books_soon() {
  wait_for $((RECONCILE_SECONDS * 3)) "the books to be right $1" books_are "$2" "$3" || true
  check_books "$@"
}

bridge_migration() { # JQ: of the server's newest
  bridge GET "/v1/migrations?instance_uuid=$SERVER" | jq -r ".migrations | max_by(.created_at) | $1 // empty"
}

plans_for() { bridge GET "/v1/migrations?instance_uuid=$SERVER" | jq "[.migrations[] | select(.destination == \"$1\")] | length"; } # HOST
