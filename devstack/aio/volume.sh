# shellcheck shell=bash
# The servers' volumes: Cinder, its NFS driver, and a share that all hosts see.
#
# Cinder's LVM driver needs the kernel's device mapper and iSCSI, its NFS driver the kernel's NFS; virtual machines with small
# kernels have none of them, nor can they load modules. So the share is GlusterFS: a server and clients in user space (FUSE), over
# the hosts' network, which libvirt takes for what it is, a file system shared between hosts. For Cinder and Nova it is
# an NFS share: $SHARE_PROGRAMS is at the head of their PATH, and "mount" in there mounts GlusterFS where they ask for NFS.

SHARE=$CONTROLLER_ADDRESS:/volumes
SHARE_PROGRAMS=$STATE/share-programs
BRICK=$STATE/volumes # what is behind the share
SHARE_PORT=24007

# One server, one brick. No translator that caches: one host has to see what another has written.
share_server() {
  cat <<EOF
volume files
  type storage/posix
  option directory $BRICK
end-volume
volume locks
  type features/locks
  subvolumes files
end-volume
volume volumes
  type performance/io-threads
  subvolumes locks
end-volume
volume server
  type protocol/server
  option transport-type tcp
  option transport.socket.bind-address $CONTROLLER_ADDRESS
  option transport.socket.listen-port $SHARE_PORT
  option auth.addr.volumes.allow $SUBNET.*
  subvolumes volumes
end-volume
EOF
}

share_client() {
  cat <<EOF
volume client
  type protocol/client
  option transport-type tcp
  option remote-host $CONTROLLER_ADDRESS
  option remote-port $SHARE_PORT
  option remote-subvolume volumes
end-volume
EOF
}

start_share() {
  mkdir -p "$BRICK"
  start_on_controller share glusterfsd --no-daemon --volfile="$ETC/share/server.vol" --log-file="$LOGS/$CONTROLLER/share.log" \
    --pid-file="$STATE/run/share.pid"
  await_service share 30 port_is_open "$SHARE_PORT"
}

write_share_config() {
  mkdir -p "$ETC/share" "$SHARE_PROGRAMS"
  share_server >"$ETC/share/server.vol"
  share_client >"$ETC/share/client.vol"
  cat >"$SHARE_PROGRAMS/mount" <<EOF
#!/bin/bash
# mount -t nfs [-o OPTIONS] SHARE DIRECTORY mounts GlusterFS; everything else is for the real one.
if [[ \$1 == -t && \$2 == nfs ]]; then
  exec glusterfs --volfile="$ETC/share/client.vol" --log-file="$LOGS/\$(hostname)/share-client.log" --fs-display-name="\${@: -2:1}" "\${@: -1}"
fi
exec /usr/bin/mount "\$@"
EOF
  printf '#!/bin/sh\necho "mount.nfs: see mount"\nexit 1\n' >"$SHARE_PROGRAMS/mount.nfs" # Cinder looks whether it is there
  chmod 0755 "$SHARE_PROGRAMS"/*
}

with_share() { printf 'PATH=%s:%s/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' "$SHARE_PROGRAMS" "$DIST"; }

cinder_config() {
  local section
  cat <<EOF
[DEFAULT]
transport_url = $(rabbit)
my_ip = $CONTROLLER_ADDRESS
host = $CONTROLLER
auth_strategy = keystone
osapi_volume_listen = $CONTROLLER_ADDRESS
osapi_volume_workers = 1
state_path = $STATE/cinder
api_paste_config = $ETC/cinder/api-paste.ini
enabled_backends = share
[database]
connection = $(database cinder)
[share]
volume_driver = cinder.volume.drivers.nfs.NfsDriver
volume_backend_name = share
nfs_shares_config = $ETC/cinder/shares
nfs_mount_point_base = $STATE/cinder/mnt
nas_secure_file_operations = false
nas_secure_file_permissions = false
[oslo_concurrency]
lock_path = $STATE/locks
$(token_validation cinder)
EOF
  for section in privsep cinder_sys_admin privsep_osbrick; do
    printf '[%s]\nhelper_command = privsep-helper --config-file %s\n' "$section" "$ETC/cinder/cinder.conf"
  done
}

write_cinder_config() {
  mkdir -p "$ETC/cinder" "$STATE/cinder/mnt"
  cinder_config >"$ETC/cinder/cinder.conf"
  cp "$(shipped cinder api-paste.ini)" "$ETC/cinder/"
  printf '%s\n' "$SHARE" >"$ETC/cinder/shares"
  write_share_config
}

start_cinder() {
  local service
  start_share
  for service in api scheduler volume; do
    start_on_controller "cinder-$service" env "$(with_share)" "cinder-$service" --config-file "$ETC/cinder/cinder.conf"
  done
}

volumes_are_served() {
  (openstack_client volume service list -f value -c Binary -c State) | grep -q '^cinder-volume up'
}
