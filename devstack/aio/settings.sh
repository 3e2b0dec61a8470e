# shellcheck shell=bash
# shellcheck disable=SC2034 # for the other parts
# Names, addresses and packages of the small OpenStack.

CONTROLLER=controller
CONTROLLER_ADDRESS=$SUBNET.100
CACHE=$STATE/cache # survives down
PASSWORD_FILE=$CACHE/password
PYTHON_TREE=$STATE/python # our Python packages, on the path of every Nova service
NOVA_VIRT=$STATE/nova-virt # a copy of Nova's nova/virt with our driver in it; the hosts see it in place of the real one
NOVA_PACKAGE=/usr/lib/python3/dist-packages/nova

MAX_HOSTS=9
RECONCILE_SECONDS=${SPLITMEM_AIO_RECONCILE_SECONDS:-5}
TELEMETRY_SECONDS=2
KAFKA_LIB=${SPLITMEM_KAFKA_LIB:-/var/lib/splitmem-kafka-lib} # as other brokers on this machine

PACKAGES=(qemu-system-x86 qemu-utils libvirt-daemon-system libvirt-clients iproute2 util-linux curl busybox-static cpio gcc libc6-dev
  mariadb-server rabbitmq-server keystone placement-api glance-api neutron-server
  nova-api nova-conductor nova-scheduler nova-compute nova-compute-qemu
  python3-openstackclient python3-osc-placement python3-pymysql python3-pip python3-setuptools python3-wheel
  uwsgi-core uwsgi-plugin-python3 openssh-server openssh-client jq python3-jsonschema
  neutron-openvswitch-agent openvswitch-switch ethtool cinder-api cinder-scheduler cinder-volume glusterfs-server genisoimage)

# The packages' configuration scripts would otherwise set up databases and services of this machine.
PACKAGES_ASKING=(nova-common:nova nova-api:nova keystone:keystone glance-common:glance glance-api:glance neutron-common:neutron
  neutron-server:neutron placement-common:placement placement-api:placement cinder-common:cinder cinder-api:cinder cinder-volume:cinder)

host_address() { # NAME
  if [[ $1 == "$CONTROLLER" ]]; then
    printf '%s\n' "$CONTROLLER_ADDRESS"
  else
    printf '%s.%s\n' "$SUBNET" "$(host_number "$1")"
  fi
}

# What a host has for itself besides libvirt's and splitmemd's files: all of them the share, compute hosts Nova and the switch.
further_directories() { # NAME
  printf '%s\n' "/run/gluster:$HOSTS/$1/run-gluster"
  [[ $1 != controller ]] || return 0
  printf '%s\n' "/etc/nova:$HOSTS/$1/etc-nova" "/var/lib/nova:$HOSTS/$1/lib-nova" "/root/.ssh:$HOSTS/$1/ssh" \
    "/run/sshd:$HOSTS/$1/run-sshd" "$NOVA_PACKAGE/virt:$NOVA_VIRT" \
    "/etc/openvswitch:$HOSTS/$1/etc-openvswitch" "/run/openvswitch:$HOSTS/$1/run-openvswitch" "/var/log/openvswitch:$LOGS/$1/openvswitch"
}

# The databases, and with them the passwords in them, are made once and kept in the cache.
create_password() {
  mkdir -p "$CACHE"
  [[ -s $PASSWORD_FILE ]] || (umask 077 && head -c 15 /dev/urandom | base64 | tr -d '+/=\n' >"$PASSWORD_FILE")
  PASSWORD=$(cat "$PASSWORD_FILE")
}

install_openstack() {
  local asking missing
  mapfile -t missing < <(packages_missing "${PACKAGES[@]}")
  ((${#missing[@]})) || return 0
  if command -v debconf-set-selections >/dev/null; then
    for asking in "${PACKAGES_ASKING[@]}"; do
      printf '%s %s/%s boolean false\n' "${asking%:*}" "${asking#*:}" configure_db "${asking%:*}" "${asking#*:}" register-endpoint
    done | debconf-set-selections
  fi
  install_packages "${PACKAGES[@]}"
}
