# shellcheck shell=bash
# Runs a command in a root. It gets a PID namespace of its own, whose end the kernel makes the end of all processes in it, and so
# of their namespaces and mounts: nothing of a cluster remains, whether the command returns, fails or is killed.

GRACE_SECONDS=30

# enter ROOT copy|bind|none COMMAND...: returns COMMAND's exit code.
enter() {
  local root=$1 repository=$2 child status
  shift 2
  check_tools
  # shellcheck disable=SC2153  # of lib.sh
  if [[ $repository != none ]]; then mkdir -p "$REPOSITORY/target/${root##*/}"; fi
  mkdir -p "$HOME/.m2"
  # In the background, for the traps to run at once. From there, a shell would let it ignore Ctrl-C and read nothing.
  (
    close_inherited_descriptors
    exec setpriv --pdeathsig KILL env --default-signal=INT,QUIT \
      unshare --mount --propagation private --pid --fork --kill-child \
      bash "$HERE/root/init.sh" "$root" "$REPOSITORY" "$repository" "$PWD" "$HOME/.m2" "$@"
  ) <&0 &
  child=$!
  trap : INT # the terminal sends it to the command, too
  # shellcheck disable=SC2064  # the present value
  trap "end_gently $child" TERM HUP
  while :; do
    status=0
    wait "$child" || status=$?
    kill -0 "$child" 2>/dev/null || break # else a signal ended the wait
  done
  trap - INT TERM HUP
  return "$status"
}

# unshare passes no signal on: PID 1 of the namespace, its child, gets it from here. After a while, the namespace is killed.
end_gently() { # PID OF UNSHARE
  pkill -TERM -P "$1" 2>/dev/null || true
  (timeout "$GRACE_SECONDS" tail --pid="$1" -f /dev/null || kill -KILL "$1") </dev/null >/dev/null 2>&1 &
}

check_tools() {
  local tool
  for tool in unshare setpriv pivot_root pkill; do
    command -v "$tool" >/dev/null || install_packages util-linux procps
  done
}

# copy_repository ROOT: what is not built, with the times of the files, by which Maven and build.sh know what changed.
copy_repository() {
  local target=$1$REPOSITORY
  mkdir -p "$target"
  (
    take_lock "$1/var/lib/splitmem-repository.lock"
    comm -z -13 <(files_of "$REPOSITORY") <(files_of "$target") | (cd "$target" && xargs -0 --no-run-if-empty rm -f --)
    files_of "$REPOSITORY" | tar -C "$REPOSITORY" --null --no-recursion -T - -cf - | tar -C "$target" -xf -
  )
}

files_of() { # DIRECTORY
  (cd "$1" && find . \( -name target -o -name .git -o -name __pycache__ \) -prune -o \( -type f -o -type l \) -print0 | LC_ALL=C sort -z)
}
