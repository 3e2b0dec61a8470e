# shellcheck shell=bash
# nova-bridge and Kafka on the controller. There may be several bridges, which share the cloud's MariaDB: the first one is in
# Keystone's catalog, others are started by whoever wants to see that none is special.

KAFKA=$STATE/kafka
KAFKA_PORT=9092
BRIDGE_PORT=8790 # of the first; further ones have the next

bridge_service() { if (($1 == 1)); then echo nova-bridge; else echo "nova-bridge-$1"; fi; } # NUMBER
bridge_port() { printf '%s\n' $((BRIDGE_PORT + $1 - 1)); }                                  # NUMBER

bridge_config() { # NUMBER
  cat <<EOF
bridge.name = bridge$1
http.address = $CONTROLLER_ADDRESS
http.port = $(bridge_port "$1")
cluster.key-file = $KEY_FILE
keystone.url = http://$CONTROLLER_ADDRESS:5000
keystone.user = nova-bridge
keystone.password-file = $ETC/bridge/password
database.url = jdbc:mariadb://$CONTROLLER_ADDRESS/splitmem?sslMode=disable
database.user = root
database.password-file = $ETC/bridge/password
kafka.brokers = $CONTROLLER_ADDRESS:$KAFKA_PORT
telemetry.interval-seconds = $TELEMETRY_SECONDS
reconcile.interval-s = $RECONCILE_SECONDS
EOF
}

configure_bridge() { # NUMBER
  mkdir -p "$ETC/bridge" "$STATE/bridge"
  (umask 077 && printf '%s\n' "$PASSWORD" >"$ETC/bridge/password")
  bridge_config "$1" >"$ETC/bridge/bridge$1.conf"
}

start_bridge() { # NUMBER: does nothing if it runs
  local number=$1 service
  service=$(bridge_service "$number")
  configure_bridge "$number"
  start_on_controller "$service" "$DIST/bin/nova-bridge" --config "$ETC/bridge/bridge$number.conf"
  await_service "$service" 60 bridge_is_ready "$number"
}

bridge_is_ready() { # NUMBER
  [[ $( (in_host "$CONTROLLER" curl -sf --max-time 5 "http://$CONTROLLER_ADDRESS:$(bridge_port "$1")/readyz")) == ok ]]
}

# A new distribution is of use to a bridge only when it starts. Hosts register while it runs.
renew_bridge() {
  local seen=$STATE/bridge/seen now
  configure_bridge 1
  now=$(cat "$ETC/bridge/bridge1.conf" "$DIST"/lib-bridge/*.jar | md5sum)
  if [[ $(cat "$seen" 2>/dev/null) != "$now" ]]; then stop_process "$CONTROLLER.nova-bridge" 60; fi
  start_bridge 1
  printf '%s\n' "$now" >"$seen"
}

kafka() { # COMMAND
  SPLITMEM_KAFKA_LIB=$KAFKA_LIB "$DEVSTACK/kafka.sh" --dir "$KAFKA" --port "$KAFKA_PORT" --listen "$CONTROLLER_ADDRESS" "$1"
}

fetch_kafka() { kafka fetch >/dev/null || die "no Kafka (see above)"; }

# The broker's own script starts it, in the controller; its record is ours, too, so that it is stopped like the other services.
start_kafka() {
  is_running "$CONTROLLER.kafka" && return 0
  (in_host "$CONTROLLER" env SPLITMEM_KAFKA_LIB="$KAFKA_LIB" "$DEVSTACK/kafka.sh" --dir "$KAFKA" --port "$KAFKA_PORT" \
    --listen "$CONTROLLER_ADDRESS" up) >>"$LOGS/$CONTROLLER/kafka.log" 2>&1 || die "no Kafka: see $LOGS/$CONTROLLER/kafka.log"
  cp "$KAFKA/run/kafka" "$RUN/$CONTROLLER.kafka"
}
