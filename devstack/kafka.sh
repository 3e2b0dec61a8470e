#!/usr/bin/env bash
# A single-node Kafka broker (KRaft), as a process of its own, made of the artifacts on Maven Central.
#
# usage: kafka.sh [--dir DIR] [--port PORT] COMMAND
#   fetch       only fetch the jars, for an up where there is no network
#   up          start it; fetches the jars and formats the data directory when they are not there. Running: says so
#   down        stop it in order; its data stay
#   kill        end it by SIGKILL, as a power cut would; its data stay
#   wipe        stop it and delete everything but the jars
#   status      one line; exit code 0 only if it runs and its port is open
#
#   --dir DIR   data, log and pid file (default /var/lib/splitmem-kafka, or $SPLITMEM_KAFKA_DIR)
#   --port PORT of the broker on 127.0.0.1 (default 9092, or as it was when DIR was made); the next one is its controller's
#   --listen ADDRESS  also for other hosts: listen there and advertise it, instead of 127.0.0.1
#
# The jars are kept in DIR/../splitmem-kafka-lib, or $SPLITMEM_KAFKA_LIB, for all brokers. Topics are made when they are first
# used, with 3 partitions. Needs Java 17 and, the first time, Maven. No root.

set -euo pipefail
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$HERE/lib.sh"

DIR=${SPLITMEM_KAFKA_DIR:-/var/lib/splitmem-kafka}
PORT="" ADDRESS=""
HEAP=${SPLITMEM_KAFKA_HEAP:-320m}

