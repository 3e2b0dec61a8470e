# shellcheck shell=bash
# Every configuration file of the OpenStack services; nothing in /etc is changed. The controller's are in $ETC, a host's in the
# directory that it sees as /etc/nova.

ETC=$STATE/etc

database() { printf 'mysql+pymysql://root:%s@%s:3306/%s\n' "$PASSWORD" "$CONTROLLER_ADDRESS" "$1"; } # NAME
rabbit() { printf 'rabbit://guest:guest@%s:5672/\n' "$CONTROLLER_ADDRESS"; }
keystone_url() { printf 'http://%s:5000/v3\n' "$CONTROLLER_ADDRESS"; }

# service_auth USER: how a service signs in.
service_auth() {
  cat <<EOF
auth_type = password
auth_url = $(keystone_url)
username = $1
password = $PASSWORD
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
EOF
}

token_validation() { # USER
  printf '[keystone_authtoken]\n'
  service_auth "$1"
  printf 'www_authenticate_uri = %s\nservice_token_roles = service\nservice_token_roles_required = true\n' "$(keystone_url)"
}

# shipped PROJECT FILE: where the package has it; since Debian 13 files that operators do not edit are not in /etc.
shipped() {
  local path
  for path in "/etc/$1/$2" "/usr/share/$1-common/$2"; do
    if [[ -e $path ]]; then printf '%s\n' "$path"; return 0; fi
  done
  die "the packages of $1 have no $2"
}

write_controller_config() {
  mkdir -p "$ETC"/{keystone,glance,placement,neutron,nova} "$STATE"/{glance,locks}
  keystone_config >"$ETC/keystone/keystone.conf"
  placement_config >"$ETC/placement/placement.conf"
  glance_config >"$ETC/glance/glance-api.conf"
  neutron_config >"$ETC/neutron/neutron.conf"
  cp "$(shipped neutron api-paste.ini)" "$ETC/neutron/"
  { nova_config "$STATE/locks" && printf '[api_database]\nconnection = %s\n[database]\nconnection = %s\n' "$(database nova_api)" "$(database nova)"; } \
    >"$ETC/nova/nova.conf"
  cp "$(shipped nova api-paste.ini)" "$ETC/nova/"
  write_cinder_config
}

keystone_config() {
  cat <<EOF
[database]
connection = $(database keystone)
[fernet_tokens]
key_repository = $STATE/keystone/fernet
[fernet_receipts]
key_repository = $STATE/keystone/fernet
[credential]
key_repository = $STATE/keystone/credential
[token]
expiration = ${SPLITMEM_AIO_TOKEN_SECONDS:-3600}
EOF
}

placement_config() {
  cat <<EOF
[placement_database]
connection = $(database placement)
[api]
auth_strategy = keystone
$(token_validation placement)
EOF
}

glance_config() {
  cat <<EOF
[DEFAULT]
bind_host = $CONTROLLER_ADDRESS
workers = 1
[database]
connection = $(database glance)
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = $STATE/glance
[oslo_concurrency]
lock_path = $STATE/locks
[paste_deploy]
flavor = keystone
$(token_validation glance)
EOF
}

neutron_config() {
  cat <<EOF
[DEFAULT]
bind_host = $CONTROLLER_ADDRESS
core_plugin = ml2
service_plugins = router
api_workers = 1
rpc_workers = 1
transport_url = $(rabbit)
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
[nova]
$(service_auth nova)
[database]
connection = $(database neutron)
[oslo_concurrency]
lock_path = $STATE/locks
[ml2]
type_drivers = flat
tenant_network_types =
mechanism_drivers = openvswitch
extension_drivers =
[ml2_type_flat]
flat_networks = servers
[securitygroup]
enable_security_group = false
$(token_validation neutron)
EOF
}

# nova_config LOCKS: what the controller's services and the hosts have in common.
nova_config() {
  local section
  cat <<EOF
[DEFAULT]
transport_url = $(rabbit)
rpc_response_timeout = 60
osapi_compute_listen = $CONTROLLER_ADDRESS
osapi_compute_workers = 1
enabled_apis = osapi_compute
service_down_time = 120
[wsgi]
api_paste_config = $ETC/nova/api-paste.ini
[api]
auth_strategy = keystone
$(token_validation nova)
EOF
  for section in placement glance neutron cinder keystone; do
    printf '[%s]\n' "$section"
    service_auth nova
  done
  printf '[service_user]\nsend_service_user_token = true\n'
  service_auth nova
  cat <<EOF
[oslo_concurrency]
lock_path = $1
[vnc]
enabled = false
[spice]
enabled = false
[conductor]
workers = 1
[scheduler]
workers = 1
[filter_scheduler]
# Ask the database which servers a host has. nova-compute reports refused and deleted servers late, and until then the scheduler
# kept the next server of their group off that host (seen on a busy machine).
track_instance_changes = false
[oslo_messaging_notifications]
driver = noop
EOF
  # Everything runs as root here: no sudo between Nova and its helpers.
  for section in privsep nova_sys_admin privsep_osbrick vif_plug_ovs_privileged vif_plug_linux_bridge_privileged; do
    printf '[%s]\nhelper_command = privsep-helper --config-file /etc/nova/nova.conf\n' "$section"
  done
}

compute_config() { # NAME
  local name=$1 address
  address=$(host_address "$name")
  cat <<EOF
[DEFAULT]
host = $name
my_ip = $address
compute_driver = splitmem.driver.SplitMemLibvirtDriver
state_path = /var/lib/nova
reserved_host_memory_mb = 0
reserved_host_disk_mb = 1024
ram_allocation_ratio = 1.0
shutdown_timeout = 2
config_drive_format = iso9660
EOF
  nova_config /var/lib/nova/tmp | grep -v '^\[DEFAULT\]$' # goes on in the same section
  cat <<EOF
[workarounds]
# Nova 26 refuses kernel images that it fetches again where a server moves to: it compares "aki" with "raw".
disable_deep_image_inspection = true
# QEMU tells switches where a server is now when it resumes, which is before Neutron's agent has connected its port there.
enable_qemu_monitor_announce_self = true
[libvirt]
virt_type = qemu
cpu_mode = none
live_migration_inbound_addr = $address
live_migration_scheme = tcp
live_migration_permit_post_copy = false
live_migration_timeout_action = abort
[splitmem]
$(splitmem_config)
EOF
}

# The paths of "prepare" are splitmemd's own here; only where the program is has to be said.
splitmem_config() {
  service_auth splitmem
  printf 'prepare_command = %s\nrequest_timeout = %s\n' "$DIST/bin/splitmem prepare" $((20 * ${SPLITMEM_PATIENCE:-1}))
}

# Every host lends.
provider_config() {
  cat <<EOF
meta: {schema_version: '1.0'}
providers:
  - identification: {uuid: \$COMPUTE_NODE}
    traits: {additional: [CUSTOM_SPLITMEM_SERVER]}
EOF
}
