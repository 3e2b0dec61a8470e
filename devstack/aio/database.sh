# shellcheck shell=bash
# MariaDB and RabbitMQ. The databases with their schemas, Keystone's keys, users and catalog are made once per set of package
# versions, and kept in the cache: each "up" begins with a copy of them, so a cloud is always new.

MYSQL=$STATE/mysql
TEMPLATE=$CACHE/database

sql() { # STATEMENTS
  (in_host "$CONTROLLER" mariadb --no-defaults -uroot "-p$PASSWORD" -S "$STATE/run/mysql.sock" -e "$1")
}

# Right after its installation root has no password.
secure_database() {
  (in_host "$CONTROLLER" mariadb --no-defaults -uroot -S "$STATE/run/mysql.sock" -e \
    "ALTER USER root@localhost IDENTIFIED BY '$PASSWORD'; CREATE USER root@'%' IDENTIFIED BY '$PASSWORD';
     GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;")
}

# The cloud lives as long as its namespaces: nothing has to survive a power failure.
start_database() {
  is_running "$CONTROLLER.mariadb" || start_in_host "$CONTROLLER" mariadb mariadbd --no-defaults --user=root --datadir="$MYSQL" \
    --socket="$STATE/run/mysql.sock" --pid-file="$STATE/run/mysqld.pid" --bind-address="$CONTROLLER_ADDRESS" --skip-name-resolve \
    --max-connections=1000 --innodb-buffer-pool-size=256M --innodb-log-file-size=32M --innodb-flush-log-at-trx-commit=0 \
    --innodb-flush-method=nosync
  wait_for 60 "mariadb (log: $LOGS/$CONTROLLER/mariadb.log)" test -S "$STATE/run/mysql.sock"
}

stop_database() {
  stop_process "$CONTROLLER.mariadb" 60
  rm -f "$STATE/run/mysql.sock"
}

# Node data is thrown away: queues of an earlier cloud mean nothing to this one.
start_rabbit() {
  local dir=$STATE/rabbit
  is_running "$CONTROLLER.rabbitmq" && return 0
  rm -rf "$dir"
  mkdir -p "$dir"
  printf '[].\n' >"$dir/plugins"
  printf 'loopback_users = none\nvm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 100MB\n' >"$dir/rabbitmq.conf"
  is_running "$CONTROLLER.epmd" || start_in_host "$CONTROLLER" epmd epmd -address 127.0.0.1
  start_in_host "$CONTROLLER" rabbitmq env HOME="$dir" RABBITMQ_NODENAME=aio@localhost RABBITMQ_NODE_IP_ADDRESS="$CONTROLLER_ADDRESS" \
    RABBITMQ_NODE_PORT=5672 RABBITMQ_DIST_PORT=25672 RABBITMQ_MNESIA_BASE="$dir" RABBITMQ_LOG_BASE="$dir" RABBITMQ_LOGS=- \
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/plugins" RABBITMQ_PID_FILE="$dir/pid" RABBITMQ_CONFIG_FILE="$dir/rabbitmq" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none" ERL_EPMD_ADDRESS=127.0.0.1 ERL_MAX_PORTS=4096 \
    /usr/lib/rabbitmq/bin/rabbitmq-server
}

# What the template depends on: the programs that made it, and what they were told.
template_key() {
  {
    dpkg-query -W -f '${Package} ${Version}\n' "${PACKAGES[@]}"
    declare -f make_template create_schemas bootstrap_keystone create_catalog
    printf '%s %s\n' "$STATE" "$PASSWORD"
  } | md5sum | cut -c 1-32
}

prepare_database() {
  if is_running "$CONTROLLER.mariadb"; then
    start_rabbit
    return 0
  fi
  start_rabbit
  prepare_template
  rm -rf "$MYSQL" "$STATE/keystone"
  cp -a "$TEMPLATE/mysql" "$MYSQL"
  cp -a "$TEMPLATE/keystone" "$STATE/keystone"
  start_database
}

prepare_template() {
  if [[ $(cat "$TEMPLATE/key" 2>/dev/null) != "$(template_key)" ]]; then make_template; fi
}

make_template() {
  local database
  say "making the databases, once (logs: $LOGS/$CONTROLLER)"
  rm -rf "$MYSQL" "$STATE/keystone" "$TEMPLATE"
  mariadb-install-db --no-defaults --user=root --datadir="$MYSQL" --innodb-log-file-size=32M --auth-root-authentication-method=normal \
    --skip-test-db >"$LOGS/$CONTROLLER/mariadb-install.log" 2>&1 || die "no database, see $LOGS/$CONTROLLER/mariadb-install.log"
  start_database
  secure_database
  for database in keystone glance placement neutron cinder nova nova_api nova_cell0 splitmem; do
    sql "CREATE DATABASE $database CHARACTER SET utf8mb3"
  done
  create_schemas
  start_keystone
  create_catalog
  stop_process "$CONTROLLER.keystone" 20
  stop_database
  mkdir -p "$TEMPLATE"
  mv "$MYSQL" "$TEMPLATE/mysql"
  cp -a "$STATE/keystone" "$TEMPLATE/keystone"
  template_key >"$TEMPLATE/key" # last: without it the template does not count
}

# logged NAME COMMAND...: in the controller.
logged() {
  local log=$LOGS/$CONTROLLER/$1.log
  shift
  (in_host "$CONTROLLER" "$@") >>"$log" 2>&1 || die "'$*' failed, see $log"
}

create_schemas() {
  local jobs=() job failed=0
  schemas_of_small_ones & jobs+=($!)
  schemas_of_nova & jobs+=($!)
  logged cinder-db cinder-manage --config-file "$ETC/cinder/cinder.conf" db sync & jobs+=($!)
  logged neutron-db neutron-db-manage --config-file "$ETC/neutron/neutron.conf" upgrade heads & jobs+=($!)
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  ((failed == 0)) || die "no schemas (see above)"
}

schemas_of_small_ones() {
  logged keystone-db keystone-manage --config-file "$ETC/keystone/keystone.conf" db_sync
  bootstrap_keystone
  logged glance-db glance-manage --config-file "$ETC/glance/glance-api.conf" db_sync
  logged placement-db env OS_PLACEMENT_CONFIG_DIR="$ETC/placement" placement-manage --config-dir "$ETC/placement" db sync
}

bootstrap_keystone() {
  local manage=(keystone-manage --config-file "$ETC/keystone/keystone.conf")
  mkdir -p "$STATE"/keystone/{fernet,credential}
  chmod 0700 "$STATE"/keystone/{fernet,credential}
  logged keystone-db "${manage[@]}" fernet_setup --keystone-user root --keystone-group root
  logged keystone-db "${manage[@]}" credential_setup --keystone-user root --keystone-group root
  logged keystone-db "${manage[@]}" bootstrap --bootstrap-password "$PASSWORD" --bootstrap-admin-url "$(keystone_url)/" \
    --bootstrap-internal-url "$(keystone_url)/" --bootstrap-public-url "$(keystone_url)/" --bootstrap-region-id RegionOne
}

schemas_of_nova() {
  nova_manage api_db sync
  nova_manage cell_v2 map_cell0 --database_connection "$(database nova_cell0)"
  nova_manage db sync
  nova_manage cell_v2 create_cell --name cell1 --database_connection "$(database nova)" --transport-url "$(rabbit)"
}

nova_manage() { logged nova-manage nova-manage --config-file "$ETC/nova/nova.conf" "$@"; }

# One run of the client for all of it: its start costs seconds.
create_catalog() {
  local entry type name port interface user
  {
    for entry in image:glance:9292 placement:placement:8778 network:neutron:9696 compute:nova:8774/v2.1 \
      'volumev3:cinderv3:8776/v3/%(project_id)s' \
      split-migration:nova-bridge:8790; do
      IFS=: read -r type name port <<<"$entry"
      echo "service create --name $name $type"
      for interface in public internal admin; do
        echo "endpoint create --region RegionOne $type $interface \"http://$CONTROLLER_ADDRESS:$port\""
      done
    done
    echo "project create service"
    echo "role create --or-show service" # Keystone has made it since 2023.2
    for user in nova placement glance neutron cinder splitmem nova-bridge; do
      echo "user create --password $PASSWORD --project service $user"
      echo "role add --user $user --project service admin"
      echo "role add --user $user --project service service"
    done
  } | (openstack_commands) >"$LOGS/$CONTROLLER/catalog.log" 2>&1 || die "no catalog, see $LOGS/$CONTROLLER/catalog.log"
}
