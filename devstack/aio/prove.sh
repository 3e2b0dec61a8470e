# shellcheck shell=bash
# Shows on the running cloud what splitmem does under Nova, and checks it. Each proof makes its own server and deletes it.

PROOF_BANDWIDTH=${SPLITMEM_AIO_PROOF_BANDWIDTH:-200mbit}
SLOW=20mbit # for what is to happen in mid-copy
PROOFS=(split next resize undone lost outage plain events)

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then say "  ok: $what"; else die "not so: $what"; fi
}

# What a proof leaves when it fails, too.
clear_up() {
  set_bandwidth off
  vacate
  start_missing
  delete_server
}

start_missing() {
  local name
  start_database
  start_controller_services
  is_running "$CONTROLLER.kafka" || start_kafka
  start_bridge 1
  for name in $(known_hosts); do
    start_daemon "$name"
    await_daemon "$name"
    start_nova_compute "$name"
  done
}

prove_split() {
  local started
  say "== a split server migrates to a host that has only its main share free"
  boot split.small host1
  check "splitmemd has its RAM" test "$(daemon_vm host1 .state)" == LOCAL
  occupy host2 256
  check_books "before" "host1=5632 host2=256 host3=6144" "host1=256"
  set_bandwidth "$PROOF_BANDWIDTH"
  started=$(now)
  live_migrate host2
  wait_for 60 "the migration to copy" copying
  check_books "during it" "host1=5632 host2=0 host3=5888" "host1=256 host3=256"
  watch_migration "$started"
  set_bandwidth off
  arrived "$started" host2
  check_books "after it" "host1=6144 host2=0 host3=5888" "host3=256"
  check "Nova's API showed progress" test "$SEEN_PROGRESS" -ge 2
  check_split host2 host3
  check "every byte is right" verified_from host2
  delete_server
  vacate
  check_nothing_left
}

# arrived STARTED HOST
arrived() {
  wait_for 120 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$1") s: ACTIVE on $(server_host)"
  check "it runs at $2" test "$(server_host)" == "$2"
}

check_split() { # HOST SUB-HOST
  say "  resident $(daemon_vm "$1" .residentBytes) of $(daemon_vm "$1" .ramBytes), remote $(daemon_vm "$1" '.remoteBytes | tostring')"
  check "it is split" test "$(daemon_vm "$1" .state)" == SPLIT
  check "pages are on $2" test "$(daemon_vm "$1" ".remoteBytes.$2")" -gt 0
}

check_nothing_left() {
  check "no memory stays lent" wait_for 30 "all reservations to be gone" nothing_lent
  check "no splitmemd knows a VM" wait_for 30 "splitmemd to forget it" nobody_knows
  SERVER=none check_books_soon "afterwards" "host1=6144 host2=6144 host3=6144" ""
}

nobody_knows() {
  local host
  for host in $(known_hosts); do
    [[ $( (in_host "$host" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/vms) | jq length) == 0 ]] || return 1
  done
}

prove_next() {
  local started
  say "== no sub-hosts for any destination: no valid host; for one of them: the conductor takes the next"
  boot split.uneven host1 # 192 MB where it runs, 320 elsewhere
  boot_beside host3       # so Nova would rather take host2
  occupy host2 256        # enough for the main share, not for a sub-host's
  occupy host3 256
  refused_migration "no sub-hosts for 320 MB"
  check_books "after the refusal" "host1=5632 host2=256 host3=256" "host1=320"
  occupy host2 4000
  started=$(now)
  live_migrate ""
  watch_migration "$started"
  arrived "$started" host3
  check_split host3 host2
  check_books "after it" "host1=6144 host2=3680 host3=64" "host2=320"
  check "every byte is right" verified_from host3
  delete_server
  delete_beside
  vacate
  check_nothing_left
}

# refused_migration REASON: to wherever Nova likes.
refused_migration() {
  local said
  live_migrate ""
  wait_for 60 "Nova to refuse" last_action_failed || die "Nova has not refused"
  said=$(action_messages)
  say "  Nova: $said"
  check "it says 'No valid host'" grep -q 'No valid host' <<<"$said"
  check "and why" grep -rq "$1" "$LOGS"/controller/nova-conductor.log
  check "it runs on" server_is ACTIVE
}

prove_resize() {
  local split host
  say "== a server becomes a split one by a resize, and is rebooted and shelved"
  boot plain.small host1
  split=$(flavor_id split.small)
  server_action "resize to split.small" VERIFY_RESIZE "{\"resize\":{\"flavorRef\":\"$split\"}}"
  check "splitmemd has its RAM" test "$(daemon_vm "$(server_host)" .state)" == LOCAL
  server_action "revert" ACTIVE '{"revertResize":null}'
  check "it is an ordinary one again" test "$(daemon_vm "$(server_host)" .error.code)" == vm-not-found
  check_books "after the revert" "host1=5632 host2=6144 host3=6144" ""
  for host in $(known_hosts); do if [[ $host != host1 ]]; then occupy "$host" 1400; fi; done
  occupy host1 1100
  server_action "resize to split.large" VERIFY_RESIZE "{\"resize\":{\"flavorRef\":\"$(flavor_id split.large)\"}}"
  host=$(server_host)
  say "  $(free_memory); ours: $(booked_memory); $(daemon_vm "$host" '.state + " " + (.remoteBytes | tostring)')"
  server_action "confirm" ACTIVE '{"confirmResize":null}'
  say "  $(free_memory); ours: $(booked_memory); $(daemon_vm "$host" '.state + " " + (.remoteBytes | tostring)')"
  server_action "reboot hard" ACTIVE '{"reboot":{"type":"HARD"}}'
  say "  $(free_memory); ours: $(booked_memory); $(daemon_vm "$host" '.state + " " + (.remoteBytes | tostring)')"
  server_action "shelve" SHELVED_OFFLOADED '{"shelve":null}'
  say "  $(free_memory); ours: $(booked_memory)"
  server_action "unshelve" ACTIVE '{"unshelve":null}'
  host=$(server_host)
  say "  $(free_memory); ours: $(booked_memory); $(daemon_vm "$host" '.state + " " + (.remoteBytes | tostring)')"
  wait_for 120 "the guest to fill its memory" guest_is_ready "$(server_console "$host")"
  check "every byte is right" verified_from "$host"
  delete_server
  vacate
  check_nothing_left
}

# prove [NAME...]: all of them by default, each in a process of its own, so that one that fails does not end the others.
prove() {
  local name failed=()
  (($#)) || set -- "${PROOFS[@]}"
  for name in "$@"; do declare -F "prove_$name" >/dev/null || die "there is no proof '$name': ${PROOFS[*]}"; done
  if (($# == 1)); then
    TOKEN=$( (openstack_client token issue -f value -c id) )
    trap clear_up EXIT
    "prove_$1"
    return
  fi
  for name in "$@"; do "$0" prove "$name" || failed+=("$name"); done
  ((${#failed[@]} == 0)) || die "not proved: ${failed[*]}"
  say "proved: $*"
}
