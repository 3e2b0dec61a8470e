# shellcheck shell=bash
# The proofs, each with what only it needs.

prove_split() {
  local started bridge_before processed plan
  say "== a split server with a network card, a config drive and a volume migrates to a host that has only its main share free; it moves on and back, its lender is drained, it moves to its lender, is gathered at the next, split again and gathered"
  boot split.small host1 "${WITH_DEVICES[@]}"
  await_devices host1
  check "splitmemd has its RAM" test "$(daemon_vm host1 .state)" == LOCAL
  occupy host2 256
  check_books "before" "host1=5632 host2=256 host3=6144" "host1=256"
  plan=$(explained_plan 2>&1) || true
  grep -q '^host3 .*chosen' <<<"$plan" || die "splitmem plan does not explain why host3: $plan"
  say "  ok: splitmem plan explains why host3"
  set_bandwidth "$SLOW" # until all was looked at that is to be seen during it
  bridge_before=$(bridge_seconds)
  started=$(now)
  begin_pinging
  live_migrate host2
  wait_for 180 "the migration to copy" copying || die "the migration does not copy"
  processed=$(processed_bytes)
  check_books "during it" "host1=5632 host2=0 host3=5888" "host1=256 host3=256"
  check "Nova's API shows progress" wait_for 60 "more to be processed than $processed B" has_processed_more_than "$processed"
  set_bandwidth "$PROOF_BANDWIDTH"
  watch_migration "$started"
  set_bandwidth off
  arrived "$started" host2
  end_pinging
  check_devices host2
  check_books_soon "after it" "host1=6144 host2=0 host3=5888" "host3=256"
  say "  nova-bridge took $(awk -v a="$bridge_before" -v b="$(bridge_seconds)" 'BEGIN { printf "%.3f", b - a }') s of it"
  check_split host2 host3
  check "every byte is right" verified_from host2
  moves_on
  lender_is_drained
  moves_to_its_lender
  is_gathered_at_its_lender
  is_split_again
  is_gathered_by_nova
  is_split_again_and_gathered_where_it_is
  delete_server
  vacate
  check_nothing_left
}

explained_plan() { explained_plan_for host2 --source host1; }

explained_plan_for() { # MAIN-HOST [ARGS...]
  (in_host "$CONTROLLER" env OS_AUTH_URL="$(keystone_url)" OS_USERNAME=admin OS_PASSWORD="$PASSWORD" OS_PROJECT_NAME=admin \
    OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default "$DIST/bin/splitmem" plan --explain --ram-mb 512 --main-mb 256 \
    --destination "$1" "${@:2}")
}

# What Nova has waited for plans and starts so far.
bridge_seconds() {
  (in_host "$CONTROLLER" curl -s "http://$CONTROLLER_ADDRESS:$BRIDGE_PORT/metrics") |
    awk '/^splitmem_bridge_requests_seconds_sum{method="POST",status="20/ { sum += $2 } END { printf "%.3f", sum }'
}

# Its main host moves, its sub-host keeps what it has: on, and back to a former host. Both have room for its main share only.
moves_on() {
  vacate
  occupy host1 256
  moves_to host1 host3
  check_books_soon "after it has moved on" "host1=0 host2=6144 host3=5888" "host3=256"
  vacate
  occupy host2 256
  moves_to host2 host3
  check_books_soon "after it has moved back" "host1=6144 host2=0 host3=5888" "host3=256"
  check "the plan says why it is not gathered: $(plan_summary)" grep -q 'not gathered: host2 has 0 MB free' <<<"$(plan_summary)"
  vacate
}

moves_to() { # HOST SUB-HOST
  local started
  say "-- the split server moves to $1"
  started=$(now)
  live_migrate "$1"
  watch_migration "$started"
  arrived "$started" "$1"
  check_split "$1" "$2"
  check "every byte is right" verified_from "$1"
}

# Of the server's last plan, as its event has it.
plan_summary() {
  bridge GET "/v1/events?instance_uuid=$SERVER" |
    jq -r '[.events[] | select(.type == "org.splitmem.placement.v1.planned")][-1].data.explanation[0]'
}

