# shellcheck shell=bash
# Makes a root: in a directory of another name, which is renamed when complete, so what was interrupted is never taken for a root.

BOOTSTRAP_SECONDS=1200
BOOTSTRAP="" # pid of a debootstrap that is under way
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Held in common by everything that runs in a root. A root is replaced or removed only when that is over.
use_root() { # SUITE
  exec {USE_FD}>>"$ROOTS/.$1.use"
  flock -s -w 600 "$USE_FD" || die "the root of $1 is being replaced for 10 minutes now"
  root_is_made "$1" || die "the root of $1 was removed just now: root.sh make $1"
}

claim_unused() { # SUITE
  exec {USE_FD}>>"$ROOTS/.$1.use"
  flock -n "$USE_FD" || die "the root of $1 is in use: end the 'root.sh exec $1' that are running first"
}

discard() { # DIRECTORY: renamed first, so that half of it is never taken for a root
  local gone
  [[ -e $1 ]] || return 0
  gone=$(mktemp -d "$ROOTS/.removed.XXXXXX")
  mv "$1" "$gone/"
  rm -rf --one-file-system "$gone"
}

bootstrap() { # SUITE
  local suite=$1 new=$ROOTS/.$1.new started
  started=$(now) STAGE="cannot prepare debootstrap" LOG=$ROOTS/$1.log
  claim_unused "$suite"
  install_packages debootstrap debian-archive-keyring
  rm -rf --one-file-system "$new" "$ROOTS"/.removed.*
  # shellcheck disable=SC2064  # the present value
  trap "tell_failure \$?; take_away '$new'" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  say "making a root of $suite from $(mirror Debian http://deb.debian.org/debian) (log: $LOG)" >&2
  STAGE="debootstrap could not make a root of $suite"
  # In the background, so that a signal ends it at once.
  run_debootstrap "$suite" "$new" >"$LOG" 2>&1 &
  BOOTSTRAP=$!
  wait "$BOOTSTRAP"
  BOOTSTRAP=""
  STAGE="the root of $suite could not be configured"
  configure_root "$suite" "$new" >>"$LOG" 2>&1
  enter "$new" none bash -euc "$(declare -f apt_get finish_root); finish_root" >>"$LOG" 2>&1
  recipe "$suite" >"$new/$RECIPE_FILE"
  discard "$ROOTS/$suite"
  mv "$new" "$ROOTS/$suite"
  exec {USE_FD}>&- # what follows uses the root, as others do
  trap - EXIT INT TERM
  say "the root of $suite took $(elapsed "$started") s" >&2
}

tell_failure() { # EXIT CODE
  (($1 != 130 && $1 != 143)) || return 0
  grep -v '^I: ' "$LOG" | tail -n 15 >&2 || true
  warn "$STAGE (see above; whole log: $LOG)"
}

take_away() { # DIRECTORY: what is not complete
  if [[ -n $BOOTSTRAP ]]; then kill "$BOOTSTRAP" 2>/dev/null || true; fi
  # Its last processes may still write for a moment.
  wait_for 10 "$1 to be removed" rm -rf --one-file-system "$1" "$1.keys.gpg" || true
}

# debootstrap mounts file systems in the root. In namespaces of its own, they are gone with it whatever ends it.
run_debootstrap() { # SUITE DIRECTORY
  local suite=$1 script="" arguments=() proxy=""
  [[ -e /usr/share/debootstrap/scripts/$suite ]] || script=/usr/share/debootstrap/scripts/sid # a suite newer than debootstrap
  mkdir -p "$2"
  trusted_keys >"$2.keys.gpg"
  arguments=(--variant=minbase --include="$(IFS=,; echo "${BASE_PACKAGES[*]}")" --keyring="$2.keys.gpg" "$suite" "$2"
    "$(mirror Debian http://deb.debian.org/debian)")
  [[ -z $script ]] || arguments+=("$script")
  # wget, of debootstrap, does not read apt's configuration.
  eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null || true)"
  [[ -z $proxy || $proxy == DIRECT ]] || export http_proxy=$proxy https_proxy=${https_proxy:-$proxy}
  # Nothing of a root that is not complete is worth a sync to disk.
  # Each process of the chain is killed when the one before it ends.
  DPKG_FORCE=unsafe-io setpriv --pdeathsig KILL timeout --foreground "$BOOTSTRAP_SECONDS" \
    setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child debootstrap "${arguments[@]}" </dev/null
}

# Debian's keys, and those that this machine's apt takes for any source: of a mirror that signs by itself.
trusted_keys() {
  local key
  cat "$KEYRING"
  for key in /etc/apt/trusted.gpg.d/*.gpg; do
    if [[ -e $key ]]; then cat "$key"; fi
  done
}

configure_root() { # SUITE DIRECTORY
  local root=$2
  install -m 644 "$2.keys.gpg" "$root/usr/share/keyrings/splitmem-root.gpg"
  rm "$2.keys.gpg"
  sources "$1" | sed 's|^deb |deb [signed-by=/usr/share/keyrings/splitmem-root.gpg] |' >"$root/etc/apt/sources.list"
  # How this machine's apt reaches a mirror: proxies, time-outs, how much of a Release file's dates it believes.
  apt-config dump 2>/dev/null | grep -E '^(Acquire::((http|https|ftp)::|Retries|Check-|ForceIPv)|APT::Sandbox::User)' |
    grep -v -i -E '::Proxy-Auto-Detect|::ProxyAutoDetect' >"$root/etc/apt/apt.conf.d/80machine" || true
  echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/81root"
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  if [[ -d /usr/local/share/ca-certificates ]]; then
    cp -rLT /usr/local/share/ca-certificates "$root/usr/local/share/ca-certificates" # of a proxy that ends TLS
  fi
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
}

# Runs inside.
finish_root() {
  update-ca-certificates
  apt_get update
  apt_get dist-upgrade
  apt_get clean
}

install_in_root() { # SUITE PACKAGES...
  local suite=$1 root=$ROOTS/$1
  shift
  use_root "$suite"
  copy_repository "$root"
  enter "$root" copy bash -euc "$(declare -f finish_packages); finish_packages \"\$@\"" bash "$DEVSTACK/lib.sh" "$@" >&2 ||
    die "the root of $suite lacks packages (see above); it is repaired by another try, or by root.sh make --renew $suite"
}

# Runs inside. What an interruption left half installed comes first.
finish_packages() { # LIB PACKAGES...
  # shellcheck source=/dev/null
  . "$1"
  shift
  local missing
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]})) || return 0
  dpkg --force-unsafe-io --configure -a >/dev/null
  apt_get -f install >/dev/null
  install_packages "$@"
  apt_get clean
}
