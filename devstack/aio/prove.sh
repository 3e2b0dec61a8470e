# shellcheck shell=bash
# Shows on the running cloud what the Nova driver is for, and checks it. Each proof makes its own server and deletes it.

PROOF_BANDWIDTH=${SPLITMEM_AIO_PROOF_BANDWIDTH:-200mbit}

# api METHOD PATH [BODY]: of Nova, as the administrator, without the seconds that the command line client takes to start.
api() {
  (in_host "$CONTROLLER" curl -sS --max-time 60 -X "$1" -H "X-Auth-Token: $TOKEN" -H 'Content-Type: application/json' \
    -H 'OpenStack-API-Version: compute 2.92' ${3:+-d "$3"} "http://$CONTROLLER_ADDRESS:8774/v2.1$2")
}

server_field() { api GET "/servers/$SERVER" | jq -r ".server.\"$1\""; } # FIELD
server_host() { server_field OS-EXT-SRV-ATTR:host; }
server_console() { printf '%s\n' "$HOSTS/$1/lib-nova/instances/$SERVER/console.log"; } # HOST
server_is() { [[ $(server_field status) == "$1" && $(server_field OS-EXT-STS:task_state) == null ]]; } # STATUS

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then say "  ok: $what"; else die "not so: $what"; fi
}

boot() { # FLAVOR HOST: sets SERVER
  local started
  started=$(now)
  SERVER=$( (openstack_client server create "proof-$1" --flavor "$1" --image splitmem-guest --nic none --host "$2" -f value -c id) )
  wait_for 180 "$1 to be ACTIVE" active_or_error || true
  [[ $(server_field status) == ACTIVE ]] || die "no server: $(server_field fault | cut -c1-600)"
  say "$1 ACTIVE on $2 after $(elapsed "$started") s"
  wait_for 120 "the guest to fill its memory" guest_is_ready "$(server_console "$2")"
  say "the guest is READY after $(elapsed "$started") s"
}

active_or_error() { [[ $(server_field status) != BUILD ]]; }

live_migrate() { # HOST
  local answer
  answer=$(api POST "/servers/$SERVER/action" "{\"os-migrateLive\":{\"host\":\"$1\",\"block_migration\":\"auto\"}}")
  [[ -z $answer ]] || die "Nova refuses: $answer"
}

# Prints the running migration as Nova's API shows it: id, status, memory total, processed, remaining; empty if there is none.
running_migration() {
  api GET "/servers/$SERVER/migrations" |
    jq -r '.migrations[]? | [.id, .status, .memory_total_bytes, .memory_processed_bytes, .memory_remaining_bytes] | join(" ")'
}

migration_is_shown() { [[ -n $(running_migration) ]]; }

# watch_migration STARTED: prints each change that Nova's API shows, until there is no running migration. Sets SEEN_PROGRESS.
watch_migration() {
  local line last="" id status total processed remaining empty=0
  SEEN_PROGRESS=0
  wait_for 30 "Nova to begin the migration" migration_is_shown || die "Nova has not begun a migration"
  while ((empty < 3)); do
    line=$(running_migration)
    if [[ -z $line ]]; then empty=$((empty + 1)); else empty=0; fi
    if [[ -n $line && $line != "$last" ]]; then
      read -r id status total processed remaining <<<"$line"
      say "  $(elapsed "$1") s: migration $id $status, memory total $total, processed $processed, remaining $remaining"
      if [[ ${processed:-} =~ ^[1-9] ]]; then SEEN_PROGRESS=$((SEEN_PROGRESS + 1)); fi
      last=$line
    fi
    sleep 0.3
  done
}

# verified_from HOST: two whole sweeps of the guest's memory after now, without one wrong byte.
verified_from() {
  local console before
  console=$(server_console "$1")
  wait_for 60 "the guest to go on at $1" guest_value "$console" sweep
  before=$(guest_value "$console" sweep)
  wait_for 180 "two sweeps of the guest" guest_swept "$console" $((before + 1))
  say "  $1: $(guest_report "$console")"
  [[ $(guest_value "$console" bad) == 0 ]] && ! grep -q '^BAD' "$console"
}