# What host3 keeps of the server goes to host1, once its compute service is enabled.
lender_is_drained() {
  say "-- host3 is drained: nova-bridge finds another host for what it keeps"
  api PUT "/os-services/$(compute_service host1)" '{"status":"disabled","disabled_reason":"proof"}' >/dev/null
  check "Placement shows that host1 is disabled" wait_for 60 "the trait" is_disabled host1
  check "the bridge drains host3" test "$(bridge POST /v1/hosts/host3/drain | jq -r .drain.state)" == DRAINING
  check "a disabled host takes nothing" wait_for 30 "the reason" cannot_leave host3 'disabled in Nova (host1'
  say "  $(drain_of host3 '.leaving[0].trouble')"
  check_books "while there is no host for it" "host1=6144 host2=5888 host3=5888" "host3=256"
  set_bandwidth "$SLOW" # until the books were looked at
  api PUT "/os-services/$(compute_service host1)" '{"status":"enabled"}' >/dev/null
  check "Placement shows that host1 is enabled" wait_for 60 "the trait to go" is_enabled host1
  check "its pages leave host3" wait_for 60 "the move" is_leaving host3
  check_books "while they move" "host1=5888 host2=5888 host3=5888" "host1=256 host3=256"
  set_bandwidth off
  check "host3 is empty" wait_for 120 "the last page to leave" is_drained host3
  check_books_soon "after host3 was drained" "host1=5888 host2=5888 host3=6144" "host1=256"
  check_split host2 host1
  check "every byte is right" verified_from host2
  check "host3 lends again" test "$(bridge DELETE /v1/hosts/host3/drain | jq -r .drain.state)" == LENDING
}

drain_of() { bridge GET "/v1/hosts/$1/drain" | jq -r ".drain | $2"; } # HOST JQ
cannot_leave() { drain_of "$1" '.leaving[0].trouble' | grep -qF "$2"; } # HOST REASON
is_leaving() { [[ $(drain_of "$1" '.leaving[0].moving') == true ]]; }   # HOST
is_drained() { [[ $(drain_of "$1" .state) == EMPTY ]]; }                # HOST

cancel_drains() {
  local host
  for host in $(known_hosts); do bridge DELETE "/v1/hosts/$host/drain" >/dev/null; done
}

# The split server moves to the host that keeps its pages, from host2 to host1, which has room for its main share only: host3 takes them over.
moves_to_its_lender() {
  local started
  say "-- the split server moves to the host that keeps its pages: those leave it"
  occupy host1 256
  check_books "before" "host1=256 host2=5888 host3=6144" "host1=256"
  set_bandwidth "$SLOW" # until the books were looked at
  started=$(now)
  live_migrate host1
  wait_for 180 "the migration to copy" copying || die "the migration does not copy"
  check "the plan says where its pages go: $(plan_summary)" \
    grep -q '256 MB that host1 keeps leave it as soon as the VM runs there: {host3=256}' <<<"$(plan_summary)"
  check_books "during it" "host1=0 host2=5888 host3=5888" "host1=256 host3=256"
  set_bandwidth off
  watch_migration "$started"
  arrived "$started" host1
  check "host1 keeps nothing of it any more" wait_for 120 "the last page to leave" keeps_nothing host1
  check_split host1 host3
  check_books_soon "after it" "host1=256 host2=6144 host3=5888" "host3=256"
  check "every byte is right" verified_from host1
  vacate
}

keeps_nothing() { [[ $(daemon_vm "$1" "$(printf '.state == "SPLIT" and (.reservedBytes | has("%s") | not)' "$1")") == true ]]; } # HOST

# From host1 to host3, which keeps its pages and has room for all of it.
is_gathered_at_its_lender() {
  local started
  say "-- the split server moves to the host that keeps its pages, and has room for all of it"
  check_books "before" "host1=5888 host2=6144 host3=5888" "host3=256"
  set_bandwidth "$SLOW" # until the books were looked at
  started=$(now)
  live_migrate host3
  wait_for 180 "the migration to copy" copying || die "the migration does not copy"
  check "the plan says that it is gathered: $(plan_summary)" \
    grep -q '^512 MB whole on host3: .*256 MB of it are in the store of host3 already' <<<"$(plan_summary)"
  check_books "during it" "host1=5888 host2=6144 host3=5376" "host3=512"
  set_bandwidth off
  watch_migration "$started"
  arrived "$started" host3
  check "all of it comes to its host" wait_for 120 "the server to be gathered" is_gathered host3
  check "nothing of it is on other hosts" test "$(daemon_vm host3 '.remoteBytes | length')" == 0
  check_books_soon "after it was gathered" "host1=6144 host2=6144 host3=5632" "host3=256"
  check "every byte is right" verified_from host3
}

is_split_again() {
  occupy host2 256
  moves_to host2 host1
  check_books_soon "split again" "host1=5888 host2=0 host3=6144" "host1=256"
  vacate
}

