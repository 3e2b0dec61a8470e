# shellcheck shell=bash
# The controller: a host like the others, in which the services of the cloud run.

# openstack_client ARGS...: the command line client, as the administrator. Replaces this shell.
openstack_client() { as_administrator openstack "$@"; }

# Its commands, one a line of the input. Replaces this shell.
openstack_commands() { as_administrator /usr/bin/python3 "$DEVSTACK/aio/batch.py"; }

as_administrator() { # COMMAND...
  in_host "$CONTROLLER" env -C "$PWD" OS_AUTH_URL="$(keystone_url)" OS_USERNAME=admin OS_PASSWORD="$PASSWORD" OS_PROJECT_NAME=admin \
    OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_IDENTITY_API_VERSION=3 \
    OS_COMPUTE_API_VERSION="${OS_COMPUTE_API_VERSION:-2.92}" OS_PLACEMENT_API_VERSION="${OS_PLACEMENT_API_VERSION:-1.39}" \
    "$@"
}

create_controller() {
  host_is_made "$CONTROLLER" && return 0
  destroy_hosts "$CONTROLLER" # whatever a crash left of it
  mkdir -p "$HOSTS/$CONTROLLER"
  create_host "$CONTROLLER"
  configure_controller_names
}

configure_controller_names() {
  local other
  {
    printf '127.0.0.1 localhost\n%s %s\n' "$CONTROLLER_ADDRESS" "$CONTROLLER"
    for other in $(known_hosts); do printf '%s %s\n' "$(host_address "$other")" "$other"; done
  } >"$HOSTS/$CONTROLLER/etc-hosts"
}

start_on_controller() { # SERVICE COMMAND...: does nothing if it runs
  is_running "$CONTROLLER.$1" || start_in_host "$CONTROLLER" "$@"
}

port_is_open() { # PORT
  (in_host "$CONTROLLER" bash -c "exec 3<>/dev/tcp/$CONTROLLER_ADDRESS/$1") 2>/dev/null
}

# await_service SERVICE SECONDS COMMAND...: until COMMAND succeeds, or the service has ended.
await_service() {
  local service=$1 limit=$2
  shift 2
  wait_for "$limit" "$service to answer" succeeds_or_ended "$service" "$@" || true
  if ! "$@" >/dev/null 2>&1; then
    tail -n 5 "$LOGS/$CONTROLLER/$service.log" >&2
    die "$service does not answer (log: $LOGS/$CONTROLLER/$service.log)"
  fi
}

succeeds_or_ended() { # SERVICE COMMAND...
  local service=$1
  shift
  is_stopped "$CONTROLLER.$service" || "$@"
}

# wsgi SERVICE PORT SCRIPT ENVIRONMENT...
wsgi() {
  local service=$1 port=$2 script=$3
  shift 3
  start_on_controller "$service" env "$@" uwsgi_python3 --http-socket "$CONTROLLER_ADDRESS:$port" --wsgi-file "$script" --master \
    --lazy-apps --enable-threads --processes 2 --threads 2 --buffer-size 65535 --die-on-term --no-orphans \
    --add-header "Connection: close" --disable-logging
}

keystone_answers() { (in_host "$CONTROLLER" curl -sf --max-time 5 "$(keystone_url)"); }

start_keystone() {
  wsgi keystone 5000 /usr/bin/keystone-wsgi-public OS_KEYSTONE_CONFIG_FILES="$ETC/keystone/keystone.conf" OS_KEYSTONE_CONFIG_DIR="$ETC/keystone"
  await_service keystone 60 keystone_answers
}

start_controller_services() {
  local service
  start_keystone
  wsgi placement 8778 /usr/bin/placement-api OS_PLACEMENT_CONFIG_DIR="$ETC/placement"
  start_on_controller glance glance-api --config-file "$ETC/glance/glance-api.conf"
  start_on_controller neutron neutron-server --config-file "$ETC/neutron/neutron.conf"
  await_service rabbitmq 90 port_is_open 5672
  start_cinder
  for service in conductor scheduler api; do
    start_on_controller "nova-$service" env PYTHONPATH="$PYTHON_TREE" "nova-$service" --config-file "$ETC/nova/nova.conf"
  done
}

await_controller_services() {
  await_service placement 60 port_is_open 8778
  await_service glance 120 port_is_open 9292
  await_service neutron 120 port_is_open 9696
  await_service cinder-api 120 port_is_open 8776
  await_service nova-api 180 port_is_open 8774
  # The very first request of a Neutron 21 worker must not be for ports: it fails before the others are mapped.
  wait_for 60 "neutron to list networks" networks_are_listed
}

networks_are_listed() { (openstack_client network list); }