daemon_vm() { # HOST JQ
  (in_host "$1" curl -sS --unix-socket /run/splitmem/splitmemd.sock "http://splitmemd/v1/vms/$SERVER") | jq -r "$2"
}

delete_server() {
  [[ -n ${SERVER:-} ]] || return 0
  api DELETE "/servers/$SERVER" >/dev/null
  wait_for 60 "the server to be deleted" server_is_gone
  SERVER=""
}

server_is_gone() { [[ $(server_field id) == null ]]; }

nothing_lent() {
  local host
  for host in $(known_hosts); do
    [[ $( (in_host "$host" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/host) | jq .lentBytes) == 0 ]] || return 1
  done
}

allocations() { # prints "provider MEMORY_MB" of the server's claims
  (openstack_client resource provider allocation show "$SERVER" -f json) | jq -r '.[] | [.resource_provider, .resources.MEMORY_MB] | join(" ")'
}

prove_split() {
  local started
  say "== a split server migrates to a host that keeps half of it"
  boot split.small host1
  check "splitmemd has its RAM" test "$(daemon_vm host1 .state)" == LOCAL
  check "Nova claims the main share only" test "$(allocations | cut -d ' ' -f 2)" == 256
  set_bandwidth "$PROOF_BANDWIDTH"
  started=$(now)
  live_migrate host2
  watch_migration "$started"
  set_bandwidth off
  wait_for 60 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$started") s: ACTIVE on $(server_host)"
  check "it runs at host2" test "$(server_host)" == host2
  check "Nova's API showed progress" test "$SEEN_PROGRESS" -ge 2
  check "it is split" test "$(daemon_vm host2 .state)" == SPLIT
  say "  resident $(daemon_vm host2 .residentBytes) of $(daemon_vm host2 .ramBytes), remote $(daemon_vm host2 '.remoteBytes | tostring')"
  check "pages are on host3" test "$(daemon_vm host2 '.remoteBytes.host3')" -gt 0
  check "every byte is right" verified_from host2
  delete_server
  check "no memory stays lent" wait_for 30 "all reservations to be gone" nothing_lent
}

prove_abort() {
  local started id
  say "== a split migration is aborted through Nova's API"
  boot split.small host1
  set_bandwidth 20mbit
  started=$(now)
  live_migrate host2
  wait_for 60 "the migration to copy" copying
  id=$(running_migration | cut -d ' ' -f 1)
  say "  $(elapsed "$started") s: $(running_migration)"
  api DELETE "/servers/$SERVER/migrations/$id" >/dev/null
  watch_migration "$started"
  set_bandwidth off
  wait_for 60 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$started") s: ACTIVE on $(server_host), migration $(migration_status "$id")"
  check "it runs at host1" test "$(server_host)" == host1
  check "the migration was cancelled" test "$(migration_status "$id")" == cancelled
  check "it is whole" test "$(daemon_vm host1 .state)" == LOCAL
  check "every byte is right" verified_from host1
  check "no memory stays lent" wait_for 30 "all reservations to be gone" nothing_lent
  delete_server
}

copying() { [[ $(running_migration | cut -d ' ' -f 4) =~ ^[1-9] ]]; }
migration_status() { api GET "/os-migrations?instance_uuid=$SERVER" | jq -r ".migrations[] | select(.id == $1) | .status"; } # ID

prove_plain() {
  local started
  say "== an ordinary server migrates as with stock Nova"
  boot plain.small host1
  check "splitmemd does not know it" test "$(daemon_vm host1 .error.code)" == vm-not-found
  started=$(now)
  live_migrate host2
  watch_migration "$started"
  wait_for 60 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$started") s: ACTIVE on $(server_host)"
  check "it runs at host2" test "$(server_host)" == host2
  check "every byte is right" verified_from host2
  delete_server
}

