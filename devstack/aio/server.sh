# shellcheck shell=bash
# A server of the proofs, through Nova's API, its guest and its splitmemd. $SERVER is its id.

# api METHOD PATH [BODY]: of Nova, as the administrator, without the seconds that the command line client takes to start.
api() {
  (in_host "$CONTROLLER" curl -sS --max-time 60 -X "$1" -H "X-Auth-Token: $TOKEN" -H 'Content-Type: application/json' \
    -H 'OpenStack-API-Version: compute 2.92' ${3:+-d "$3"} "http://$CONTROLLER_ADDRESS:8774/v2.1$2")
}

server_field() { api GET "/servers/$SERVER" | jq -r ".server.\"$1\""; } # FIELD
server_host() { server_field OS-EXT-SRV-ATTR:host; }
server_console() { printf '%s\n' "$HOSTS/$1/lib-nova/instances/$SERVER/console.log"; } # HOST
server_is() { [[ $(server_field status) == "$1" && $(server_field OS-EXT-STS:task_state) == null ]]; } # STATUS

PLAIN_ARGUMENTS=(--image splitmem-guest --nic none)

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then say "  ok: $what"; else die "not so: $what"; fi
}

boot() { # FLAVOR HOST [ARGS...]: sets SERVER; without ARGS of "server create" it has no network
  local started arguments=("${@:3}")
  started=$(now)
  ((${#arguments[@]})) || arguments=("${PLAIN_ARGUMENTS[@]}")
  SERVER=$( (openstack_client server create "proof-$1" --flavor "$1" --host "$2" "${arguments[@]}" -f value -c id) )
  wait_for 180 "$1 to be ACTIVE" active_or_error || true
  [[ $(server_field status) == ACTIVE ]] || die "no server: $(server_field fault | cut -c1-600)"
  say "$1 ACTIVE on $2 after $(elapsed "$started") s"
  wait_for 120 "the guest to fill its memory" guest_is_ready "$(server_console "$2")"
  say "the guest is READY after $(elapsed "$started") s"
}

active_or_error() { [[ $(server_field status) != BUILD ]]; }

live_migrate() { # HOST; empty: as Nova likes
  local answer host=null
  [[ -z $1 ]] || host="\"$1\""
  answer=$(api POST "/servers/$SERVER/action" "{\"os-migrateLive\":{\"host\":$host,\"block_migration\":\"auto\"}}")
  [[ -z $answer ]] || die "Nova refuses: $answer"
}

# Prints the running migration as Nova's API shows it: id, status, memory total, processed, remaining; empty if there is none.
running_migration() {
  api GET "/servers/$SERVER/migrations" |
    jq -r '.migrations[]? | [.id, .status, .memory_total_bytes, .memory_processed_bytes, .memory_remaining_bytes] | join(" ")'
}

migration_is_shown() { [[ -n $(running_migration) ]]; }

processed_bytes() { running_migration | cut -d ' ' -f 4; }
has_processed_more_than() { (($(processed_bytes) > $1)); } # BYTES

# watch_migration STARTED: prints each change that Nova's API shows, until there is no running migration.
watch_migration() {
  local line last="" id status total processed remaining empty=0 deadline=$((SECONDS + 600))
  wait_for 120 "Nova to begin the migration" migration_is_shown || die "Nova has not begun a migration"
  while ((empty < 3)); do
    ((SECONDS < deadline)) || die "Nova's migration has not ended after 600 s: $last"
    line=$(running_migration)
    if [[ -z $line ]]; then empty=$((empty + 1)); else empty=0; fi
    if [[ -n $line && $line != "$last" ]]; then
      read -r id status total processed remaining <<<"$line"
      say "  $(elapsed "$1") s: migration $id $status, memory total $total, processed $processed, remaining $remaining"
      last=$line
    fi
    sleep 0.3
  done
}

# verified_from HOST: two whole sweeps of the guest's memory after now, without one wrong byte. For check: nothing ends it but a return.
verified_from() {
  local console before
  console=$(server_console "$1")
  wait_for 60 "the guest to go on at $1" guest_value "$console" sweep || return 1
  before=$(guest_value "$console" sweep)
  [[ -n $before ]] || return 1
  wait_for 180 "two sweeps of the guest" guest_swept "$console" $((before + 1)) || return 1
  say "  $1: $(guest_report "$console")"
  [[ $(guest_value "$console" bad) == 0 ]] && ! grep -q '^BAD' "$console"
}

daemon_vm() { # HOST JQ
  (in_host "$1" curl -sS --unix-socket /run/splitmem/splitmemd.sock "http://splitmemd/v1/vms/$SERVER") | jq -r "$2"
}

# Another server, which only takes room. Sets BESIDE.
boot_beside() { # HOST
  local server=$SERVER
  SERVER=$( (openstack_client server create beside --flavor plain.small --image splitmem-guest --nic none --host "$1" -f value -c id) )
  BESIDE=$SERVER
  wait_for 180 "another server to be ACTIVE" server_is ACTIVE || die "no server: $(server_field fault | cut -c1-600)"
  SERVER=$server
}

delete_beside() {
  local server=$SERVER
  SERVER=${BESIDE:-}
  delete_server
  SERVER=$server BESIDE=""
}

last_action() { api GET "/servers/$SERVER/os-instance-actions" | jq -er '.instanceActions[0].request_id'; }
last_action_events() { api GET "/servers/$SERVER/os-instance-actions/$(last_action)" | jq -c '.instanceAction'; }
last_action_failed() { [[ $(last_action_events | jq -r '.message') != null ]]; }
action_messages() { last_action_events | jq -r '[.message, .events[].details | strings] | join("; ")'; }

delete_server() {
  [[ -n ${SERVER:-} ]] || return 0
  # If Nova 26 deletes a server at the end of its live migration, the guest goes on running at the destination.
  wait_for 60 "Nova to be done with the server" settled || true
  api DELETE "/servers/$SERVER" >/dev/null
  wait_for 60 "the server to be deleted" server_is_gone
  SERVER=""
}

server_is_gone() { api GET "/servers/$SERVER" | jq -e .itemNotFound; }

nothing_lent() {
  local host
  for host in $(known_hosts); do
    [[ $( (in_host "$host" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/host) | jq .lentBytes) == 0 ]] || return 1
  done
}

copying() { [[ $(processed_bytes) =~ ^[1-9] ]]; }
migration_status_is() { grep -qE "$2" <<<"$(migration_status "$1")"; } # ID PATTERN
migration_status() { api GET "/os-migrations?instance_uuid=$SERVER" | jq -r ".migrations[] | select(.id == $1) | .status"; } # ID

server_action() { # WHAT STATUS BODY
  local started answer
  started=$(now)
  answer=$(api POST "/servers/$SERVER/action" "$3")
  [[ $answer != *'"code"'* ]] || die "Nova refuses to $1: $answer"
  wait_for 120 "Nova to begin to $1" server_is_busy "$2" || die "Nova has not begun to $1"
  wait_for 240 "the server to be $2" settled || die "no end of $1"
  [[ $(server_field status) == "$2" ]] || die "$1 ended as $(server_field status): $(server_field fault | cut -c1-600)"
  say "  $1: $2 on $(server_host) after $(elapsed "$started") s"
}

server_is_busy() { [[ $(server_field OS-EXT-STS:task_state) != null || $(server_field status) == "$1" ]]; } # STATUS
settled() { [[ $(server_field OS-EXT-STS:task_state) == null ]]; }
flavor_id() { api GET /flavors/detail | jq -r ".flavors[] | select(.name == \"$1\") | .id"; } # NAME

is_split() { [[ $(daemon_vm "$1" .state) == SPLIT ]]; } # HOST

newest_of() { # HOST JQ: of the server's newest migration that it began
  (in_host "$1" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/migrations) |
    jq -r --arg vm "$SERVER" "[.[] | select(.vm == \$vm)][0] | $2"
}

last_phase() { newest_of "$1" .phase; } # HOST

is_aborted() { [[ $(last_phase "$1") == ABORTED ]]; } # HOST