is_gathered() { [[ $(daemon_vm "$1" .state) == LOCAL ]]; } # HOST

# host3 keeps nothing of it, and has room for all of it.
is_gathered_by_nova() {
  local started
  say "-- it migrates to host3, which has room for all of it"
  started=$(now)
  live_migrate host3
  watch_migration "$started"
  arrived "$started" host3
  check "the plan says that it is gathered: $(plan_summary)" grep -q '^512 MB whole on host3' <<<"$(plan_summary)"
  check "all of it comes to its host" wait_for 120 "the server to be gathered" is_gathered host3
  check_books_soon "after it was gathered" "host1=6144 host2=6144 host3=5632" "host3=256"
  check "every byte is right" verified_from host3
}

is_split_again_and_gathered_where_it_is() {
  occupy host1 256
  moves_to host1 host2
  check_books_soon "split once more" "host1=0 host2=5888 host3=6144" "host2=256"
  vacate
  say "-- it is gathered on host1, where it is"
  (in_host host1 curl -sS -f -X POST -H 'Content-Type: application/json' -d '{}' \
    --unix-socket /run/splitmem/splitmemd.sock "http://splitmemd/v1/vms/$SERVER/gather") >/dev/null
  check "all of it comes to its host" wait_for 120 "the server to be gathered" is_gathered host1
  check_books_soon "after it was gathered" "host1=5632 host2=6144 host3=6144" "host1=256"
  check "every byte is right" verified_from host1
}

# arrived STARTED HOST
arrived() {
  wait_for 120 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$1") s: ACTIVE on $(server_host)"
  check "it runs at $2" test "$(server_host)" == "$2"
}

check_split() { # HOST SUB-HOST
  say "  resident $(daemon_vm "$1" .residentBytes) of $(daemon_vm "$1" .ramBytes), remote $(daemon_vm "$1" '.remoteBytes | tostring')"
  check "it is split" is_split "$1"
  check "pages are on $2" test "$(daemon_vm "$1" ".remoteBytes.$2")" -gt 0
}

check_nothing_left() {
  check "no memory stays lent" wait_for 30 "all reservations to be gone" nothing_lent
  check "no splitmemd knows a VM" wait_for 30 "splitmemd to forget it" nobody_knows
  check_books_soon "afterwards" "host1=6144 host2=6144 host3=6144" ""
}

nobody_knows() {
  local host
  for host in $(known_hosts); do
    [[ $( (in_host "$host" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/vms) | jq length) == 0 ]] || return 1
  done
}

prove_next() {
  local started plans answer
  say "== no sub-hosts for any destination: no valid host; for one of them: the conductor takes the next, and the copy is cut short"
  boot split.uneven host1 # 192 MB where it runs, 320 elsewhere
  boot_beside host3       # so Nova would rather take host2
  occupy host2 256        # enough for the main share, not for a sub-host's
  occupy host3 256
  refused_migration "no sub-hosts for 320 MB"
  check_books "after the refusal" "host1=5632 host2=256 host3=256" "host1=320"
  occupy host2 400 # not for all of it, but for host3's rest
  plans=$(plans_for host2)
  set_bandwidth 100mbit
  started=$(now)
  live_migrate ""
  wait_for 180 "everything to be sent once" sent_once || die "it is not copied"
  set_bandwidth "$SLOW" # it writes faster than that: left alone, it would go on
  check "host2 was tried, and refused for what it has not" test "$(plans_for host2)" -gt "$plans"
  say "  $(elapsed "$started") s: $(running_migration); now it is to be completed"
  answer=$(api POST "/servers/$SERVER/migrations/$(running_migration | cut -d ' ' -f 1)/action" '{"force_complete":null}')
  check "Nova takes it${answer:+: $answer}" test -z "$answer"
  check "splitmemd is told" wait_for 30 "splitmemd to be told" is_to_be_ready host1
  set_bandwidth off
  wait_for 120 "the migration to end" migration_is_over || die "the migration does not end"
  arrived "$started" host3
  check_split host3 host2
  check_books_soon "after it" "host1=6144 host2=80 host3=64" "host2=320"
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
  wait_for 60 "Nova to refuse" refused || die "Nova has not refused"
  said=$(action_messages)
  say "  Nova: $said"
  check "it says 'No valid host'" grep -q 'No valid host' <<<"$said"
  check "and why" grep -q "$1" <<<"$said"
  check "it runs on" server_is ACTIVE
}

