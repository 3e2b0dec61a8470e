# shellcheck shell=bash
# A host and everything in it. WITH_DAEMON (yes or no) says whether splitmemd is to run.

# The first host goes ahead alone if it has to probe QEMU for all.
bring_up_all() {
  local name jobs=() job failed=0 rest
  mapfile -t rest < <(known_hosts)
  if ! capabilities_are_cached; then
    bring_up "${rest[0]}"
    take_capabilities "${rest[0]}"
    rest=("${rest[@]:1}")
  fi
  for name in "${rest[@]}"; do
    (bring_up "$name") &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done # by pid: a bare wait would wait for the daemons too
  ((failed == 0)) || die "not every host came up (see above; cluster.sh status)"
}

bring_up() { # NAME
  local name=$1
  if ! host_is_made "$name"; then
    destroy_hosts "$name" # whatever a crash left of it
    create_host "$name"
    configure_libvirt "$name"
    give_capabilities "$name"
  fi
  configure_host_names "$name"
  if configure_daemon "$name" && [[ $WITH_DAEMON == yes ]]; then stop_process "$name.splitmemd" 10; fi
  install_hook "$name"
  # The daemon first: a starting libvirtd may call the hook for its guests.
  if [[ $WITH_DAEMON == yes ]]; then start_daemon "$name"; fi
  start_libvirt "$name"
  if [[ $WITH_DAEMON == yes ]]; then await_daemon "$name"; fi
}
