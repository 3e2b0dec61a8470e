# shellcheck shell=bash
# splitmemd of a host. The cluster runs a copy of the distribution, so a build going on beside it does not pull jars from
# under running daemons; up and restart-daemon renew the copy.

DIST=$STATE/dist
LEND_FILE=$STATE/lend
KEY_FILE=$STATE/cluster.key

distribution_is_built() { [[ -x $DISTRIBUTION/bin/splitmemd ]]; }

# Replaces only files that differ, and by rename: a mapped library or an open jar of a running process stays what it was.
copy_distribution() {
  local path
  mkdir -p "$DIST/native"
  distribution_is_built || return 0
  while IFS= read -r -d '' path; do
    cmp -s "$DISTRIBUTION/$path" "$DIST/$path" && continue
    mkdir -p "$DIST/$(dirname "$path")"
    cp -p "$DISTRIBUTION/$path" "$DIST/$path.new"
    mv -f "$DIST/$path.new" "$DIST/$path"
  done < <(cd "$DISTRIBUTION" && find . -type f -print0)
  while IFS= read -r -d '' path; do # an old jar beside the new one would be on the class path too
    [[ -e $DISTRIBUTION/$path ]] || rm -f "${DIST:?}/$path"
  done < <(cd "$DIST" && find . -type f -print0)
}

create_cluster_key() {
  [[ -s $KEY_FILE ]] && return 0
  (umask 077 && head -c 32 /dev/urandom | base64 -w 0 | tr '+/' '-_' >"$KEY_FILE")
}

# Lines of hosts/NAME/extra.conf, for tests, are added to the usual ones or replace those of the same key.
daemon_config() {
  local extra=$HOSTS/$1/extra.conf
  if [[ ! -s $extra ]]; then
    usual_config "$1"
    return
  fi
  usual_config "$1" | awk -F ' *= *' 'NR == FNR { replaced[$1]; next } !($1 in replaced)' "$extra" -
  cat "$extra"
}

# A daemon is given only the other hosts as peers, all of them; none if nova-bridge tells it (TOLD_PEERS=yes).
usual_config() {
  local name=$1 other peers=""
  if [[ ${TOLD_PEERS:-no} == no ]]; then
    for other in $(known_hosts); do
      [[ $other == "$name" ]] || peers+="${peers:+, }$other@$(host_address "$other")"
    done
    printf 'peers = %s\n' "$peers"
  fi
  cat <<EOF
host.name = $name
control.address = $(host_address "$name")
cluster.key-file = /etc/splitmem/cluster.key
memory.directory = /var/lib/splitmem/mem
memory.lend-limit = $(cat "$LEND_FILE" 2>/dev/null || echo 8GiB)
shim.library = /usr/lib/splitmem/libsplitmem-shim.so
shim.allowed-users = root
EOF
}

# configure_host_names and configure_daemon come after all hosts are known. Both write in place where a file is a mount point.
configure_host_names() {
  local name=$1 other
  {
    printf '127.0.0.1 localhost\n'
    for other in $(known_hosts); do printf '%s %s\n' "$(host_address "$other")" "$other"; done
  } >"$HOSTS/$name/etc-hosts"
}

# Succeeds if the config changed.
configure_daemon() {
  local etc=$HOSTS/$1/etc-splitmem
  install -m 0600 "$KEY_FILE" "$etc/cluster.key"
  daemon_config "$1" >"$etc/splitmem.conf.new"
  if cmp -s "$etc/splitmem.conf.new" "$etc/splitmem.conf"; then
    rm "$etc/splitmem.conf.new"
    return 1
  fi
  mv "$etc/splitmem.conf.new" "$etc/splitmem.conf"
}

# install_hook NAME: into libvirt's hook directory. libvirtd looks for hooks only when it starts; guests do not notice a restart.
install_hook() {
  local name=$1 hook=$HOSTS/$1/etc-libvirt/hooks/qemu.d/splitmem first=no
  [[ -e $DIST/hooks/splitmem ]] || return 0
  [[ -e $hook ]] || first=yes
  cmp -s "$DIST/hooks/splitmem" "$hook" || install -m 0755 "$DIST/hooks/splitmem" "$hook"
  if [[ $first == yes ]] && is_running "$name.libvirtd"; then stop_process "$name.libvirtd" 10; fi
}

daemon_answers() {
  (in_host "$1" curl -fsS --max-time 2 --unix-socket /run/splitmem/splitmemd.sock http://localhost/healthz) >/dev/null 2>&1
}

start_daemon() { # NAME: does nothing if it runs
  is_running "$1.splitmemd" && return 0
  start_in_host "$1" splitmemd "$DIST/bin/splitmemd" --config /etc/splitmem/splitmem.conf
}

await_daemon() { # NAME
  local log=$LOGS/$1/splitmemd.log
  if ! wait_for 60 "splitmemd of $1 to answer" daemon_answers_or_ended "$1" || ! is_running "$1.splitmemd"; then
    tail -n 5 "$log" >&2
    die "splitmemd of $1 did not start (log: $log)"
  fi
}

daemon_answers_or_ended() { is_stopped "$1.splitmemd" || daemon_answers "$1"; }
