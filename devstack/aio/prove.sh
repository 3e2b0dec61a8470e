# shellcheck shell=bash
# Shows on the running cloud what splitmem does under Nova, and checks it. Each proof makes its own server and deletes it.

# shellcheck disable=SC2034 # for proofs.sh
PROOF_BANDWIDTH=${SPLITMEM_AIO_PROOF_BANDWIDTH:-400mbit}
SLOW=20mbit # for what is to happen in mid-copy
SERVER="" BESIDE="" SHORT_TOKENS=""
PROOFS=(split next resize undone lost plain events)
FURTHER_PROOFS=(outage soft-reboot evacuate groups zones) # not among those by default; before the events, which are of all proofs

# What a proof leaves when it fails, too: each step whatever came of those before, so that the next proof finds the cloud whole.
clear_up() {
  stop_pinging
  set_bandwidth off || true
  (start_missing) || true # in a subshell: it may die
  if [[ -n $SHORT_TOKENS ]]; then (restart_keystone) || true; fi
  sign_in || true
  enable_services || true
  wait_for 120 "nova-compute on all hosts" computes_are_up || true
  delete_zones || true
  cancel_drains || true
  vacate || true
  delete_beside || true
  delete_server || true
}

start_missing() {
  local name
  start_database
  start_controller_services
  is_running "$CONTROLLER.kafka" || start_kafka
  start_bridge 1
  stop_process "$CONTROLLER.nova-bridge-2" 30
  for name in $(known_hosts); do
    start_daemon "$name"
    await_daemon "$name"
    start_libvirt "$name"
    start_network "$name"
    start_nova_compute "$name"
  done
}

# shellcheck disable=SC2034 # for the other parts
sign_in() { TOKEN=$( (openstack_client token issue -f value -c id) ); }

# prove [--junit FILE] [--all | NAME...]: those of PROOFS by default, each in a process of its own, so that one that fails does not end the others.
prove() {
  local name junit="" failed=() report=() started took failure
  if [[ ${1:-} == --junit ]]; then junit=${2:?--junit FILE}; shift 2; fi
  (($#)) || set -- "${PROOFS[@]}"
  [[ $1 != --all ]] || set -- "${PROOFS[@]::${#PROOFS[@]}-1}" "${FURTHER_PROOFS[@]}" "${PROOFS[-1]}"
  for name in "$@"; do
    declare -F "prove_${name//-/_}" >/dev/null || die "there is no proof '$name': ${PROOFS[*]} ${FURTHER_PROOFS[*]}"
  done
  if (($# == 1)) && [[ -z $junit ]]; then
    sign_in
    trap clear_up EXIT
    "prove_${1//-/_}"
    return
  fi
  for name in "$@"; do
    started=$(now) failure=""
    "$0" prove "$name" || failed+=("$name") failure="<failure message=\"see the output\"/>"
    took=$(elapsed "$started")
    say "== $name took $took s"
    report+=("<testcase classname=\"openstack\" name=\"$name\" time=\"$took\">$failure</testcase>")
  done
  [[ -z $junit ]] ||
    printf '<testsuite name="openstack" tests="%s" errors="0" failures="%s" skipped="0">\n%s\n</testsuite>\n' "$#" "${#failed[@]}" "${report[*]}" >"$junit"
  ((${#failed[@]} == 0)) || die "not proved: ${failed[*]}"
  say "proved: $*"
}