parse() {
  while (($#)); do
    case $1 in
      --dir) DIR=${2:?--dir needs a directory}; shift ;;
      --port) PORT=${2:?--port needs a number}; shift ;;
      --listen) ADDRESS=${2:?--listen needs an address}; shift ;;
      -h | --help | help) usage; exit 0 ;;
      -*) die "unknown option '$1' (see --help)" ;;
      *) break ;;
    esac
    shift
  done
  (($# == 1)) || { usage >&2; exit 2; }
  COMMAND=$1
  [[ -z $PORT ]] || [[ $PORT =~ ^[0-9]{4,5}$ && $PORT -lt 65535 ]] || die "--port is 1000 to 65534, not '$PORT'"
}

# Absolute, and everything that follows from it; process.sh keeps its records in $STATE/run.
set_paths() {
  mkdir -p "$DIR"
  DIR=$(cd "$DIR" && pwd)
  LIB=${SPLITMEM_KAFKA_LIB:-$(dirname "$DIR")/splitmem-kafka-lib}
  CONFIG=$DIR/server.properties
  LOG=$DIR/kafka.log
  # shellcheck disable=SC2034
  STATE=$DIR
  # shellcheck source=cluster/process.sh
  . "$HERE/cluster/process.sh"
  mkdir -p "$RUN"
}

java_command() { if [[ -n ${JAVA_HOME:-} ]]; then printf '%s\n' "$JAVA_HOME/bin/java"; else command -v java; fi; }

wanted_version() { sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$REPOSITORY/pom.xml"; }

# The jars, whole or not at all: they are fetched beside and moved there.
fetch_jars() {
  local version draft log
  version=$(wanted_version)
  [[ -n $version ]] || die "no kafka.version in $REPOSITORY/pom.xml"
  [[ ! -e $LIB/kafka_2.13-$version.jar ]] || return 0
  command -v mvn >/dev/null || die "Maven is needed to fetch Kafka $version"
  mkdir -p "$(dirname "$LIB")"
  draft=$(mktemp -d "$LIB.XXXXXX") log=$DIR/maven.log
  say "fetching Kafka $version"
  if ! copy_jars -o "$draft" >"$log" 2>&1 && ! copy_jars -B "$draft" >>"$log" 2>&1; then
    rm -rf "$draft"
    tail -n 20 "$log" >&2
    die "Maven could not fetch Kafka $version (whole log: $log)"
  fi
  rm -rf "$LIB"
  mv -T "$draft" "$LIB" 2>/dev/null || rm -rf "$draft" # another one was quicker
  [[ -e $LIB/kafka_2.13-$version.jar ]] || die "no Kafka $version among what Maven fetched into $LIB"
}

copy_jars() { # OPTION DIRECTORY
  mvn -q -B "$1" -f "$HERE/kafka/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$2"
}

write_config() {
  local port=$PORT address=${ADDRESS:-}
  if [[ -e $CONFIG ]]; then
    [[ -n $port ]] || port=$(sed -n 's/^# port //p' "$CONFIG")
    [[ -n $address ]] || address=$(sed -n 's/^# address //p' "$CONFIG")
  fi
  PORT=${port:-9092} ADDRESS=${address:-127.0.0.1}
  cat >"$CONFIG.new" <<END
# port $PORT
# address $ADDRESS
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((PORT + 1))
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://$ADDRESS:$PORT,CONTROLLER://127.0.0.1:$((PORT + 1))
advertised.listeners=PLAINTEXT://$ADDRESS:$PORT
log.dirs=$DIR/data
num.partitions=3
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=2
END
  mv "$CONFIG.new" "$CONFIG"
}

# Formatting is quick to be cut short: what is not complete is made anew.
format_data() {
  [[ ! -e $DIR/data/meta.properties ]] || return 0
  local id
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  id=A${id:1} # one that begins with '-' would be taken for an option
  rm -rf "$DIR/data"
  run_java kafka.tools.StorageTool format --cluster-id "$id" --config "$CONFIG" >>"$LOG" 2>&1 ||
    { tail -n 20 "$LOG" >&2; die "the data directory cannot be formatted (whole log: $LOG)"; }
}

run_java() { "$(java_command)" "-Xmx$HEAP" -XX:TieredStopAtLevel=1 -cp "$LIB/*" "-Dlogback.configurationFile=$HERE/kafka/logback.xml" "$@"; }

port_is_open() { (exec 3<>"/dev/tcp/$ADDRESS/$PORT") 2>/dev/null; }

# True also when it has ended, so that nobody waits for a broker that cannot come.
is_up_or_gone() { port_is_open || ! is_running kafka; }

cmd_fetch() {
  take_lock "$DIR/lock"
  fetch_jars
  say "Kafka $(wanted_version) is in $LIB"
}

cmd_up() {
  local started
  started=$(now)
  take_lock "$DIR/lock"
  if is_running kafka; then
    write_config
    say "Kafka runs already: $ADDRESS:$PORT"
    return 0
  fi
  fetch_jars
  write_config
  ! port_is_open || die "$ADDRESS:$PORT is taken by something else"
  format_data
  start_process kafka "$LOG" "$(java_command)" "-Xmx$HEAP" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$LIB/*" \
    "-Dlogback.configurationFile=$HERE/kafka/logback.xml" kafka.Kafka "$CONFIG"
  wait_for 60 "Kafka to listen on $ADDRESS:$PORT" is_up_or_gone || { stop_process kafka 5; die "see $LOG"; }
  is_running kafka || { tail -n 20 "$LOG" >&2; die "Kafka ended at once (whole log: $LOG)"; }
  say "Kafka runs on $ADDRESS:$PORT after $(elapsed "$started") s"
}

cmd_down() {
  take_lock "$DIR/lock"
  stop_process kafka 20
  say "Kafka is stopped; its data are in $DIR"
}

cmd_kill() {
  take_lock "$DIR/lock"
  stop_process kafka 10 KILL
  say "Kafka is killed; its data are in $DIR"
}

cmd_wipe() {
  take_lock "$DIR/lock"
  stop_process kafka 20
  rm -rf --one-file-system "$DIR/data" "$RUN" "$CONFIG" "$LOG" "$DIR/maven.log"
  say "Kafka is stopped, and its data are deleted"
}

cmd_status() {
  local pid
  if ! pid=$(running_pid kafka); then
    say "no Kafka runs in $DIR"
    return 1
  fi
  ADDRESS=$(sed -n 's/^# address //p' "$CONFIG") PORT=$(sed -n 's/^# port //p' "$CONFIG")
  if ! port_is_open; then
    say "Kafka runs (pid $pid) but does not listen on $ADDRESS:$PORT"
    return 1
  fi
  say "Kafka runs on $ADDRESS:$PORT (pid $pid)"
}

main() {
  parse "$@"
  case $COMMAND in
    fetch | up | down | kill | wipe | status) set_paths; "cmd_$COMMAND" ;;
    *) die "no command '$COMMAND' (see --help)" ;;
  esac
}

main "$@"