refused() { last_action_failed && settled; }

# Every host has room for the main share of split.large (192 MB), none for all of it (1024 MB).
prove_resize() {
  local host
  say "== a server becomes by a resize one that fits no host whole"
  boot plain.small host1
  for host in host1 host2 host3; do occupy "$host" 900; done
  server_action "resize to split.large" VERIFY_RESIZE "{\"resize\":{\"flavorRef\":\"$(flavor_id split.large)\"}}"
  check "it is split" wait_for 30 "splitmemd to page it" is_split "$(server_host)"
  server_action "revert" ACTIVE '{"revertResize":null}'
  check "it is an ordinary one again" test "$(daemon_vm host1 .error.code)" == vm-not-found
  check_books "after the revert" "host1=900 host2=900 host3=900" ""
  server_action "resize to split.large" VERIFY_RESIZE "{\"resize\":{\"flavorRef\":\"$(flavor_id split.large)\"}}"
  server_action "confirm" ACTIVE '{"confirmResize":null}'
  check_born_split
  server_action "reboot hard" ACTIVE '{"reboot":{"type":"HARD"}}'
  check "it is split" wait_for 30 "splitmemd to page it" is_split "$(server_host)"
  server_action "stop" SHUTOFF '{"os-stop":null}'
  await_reconciliation
  check "its memory stays booked while it is shut off" test "$(booked_memory | cut -d = -f 2)" == 832
  server_action "start" ACTIVE '{"os-start":null}'
  check_born_split
  server_action "shelve" SHELVED_OFFLOADED '{"shelve":null}'
  check_books "while it is shelved" "host1=1412 host2=900 host3=900" ""
  occupy host1 900 # as before: the ordinary server that was there is gone
  server_action "unshelve" ACTIVE '{"unshelve":null}'
  check_born_split
  check "every byte is right" verified_from "$(server_host)"
  delete_server
  vacate
  check_nothing_left
}

# Until nova-bridge has compared all books three times: what is to be released is released in the second.
await_reconciliation() {
  local round
  for round in 1 2 3; do
    LAST=$(last_reconciliation)
    wait_for $((RECONCILE_SECONDS * 3)) "reconciliation $round" reconciled || die "nova-bridge does not reconcile"
  done
}

last_reconciliation() {
  (in_host "$CONTROLLER" curl -s "http://$CONTROLLER_ADDRESS:$BRIDGE_PORT/metrics") | awk '/^splitmem_bridge_reconcile_last_success/ { print $2 }'
}

reconciled() { [[ $(last_reconciliation) != "$LAST" ]]; }

# Split since its start, where it is; the whole of it booked: 192 MB there, 832 MB on one other host.
check_born_split() {
  local host remote
  host=$(server_host)
  wait_for 120 "the guest to fill its memory" guest_is_ready "$(server_console "$host")"
  say "  on $host: $(daemon_vm "$host" '"resident \(.residentBytes) of \(.ramBytes), remote \(.remoteBytes)"')"
  check "it is split" is_split "$host"
  remote=$(daemon_vm "$host" '.remoteBytes | keys | join(" ")')
  check "it keeps to its 192 MB there" wait_for 60 "page-out" is_within "$host" $((192 << 20))
  say "  resident $(daemon_vm "$host" .residentBytes), remote $(daemon_vm "$host" '.remoteBytes | tostring')"
  check "$remote keeps pages of it" test "$(daemon_vm "$host" ".remoteBytes.$remote")" -gt 0
  check "832 MB on $remote are booked: $(booked_memory)" test "$(booked_memory)" == "$remote=832"
}

is_within() { (($(daemon_vm "$1" .residentBytes) <= $2)); } # HOST BYTES

is_to_be_ready() { grep -q "vm=$SERVER .* is to be ready after its current round" "$LOGS/$1/splitmemd.log"; } # HOST
sent_once() { [[ $(newest_of host1 .round) =~ ^[1-9] ]]; } # all of it; what was written meanwhile is being sent

prove_undone() {
  say "== migrations that are aborted, or lose somebody, leave the server where it was"
  boot split.small host1
  occupy host2 256
  set_bandwidth "$SLOW"
  undone_by_abort
  undone_by_lost_sub_host
  undone_by_lost_source
  undone_by_lost_compute
  set_bandwidth off
  check "every byte is right" verified_from host1
  delete_server
  vacate
  forget_novas_leftovers
  check_nothing_left
}

