# shellcheck shell=bash
# What a root is made of. Its recipe is kept in it as text: a root whose recipe is not the present one is made again.

RECIPE_FILE=etc/splitmem-root.recipe
# What the scripts here take for granted on any machine, and minbase leaves out.
BASE_PACKAGES=(ca-certificates mount procps iproute2 curl less)

is_current() { root_is_made "$1" && [[ $(cat "$ROOTS/$1/$RECIPE_FILE") == "$(recipe "$1")" ]]; }

recipe() { # SUITE
  echo "recipe 1"
  echo "base ${BASE_PACKAGES[*]}"
  sources "$1"
}

sources() { # SUITE: its /etc/apt/sources.list
  local suite=$1 mirror
  mirror=$(mirror Debian http://deb.debian.org/debian)
  echo "deb $mirror $suite main"
  [[ $suite != sid && $suite != unstable ]] || return 0 # those have neither
  echo "deb $mirror $suite-updates main"
  echo "deb $(mirror Debian-Security http://deb.debian.org/debian-security) $suite-security main"
}

# mirror LABEL DEFAULT: where this machine's apt gets that archive from.
mirror() {
  local label=$1 default=$2 found=""
  if [[ -n ${SPLITMEM_DEBIAN_MIRROR:-} ]]; then
    found=${SPLITMEM_DEBIAN_MIRROR%/}
    [[ $label == Debian ]] || found+=-security
  elif command -v apt-get >/dev/null; then
    # shellcheck disable=SC2016  # apt's variables
    found=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
      awk -v label="$label" '$1 == label && $2 ~ /^https?:/ { sub("/$", "", $2); print $2; exit }')
  fi
  say "${found:-$default}"
}
