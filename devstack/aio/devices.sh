# shellcheck shell=bash
# What a server has besides its memory: a network card, a config drive, and a volume that its guest writes and verifies all the time.

# For boot, in place of a server without any.
# shellcheck disable=SC2034 # for the proofs
WITH_DEVICES=(--image splitmem-guest-devices --network servers --config-drive true
  --block-device "source_type=blank,destination_type=volume,volume_size=1,delete_on_termination=true")

# service_api PORT PATH: of Neutron or Cinder.
service_api() {
  (in_host "$CONTROLLER" curl -sS --max-time 60 -H "X-Auth-Token: $TOKEN" "http://$CONTROLLER_ADDRESS:$1$2")
}

server_port() { service_api 9696 "/v2.0/ports?device_id=$SERVER" | jq -r ".ports[0].$1"; } # JQ
server_address() { server_port 'fixed_ips[0].ip_address'; }
server_volume() { api GET "/servers/$SERVER/os-volume_attachments" | jq -r '.volumeAttachments[0].volumeId'; }
project_id() { api GET "/servers/$SERVER" | jq -r .server.tenant_id; }
volume_host() { service_api 8776 "/v3/$(project_id)/volumes/$(server_volume)" | jq -r '[.volume.attachments[].host_name] | join(" ")'; }

config_sum() { tr -d '\r' <"$1" | sed -n 's/^CONFIG \([0-9a-f]\{32\}\)$/\1/p' | tail -n 1; }                                    # CONSOLE
has_config_sum() { [[ -n $(config_sum "$1") ]]; }                                                                                # CONSOLE
disk_report() { tr -d '\r' <"$1" | grep -E '^DISK bad [0-9]+ written [0-9]+ verified [0-9]+ sweep [0-9]+$' | tail -n 1; }       # CONSOLE
disk_value() { disk_report "$1" | awk -v name="$2" '{ for (i = 2; i < NF; i += 2) if ($i == name) print $(i + 1) }'; }           # CONSOLE NAME
disk_swept() { (($(disk_value "$1" sweep || echo 0) > $2)); }                                                                    # CONSOLE SWEEP
devices_failed() { grep -aE '^(DISK (BAD|FAILED)|FAILED devices)' "$1"; }                                                        # CONSOLE
devices_work() { [[ -n $(disk_report "$1") && -n $(config_sum "$1") ]] || devices_failed "$1"; }                                 # CONSOLE

# Sets ADDRESS and CONFIG_SUM.
await_devices() { # HOST
  local console
  console=$(server_console "$1")
  wait_for 120 "the guest to work on its devices" devices_work "$console" || die "the guest's devices do not work, see $console"
  PLUGGED=0
  ADDRESS=$(server_address)
  CONFIG_SUM=$(config_sum "$console")
  check "the guest has the address that its config drive says" grep -aq "^NETWORK $ADDRESS $(server_port mac_address)" "$console"
  check_devices "$1"
}

# check_devices HOST: they are at the host, for Neutron and Cinder, too, and every byte of them is right.
check_devices() {
  local console before
  console=$(server_console "$1")
  check "Neutron's port is bound to $1" test "$(server_port '"binding:host_id"')" == "$1"
  check "and active" wait_for 30 "the port" port_is_active
  check "Neutron told Nova that it is plugged in" wait_for 30 "the event" was_plugged_again
  PLUGGED=$(plugged_events)
  check "the guest answers at $ADDRESS" answers "$1"
  check "Cinder's volume is attached to $1" test "$(volume_host)" == "$1"
  wait_for 60 "the disk to go on" disk_swept "$console" -1 || true
  before=$(disk_value "$console" sweep)
  check "the guest verifies the whole volume" wait_for 180 "two sweeps of it" disk_swept "$console" $((before + 1))
  wait_for 60 "the guest to read its config drive" has_config_sum "$console" || true # its console begins anew with each host
  check "and its config drive is the same" test "$(config_sum "$console")" == "$CONFIG_SUM"
  check "no wrong byte: $(disk_report "$console")" test "$(disk_value "$console" bad)" == 0
  check "no error of a device" not_failed "$console"
  check_volume_from_outside "$1"
}

answers() { # HOST: or prints where its frames go instead
  wait_for 60 "an answer" reached "$ADDRESS" && return
  in_switch bridge fdb show br br1 | grep -i "$(server_port mac_address)" || say "  br1 knows no port for it"
  vsctl "$1" show
  (in_host "$1" ovs-ofctl dump-flows br-int)
  say "  the guest: $(guest_report "$(server_console "$1")")"
  return 1
}

port_is_active() { [[ $(server_port status) == ACTIVE ]]; }
not_failed() { ! devices_failed "$1"; }
# Nova keeps an event for the host that the server is of; while it migrates that is still the source.
plugged_events() { grep -c "network-vif-plugged:$(server_port id) for instance $SERVER on " "$LOGS/$CONTROLLER/nova-api.log" || true; }
was_plugged_again() { (($(plugged_events) > PLUGGED)); }

# What the controller's side of the share has, while the guest stands still: at least all that the guest has reported as written.
check_volume_from_outside() { # HOST
  local name written said
  name=$(server_field OS-EXT-SRV-ATTR:instance_name)
  (in_host "$1" virsh -q -c qemu:///system suspend "$name") >/dev/null
  written=$(disk_value "$(server_console "$1")" written)
  said=$(python3 "$DEVSTACK/aio/check_volume.py" "$BRICK/volume-$(server_volume)" 16 "$written" 2>&1) || said="not so: $said"
  (in_host "$1" virsh -q -c qemu:///system resume "$name") >/dev/null
  check "the share has it: $said" test "${said#not so}" == "$said"
}

# While a server migrates: begin_pinging; then end_pinging, which prints the longest silence.
begin_pinging() {
  PINGS=$STATE/pings
  nsenter --net="$NAMESPACES/switch.net" busybox ping -i 0.2 "$ADDRESS" >"$PINGS" 2>&1 & # no function: $! has to be its own
  PINGING=$!
}

stop_pinging() {
  [[ -n ${PINGING:-} ]] || return 0
  kill "$PINGING" 2>/dev/null || true
  wait "$PINGING" 2>/dev/null || true
  PINGING=""
}

end_pinging() {
  stop_pinging
  say "  the guest answered $(grep -c ' seq=' "$PINGS") pings meanwhile; $(longest_silence <"$PINGS") in a row got no answer"
}

longest_silence() { sed -n 's/.* seq=\([0-9]*\) .*/\1/p' | awk 'NR > 1 && $1 - last - 1 > gap { gap = $1 - last - 1 } { last = $1 } END { print gap + 0 }'; }