server_action() { # WHAT STATUS BODY
  local started answer
  started=$(now)
  answer=$(api POST "/servers/$SERVER/action" "$3")
  [[ $answer != *'"code"'* ]] || die "Nova refuses to $1: $answer"
  wait_for 20 "Nova to begin to $1" server_is_busy "$2" || die "Nova has not begun to $1"
  wait_for 240 "the server to be $2" settled || die "no end of $1"
  [[ $(server_field status) == "$2" ]] || die "$1 ended as $(server_field status): $(server_field fault | cut -c1-600)"
  say "  $1: $2 on $(server_host) after $(elapsed "$started") s"
}

server_is_busy() { [[ $(server_field OS-EXT-STS:task_state) != null || $(server_field status) == "$1" ]]; } # STATUS
settled() { [[ $(server_field OS-EXT-STS:task_state) == null ]]; }
flavor_id() { api GET /flavors/detail | jq -r ".flavors[] | select(.name == \"$1\") | .id"; } # NAME

prove_resize() {
  local split host
  say "== a server becomes a split one by a resize, and is rebooted and shelved"
  boot plain.small host1
  split=$(flavor_id split.small)
  server_action "resize to split.small" VERIFY_RESIZE "{\"resize\":{\"flavorRef\":\"$split\"}}"
  check "splitmemd has its RAM" test "$(daemon_vm "$(server_host)" .state)" == LOCAL
  server_action "revert" ACTIVE '{"revertResize":null}'
  check "it is an ordinary one again" test "$(daemon_vm "$(server_host)" .error.code)" == vm-not-found
  server_action "resize to split.small" VERIFY_RESIZE "{\"resize\":{\"flavorRef\":\"$split\"}}"
  server_action "confirm" ACTIVE '{"confirmResize":null}'
  check "splitmemd has its RAM" test "$(daemon_vm "$(server_host)" .state)" == LOCAL
  server_action "reboot hard" ACTIVE '{"reboot":{"type":"HARD"}}'
  check "splitmemd has its RAM" test "$(daemon_vm "$(server_host)" .state)" == LOCAL
  server_action "shelve" SHELVED_OFFLOADED '{"shelve":null}'
  server_action "unshelve" ACTIVE '{"unshelve":null}'
  host=$(server_host)
  check "splitmemd has its RAM" test "$(daemon_vm "$host" .state)" == LOCAL
  check "every byte is right" verified_from "$host"
  delete_server
  check "splitmemd has forgotten it" wait_for 30 "splitmemd to forget it" nobody_knows "$host"
}

nobody_knows() { # HOST
  [[ $( (in_host "$1" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/vms) | jq length) == 0 ]]
}

prove_killed() {
  local started id
  say "== nova-compute is killed while it migrates a split server"
  boot split.small host1
  set_bandwidth 20mbit
  started=$(now)
  live_migrate host2
  wait_for 60 "the migration to copy" copying
  id=$(running_migration | cut -d ' ' -f 1)
  stop_process host1.nova-compute 60 KILL
  say "  $(elapsed "$started") s: nova-compute killed; splitmemd: $(last_phase host1)"
  start_nova_compute host1
  wait_for 90 "the split migration to be aborted" is_aborted host1
  set_bandwidth off
  wait_for 90 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$started") s: ACTIVE on $(server_host), Nova's migration $(migration_status "$id"), splitmemd: $(last_phase host1)"
  check "it runs at host1" test "$(server_host)" == host1
  check "it is whole" test "$(daemon_vm host1 .state)" == LOCAL
  check "every byte is right" verified_from host1
  check "no memory stays lent" wait_for 30 "all reservations to be gone" nothing_lent
  delete_server
}

last_phase() { # HOST
  (in_host "$1" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/migrations) | jq -r '.[0].phase'
}

is_aborted() { [[ $(last_phase "$1") == ABORTED ]]; } # HOST

# prove [NAME...]: all of them by default.
prove() {
  local name
  (($#)) || set -- split abort plain resize killed
  for name in "$@"; do declare -F "prove_$name" >/dev/null || die "there is no proof '$name': split, abort, plain, resize, killed"; done
  TOKEN=$( (openstack_client token issue -f value -c id) )
  trap 'set_bandwidth off; delete_server' EXIT
  for name in "$@"; do "prove_$name"; done
  say "proved: $*"
}
