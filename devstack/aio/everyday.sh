# shellcheck shell=bash
# Proofs of what operators and users do to a split server: a soft reboot, and an evacuation from a host that has died.

# Born where it may keep 256 MB: at host2, the other half on host3, as host1 has no room for it.
boot_split_at_host2() {
  occupy host1 100
  occupy host2 256
  boot split.small host2
  check "it is split" test "$(daemon_vm host2 .state)" == SPLIT
  check_books "before" "host1=100 host2=0 host3=5888" "host3=256"
}

prove_soft_reboot() {
  local before console
  say "== a split server that is rebooted softly comes up split as it was"
  boot_split_at_host2
  console=$(server_console host2)
  before=$(qemu_pid host2)
  server_action "reboot soft" ACTIVE '{"reboot":{"type":"SOFT"}}'
  check "the guest went off when it was asked to" not_rebooted_hard
  check "it is another QEMU" test "$(qemu_pid host2)" != "$before"
  wait_for 120 "the guest to fill its memory" guest_is_ready "$console"
  check_split host2 host3
  check "it keeps to its 256 MB there" wait_for 60 "page-out" is_within host2 $((256 << 20))
  say "  resident $(daemon_vm host2 .residentBytes), remote $(daemon_vm host2 '.remoteBytes | tostring')"
  await_reconciliation
  check_books "after the reboot" "host1=100 host2=0 host3=5888" "host3=256"
  check "every byte is right" verified_from host2
  delete_server
  vacate
  check_nothing_left
}

qemu_pid() { cat "$HOSTS/$1/run-libvirt/qemu/$(server_field OS-EXT-SRV-ATTR:instance_name).pid"; } # HOST
not_rebooted_hard() { ! grep "$SERVER" "$LOGS/host2/nova-compute.log" | grep -q 'Failed to soft reboot'; }

prove_evacuate() {
  local answer started
  say "== the host of a split server dies; evacuated, it is split elsewhere, and the dead one's memory comes back"
  boot_split_at_host2
  started=$(now)
  kill_host host2
  api PUT "/os-services/$(compute_service host2)" '{"forced_down":true}' >/dev/null
  vacate
  occupy host1 256 # so it needs host3 again, which lends to its earlier life still
  say "  $(elapsed "$started") s: host2 is dead and forced down"
  answer=$(api POST "/servers/$SERVER/action" '{"evacuate":{"host":"host1"}}')
  [[ $answer != *'"code"'* ]] || die "Nova refuses to evacuate: $answer"
  wait_for 240 "the evacuation" evacuated || die "no evacuation: $(server_field status), $(server_field fault | cut -c1-600)"
  [[ $(server_field status) == ACTIVE ]] || die "the evacuation ended as $(server_field status): $(server_field fault | cut -c1-600)"
  say "  $(elapsed "$started") s: ACTIVE on $(server_host)"
  check "it runs at host1" test "$(server_host)" == host1
  wait_for 120 "the guest to fill its memory" guest_is_ready "$(server_console host1)"
  check_split host1 host3
  # Nova keeps its claim at host2 until its nova-compute is back.
  check_books_soon "while host2 is dead" "host1=0 host2=5888 host3=5888" "host3=256"
  check "what the dead one had borrowed is back" wait_for 120 "its reservations to be released" lends_only_that host3 host1
  check "every byte is right" verified_from host1
  say "-- host2 comes back"
  start_missing
  check "Nova's claim there is gone" wait_for 120 "the claim" books_are "host1=0 host2=6144 host3=5888" "host3=256"
  api PUT "/os-services/$(compute_service host2)" '{"forced_down":false}' >/dev/null # not before its nova-compute has cleaned up
  wait_for 120 "nova-compute of host2" computes_are_up
  await_reconciliation
  check_books "after the old host's return" "host1=0 host2=6144 host3=5888" "host3=256"
  check "nothing runs there" test -z "$(guests_of host2)"
  check "it runs on at host1" server_is ACTIVE
  check "what host3 lends is still its" lends_only_that host3 host1
  check "every byte is right" verified_from host1
  delete_server
  vacate
  check_nothing_left
}

compute_service() { api GET "/os-services?host=$1&binary=nova-compute" | jq -r '.services[0].id'; } # HOST
evacuated() { [[ $(server_field status) == ERROR ]] || { server_is ACTIVE && [[ $(server_host) != host2 ]]; }; }
# As when the power fails, but that its network and its disks remain: nothing is closed, flushed or reported.
kill_host() { # HOST
  local service qemu
  qemu=$(qemu_pid "$1")
  for service in splitmemd nova-compute libvirtd; do
    kill -s KILL "$(running_pid "$1.$service")"
    rm -f "$RUN/$1.$service"
  done
  kill -s KILL "$qemu"
}

# lends_only_that HOST MAIN-HOST: all that HOST lends is what the server at MAIN-HOST has reserved there.
lends_only_that() {
  local lent
  lent=$( (in_host "$1" curl -sS --unix-socket /run/splitmem/splitmemd.sock http://splitmemd/v1/host) | jq .lentBytes)
  ((lent > 0)) && [[ $lent == "$(daemon_vm "$2" ".reservedBytes.$1")" ]]
}
