# shellcheck shell=bash
# A host is three namespaces (network, mount, UTS) pinned by bind mounts under $NAMESPACES. No process keeps them alive, so
# nothing that crashes or is killed takes a host, or the guest RAM in its tmpfs, with it; down unpins them.

NAMESPACES=$STATE/ns
HOSTS=$STATE/hosts # files of the hosts: config, run directories
LOGS=$STATE/log    # survive down, for looking at what went wrong
HOST_PREFIX=${HOST_PREFIX:-h} # hosts are this and a number; whoever sources this may set it before

inode() { stat -L -c %i "$1"; }

# is_pinned NAME.KIND: is there a namespace on this pin? Without one, the pin is an empty file of the state directory's device.
is_pinned() { [[ -e $NAMESPACES/$1 && $(stat -f -c %T "$NAMESPACES/$1") == nsfs ]]; }

# A mount namespace can only be pinned below a private mount.
prepare_pins() {
  mkdir -p "$NAMESPACES"
  mountpoint -q "$NAMESPACES" && return 0
  mount --bind "$NAMESPACES" "$NAMESPACES"
  mount --make-private "$NAMESPACES"
}

release_pins() {
  if mountpoint -q "$NAMESPACES"; then umount "$NAMESPACES"; fi
  rm -rf --one-file-system "$NAMESPACES"
}

unpin() {
  local pin
  for pin in "$@"; do
    if is_pinned "$pin"; then umount "$NAMESPACES/$pin"; fi
    rm -f "$NAMESPACES/$pin"
  done
}

host_is_made() { [[ -e $HOSTS/$1/made ]] && is_pinned "$1.net" && is_pinned "$1.uts" && is_pinned "$1.mnt"; }

known_hosts() { # names of all hosts that exist, whole or broken, in numeric order
  [[ -d $HOSTS ]] || return 0
  find "$HOSTS" -mindepth 1 -maxdepth 1 -name "${HOST_PREFIX}[0-9]*" -printf '%f\n' | sort -V
}

# in_host NAME COMMAND...: replaces this shell by COMMAND in the host. Proxy settings of the caller lead nowhere from in there.
in_host() {
  local name=$1
  shift
  exec nsenter --net="$NAMESPACES/$name.net" --uts="$NAMESPACES/$name.uts" --mount="$NAMESPACES/$name.mnt" \
    env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY -u all_proxy -u ALL_PROXY \
    PATH="$DIST/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin${JAVA_HOME:+:$JAVA_HOME/bin}" "$@"
}

# The directories a host has for itself: "path in the host:directory of the state". Also the mount points' order.
host_directories() {
  local name=$1
  printf '%s\n' "/etc/libvirt:$HOSTS/$name/etc-libvirt" "/run/libvirt:$HOSTS/$name/run-libvirt" \
    "/var/lib/libvirt:$HOSTS/$name/lib-libvirt" "/var/cache/libvirt:$HOSTS/$name/cache-libvirt" \
    "/var/log/libvirt:$LOGS/$name/libvirt" "/etc/splitmem:$HOSTS/$name/etc-splitmem" \
    "/run/splitmem:$HOSTS/$name/run-splitmem" "/var/lib/splitmem:$HOSTS/$name/lib-splitmem" "/usr/lib/splitmem:$DIST/native"
  further_directories "$name"
}

# What the hosts of somebody who sources this need besides, in the same form.
further_directories() { :; }