# begin_copy: sets STARTED and ID of Nova's migration.
begin_copy() {
  STARTED=$(now)
  live_migrate host2
  await_copy
}

await_copy() {
  wait_for 180 "the migration to copy" copying || die "the migration does not copy"
  ID=$(running_migration | cut -d ' ' -f 1)
}

# check_undone STATUS REASON: patterns of the status of Nova's migration, and of the reason that the bridge tells.
check_undone() {
  check_undone_but_free "$@"
  check_books_soon "after it" "host1=5632 host2=256 host3=6144" "host1=256"
}

check_undone_but_free() {
  wait_for 120 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$STARTED") s: ACTIVE on $(server_host); Nova: $(migration_status "$ID"); bridge: $(bridge_migration '.status + ", " + .reason')"
  check "it runs at host1" test "$(server_host)" == host1
  check "it is whole" test "$(daemon_vm host1 .state)" == LOCAL
  check "Nova's migration is $1" wait_for 30 "its status" migration_status_is "$ID" "$1" # told after the server's
  check "the reason is told" wait_for 30 "the reason" bridge_gives "$2" # nova-bridge looks at the migration once a second
  check "no memory stays lent" wait_for 30 "all reservations to be gone" nothing_lent
}

bridge_gives() { grep -q "$1" <<<"$(bridge_migration .reason)"; } # PATTERN

undone_by_abort() {
  say "-- aborted through Nova's API"
  begin_copy
  api DELETE "/servers/$SERVER/migrations/$ID" >/dev/null
  check_undone cancelled abort
}

undone_by_lost_sub_host() {
  say "-- the sub-host's splitmemd is killed between plan and copy"
  STARTED=$(now)
  live_migrate host2
  wait_for 120 "the migration to be planned" is_planned || die "no plan was seen"
  stop_process host3.splitmemd 10 KILL
  wait_for 60 "Nova's migration" migration_is_over
  start_daemon host3
  await_daemon host3
  ID=$(newest_migration .id)
  check_undone "error|failed" host3
}

is_planned() { [[ $(bridge_migration .status) =~ ^(planned|running)$ ]]; } # or begun just now
newest_migration() { api GET "/os-migrations?instance_uuid=$SERVER" | jq -r ".migrations | max_by(.id) | $1"; }
migration_is_over() { [[ $(newest_migration .status) =~ ^(error|failed|cancelled|completed)$ ]]; }

undone_by_lost_source() {
  say "-- the source's splitmemd is killed in mid-copy"
  begin_copy
  stop_process host1.splitmemd 10 KILL
  start_daemon host1
  await_daemon host1
  check_undone "error|failed" "no longer knows"
}

undone_by_lost_compute() {
  say "-- nova-compute at the source is killed in mid-copy"
  begin_copy
  stop_process host1.nova-compute 60 KILL
  start_nova_compute host1
  wait_for 90 "the split migration to be aborted" is_aborted host1
  check_undone_but_free "error|failed" abort
  say "  Nova leaves claims of its own in this case: $(free_memory)"
  check "ours are exact" wait_for 30 "our booking" booked_is host1=256
}

# Claims of servers and migrations that are no more; Nova's own means for it.
forget_novas_leftovers() {
  local status=0
  (in_host "$CONTROLLER" nova-manage --config-file "$ETC/nova/nova.conf" placement audit --delete) \
    >>"$LOGS/$CONTROLLER/nova-manage.log" 2>&1 || status=$?
  ((status == 0 || status == 4)) || die "nova-manage failed, see $LOGS/$CONTROLLER/nova-manage.log" # 4: there was something
}

prove_lost() {
  say "== nova-bridge and nova-conductor are killed in mid-copy: splitmemd and Nova go on, another bridge keeps the books"
  boot split.small host1
  occupy host2 256
  start_bridge 2
  set_bandwidth "$SLOW"
  begin_copy
  stop_process "$CONTROLLER.nova-bridge" 10 KILL
  hold_progress
  stop_process "$CONTROLLER.nova-conductor" 10 KILL
  check "Nova's migration was locked until then" release_progress
  say "  $(elapsed "$STARTED") s: killed, the conductor with progress of the migration in hand; it is started again"
  start_controller_services
  set_bandwidth "$PROOF_BANDWIDTH"
  watch_migration "$STARTED"
  set_bandwidth off
  arrived "$STARTED" host2
  check_split host2 host3
  wait_for 30 "the second bridge to notice" books_are "host1=6144 host2=0 host3=5888" "host3=256" || true
  check_books "though the first bridge is away" "host1=6144 host2=0 host3=5888" "host3=256"
  start_bridge 1
  check "the first bridge knows how it ended" test "$(bridge_migration .status)" == completed
  stop_process "$CONTROLLER.nova-bridge-2" 30
  check "every byte is right" verified_from host2
  delete_server
  vacate
  check_nothing_left
}

