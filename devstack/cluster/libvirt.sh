# shellcheck shell=bash
# libvirtd of a host.

CAPABILITIES=$STATE/cache/qemu-capabilities

# Our own small files instead of copies of /etc/libvirt: what the machine's own libvirtd is configured for must not leak in.
configure_libvirt() {
  local name=$1 etc=$HOSTS/$1/etc-libvirt address id
  address=$(host_address "$name")
  id=$(sed -E 's/(.{8})(.{4})(.{4})(.{4})(.{12})/\1-\2-\3-\4-\5/' "$HOSTS/$name/machine-id")
  mkdir -p "$etc/hooks/qemu.d"
  cat >"$etc/libvirtd.conf" <<EOF
listen_tls = 0
listen_tcp = 1
listen_addr = "$address"
tcp_port = "16509"
auth_tcp = "none"
auth_unix_rw = "none"
host_uuid = "$id"
log_outputs = "2:stderr"
EOF
  # stdio_handler: QEMU writes its logs and consoles itself. With virtlogd they would stop for good when that is killed.
  cat >"$etc/qemu.conf" <<EOF
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
seccomp_sandbox = 1
stdio_handler = "file"
migration_address = "0.0.0.0"
migration_host = "$address"
EOF
}

# libvirtd asks QEMU for its capabilities (seconds, once per host) unless its cache knows them for just these binaries.
capabilities_key() {
  { stat -c '%n %z' /usr/sbin/libvirtd /usr/bin/qemu-system-* /usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so
    uname -r -v; stat -c %n /dev/kvm; } 2>/dev/null | md5sum || true
}

capabilities_are_cached() { [[ $(cat "$CAPABILITIES/key" 2>/dev/null) == "$(capabilities_key)" ]]; }

give_capabilities() { # NAME
  mkdir -p "$HOSTS/$1/cache-libvirt/qemu"
  if capabilities_are_cached; then cp -rT "$CAPABILITIES/files" "$HOSTS/$1/cache-libvirt/qemu/capabilities"; fi
}

take_capabilities() { # NAME: a host whose libvirtd runs
  local probed=$HOSTS/$1/cache-libvirt/qemu/capabilities
  say "$1: libvirt probes QEMU, once for all hosts"
  (in_host "$1" virsh -q -c qemu:///system capabilities) >/dev/null
  rm -rf "$CAPABILITIES"
  mkdir -p "$CAPABILITIES"
  cp -rT "$probed" "$CAPABILITIES/files"
  capabilities_key >"$CAPABILITIES/key"
}

libvirt_answers() { (in_host "$1" virsh -q -c qemu:///system uri) >/dev/null 2>&1; }

start_libvirt() { # NAME
  local name=$1
  if ! is_running "$name.libvirtd"; then
    start_in_host "$name" libvirtd /usr/sbin/libvirtd --listen --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/libvirtd.pid
  fi
  wait_for 60 "libvirtd of $name to answer (log: $LOGS/$name/libvirtd.log)" libvirt_answers "$name"
}

start_in_host() { # NAME SERVICE COMMAND...
  local name=$1 service=$2
  shift 2
  start_process "$name.$service" "$LOGS/$name/$service.log" bash -c "$(declare -f in_host); NAMESPACES='$NAMESPACES' DIST='$DIST'; in_host \"\$@\"" \
    bash "$name" "$@"
}

# Names of the guests whose QEMU runs on the host. Read from libvirt's status files: quick, and right without libvirtd.
guests_of() {
  local file pid
  for file in "$HOSTS/$1/run-libvirt/qemu/"*.xml; do
    pid=$(cat "${file%.xml}.pid" 2>/dev/null) || continue
    if [[ -d /proc/$pid && $(inode "/proc/$pid/ns/net") == "$(inode "$NAMESPACES/$1.net")" ]]; then basename "$file" .xml; fi
  done
}