# create_host NAME: namespaces with the host's own view of the file system. The file "made" comes last: a host without it is broken.
create_host() {
  local name=$1 dir=$HOSTS/$1 to from
  rm -rf --one-file-system "${LOGS:?}/$name"
  mkdir -p "$dir"
  while IFS=: read -r to from; do
    mkdir -p "$from" "$to" # the mount points in / stay behind, empty
  done < <(host_directories "$name")
  # Identities derive from the name, so they are the same after every down and up.
  printf 'splitmem-devstack %s' "$name" | md5sum | cut -c 1-32 >"$dir/machine-id"
  : >>"$dir/etc-hosts"
  pin_namespaces "$name" || die "could not make the namespaces of $name"
  host_directories "$name" | (in_host "$name" bash -euc "$(declare -f mount_host)
    HOSTS='$HOSTS' NAMESPACES='$NAMESPACES'; mount_host '$name'") ||
    die "could not set up the file systems of $name"
  connect_host "$name"
  complete_host "$name"
  : >"$dir/made"
}

# A mount namespace can be pinned only in one with a smaller number. In a root, whose mount namespace has no small one, that is a matter of
# the CPU since Linux 6.18, where numbers rise on each CPU, but not from one to another: one that the first CPU makes may be refused
# (EINVAL). Where the root's was made, it succeeds.
pin_namespaces() { # NAME
  local pins=$NAMESPACES/$1 cpu error
  for ((cpu = 0; cpu < $(nproc --all); cpu++)); do
    unpin "$1.mnt" "$1.uts" "$1.net" # a refused try leaves some of them
    touch "$pins".{net,uts,mnt}
    error=$(taskset -c "$cpu" unshare --net="$pins.net" --uts="$pins.uts" --mount="$pins.mnt" --propagation private \
      true 2>&1) && return 0
  done
  warn "$error"
  return 1
}

# What else a new host gets, from those who source this.
complete_host() { :; }

# Runs inside the new namespaces, with the list of host_directories as its input.
mount_host() {
  local name=$1 to from
  hostname "$name"
  umount -l "$NAMESPACES" # copies of other hosts' pins would keep those hosts alive
  if mountpoint -q /run/netns; then umount -R -l /run/netns; fi
  while IFS=: read -r to from; do mount --bind "$from" "$to"; done
  mkdir -p /run/libvirt/qemu /var/lib/libvirt/{images,qemu,boot} /var/lib/splitmem/mem /run/splitmem/qmp
  mount -t tmpfs -o size=100%,mode=0700 "splitmem-$name" /var/lib/splitmem/mem
  mount --bind "$HOSTS/$name/etc-hosts" /etc/hosts
  [[ ! -e /etc/machine-id ]] || mount --bind "$HOSTS/$name/machine-id" /etc/machine-id
  # A sysfs of this network namespace; without cgroups below it, libvirt leaves the machine's cgroups alone.
  umount -l /sys
  mount -t sysfs sysfs /sys
  # The system's D-Bus and systemd must not learn of our domains: names like qemu-1-vm would clash between the hosts.
  for to in /run/dbus /run/systemd; do [[ ! -d $to ]] || mount -t tmpfs -o size=64k,mode=0755 none "$to"; done
}

# pids_in NAME...: the processes inside the hosts' network or mount namespaces, one a line.
pids_in() {
  local name inodes=""
  for name in "$@"; do
    if is_pinned "$name.net"; then inodes+=" $(inode "$NAMESPACES/$name.net")"; fi
    if is_pinned "$name.mnt"; then inodes+=" $(inode "$NAMESPACES/$name.mnt")"; fi
  done
  [[ -n $inodes ]] || return 0
  # Processes end while we look: what stat cannot read any more is not of interest.
  { stat -L -c '%i %n' /proc/[0-9]*/ns/net /proc/[0-9]*/ns/mnt 2>/dev/null || true; } |
    awk -v inodes="$inodes" 'BEGIN { n = split(inodes, a, " "); for (i = 1; i <= n; i++) wanted[a[i]] = 1 }
      $1 in wanted { split($2, path, "/"); if (!seen[path[3]]++) print path[3] }'
}

nobody_in() { [[ -z $(pids_in "$@") ]]; }

# destroy_hosts NAME...: all processes in them, the namespaces, and the files; logs stay.
destroy_hosts() {
  local name service pid pids
  for name in "$@"; do
    for service in splitmemd libvirtd; do
      if pid=$(running_pid "$name.$service"); then kill -s KILL "$pid" 2>/dev/null || true; fi
    done
  done
  # QEMU and whatever else was started in there. SIGKILL: a guest has no disk to flush, and the shim may hold an ordinary exit.
  if ! wait_for 10 "the processes in $* to die" kill_all_in "$@"; then
    pids=$(pids_in "$@" | tr '\n' ' ')
    die "these processes do not die: $pids"
  fi
  for name in "$@"; do
    unpin "$name.mnt" "$name.uts" "$name.net"
    rm -rf --one-file-system "${HOSTS:?}/$name"
    rm -f "$RUN/$name".*
  done
}

# Kills once more and says whether none was left.
kill_all_in() {
  local pids
  mapfile -t pids < <(pids_in "$@")
  ((${#pids[@]})) || return 0
  kill -s KILL "${pids[@]}" 2>/dev/null || true
  return 1
}