# What nova-compute writes of its migration gets as far as the conductor, and waits there: an answer that will never come.
hold_progress() {
  sql "START TRANSACTION; SELECT id FROM nova.migrations WHERE id = $ID FOR UPDATE; SELECT SLEEP(600);" >/dev/null 2>&1 &
  wait_for 30 "the conductor to write progress" progress_waits || die "the conductor writes no progress"
}

# False if nothing was held any more.
release_progress() {
  local holder
  holder=$(sql "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(600)'" | tail -n 1)
  [[ $holder =~ ^[0-9]+$ ]] && sql "KILL $holder"
}

progress_waits() {
  sql "SELECT info FROM information_schema.processlist WHERE time_ms > 300" | grep -q '^UPDATE migrations'
}

prove_outage() {
  local service ended short
  say "== Keystone, Placement and Kafka are killed for a minute in mid-copy, and the user's token ends meanwhile"
  boot split.small host1
  occupy host2 256
  restart_keystone 60
  # shellcheck disable=SC2034 # for clear_up
  SHORT_TOKENS=yes
  short=$( (openstack_client token issue -f value -c id) )
  set_bandwidth "$SLOW"
  STARTED=$(now)
  TOKEN=$short live_migrate host2
  await_copy
  for service in keystone placement kafka; do stop_process "$CONTROLLER.$service" 10 KILL; done
  say "  $(elapsed "$STARTED") s: killed; splitmemd: $(last_phase host1)"
  ended=$(($(date +%s) + 60))
  wait_for 90 "a minute to pass" eval "((\$(date +%s) >= $ended))"
  say "  $(elapsed "$STARTED") s: started again; splitmemd: $(last_phase host1)"
  check "the migration goes on" test "$(last_phase host1)" == PRECOPY
  restart_keystone
  # shellcheck disable=SC2034
  SHORT_TOKENS=""
  start_kafka
  start_controller_services
  await_service placement 60 port_is_open 8778
  set_bandwidth "$PROOF_BANDWIDTH"
  wait_for 240 "the migration to end" migration_is_over
  set_bandwidth off
  arrived "$STARTED" host2
  check "Nova's migration is completed" test "$(newest_migration .status)" == completed
  check_split host2 host3
  check_books_soon "after it" "host1=6144 host2=0 host3=5888" "host3=256"
  check "every byte is right" verified_from host2
  delete_server
  vacate
  check_nothing_left
}

restart_keystone() { # [SECONDS-OF-A-TOKEN]
  stop_process "$CONTROLLER.keystone" 20
  SPLITMEM_AIO_TOKEN_SECONDS=${1:-${SPLITMEM_AIO_TOKEN_SECONDS:-3600}} keystone_config >"$ETC/keystone/keystone.conf"
  start_keystone
}

prove_events() {
  local file=$STATE/events.json
  say "== what Kafka was told of all migrations and bookings"
  (in_host "$CONTROLLER" "$DIST/bin/splitmem" --json events --brokers "$CONTROLLER_ADDRESS:$KAFKA_PORT") >"$file"
  python3 "$DEVSTACK/aio/check_events.py" "$REPOSITORY/events/src/main/resources/schemas" <"$file"
  check "nova-bridge tells them, too" test "$(bridge GET "/v1/events?limit=5" | jq '.events | length')" == 5
}

# Its guest only reads its memory: before 9.0, QEMU's own migration of an emulated guest loses writes (QEMU's commit 03bfc2188f,
# "physmem: Fix migration dirty bitmap coherency with TCG memory access").
prove_plain() {
  local started
  say "== an ordinary server migrates as with stock Nova"
  boot plain.small host1 --image splitmem-guest-idle --nic none
  check "splitmemd does not know it" test "$(daemon_vm host1 .error.code)" == vm-not-found
  started=$(now)
  live_migrate host2
  watch_migration "$started"
  wait_for 60 "the server to be ACTIVE" server_is ACTIVE
  say "  $(elapsed "$started") s: ACTIVE on $(server_host)"
  check "it runs at host2" test "$(server_host)" == host2
  check "every byte is right" verified_from host2
  delete_server
  check_nothing_left
}
