#!/usr/bin/env bash
# Prints the libvirt domain of a test guest: emulated (TCG), direct kernel boot, no disk, no network, serial console to a file.
#
# usage: domain.sh --name NAME [options]
#   --memory MIB        RAM (default 512)
#   --vcpus N           (default 1)
#   --numa N            spread RAM and vCPUs over N NUMA cells, one RAM backend each (default: none)
#   --serial FILE       console log, appended to; must be the same path on all hosts (default: guest/NAME.log in the state directory)
#   --workload WORDS    arguments of memload, as in "mb=300 hot=0.1 sweep=15" (see memload.c)
#   --cmdline WORDS     the whole kernel command line instead of the usual one and --workload
#   --kernel FILE       (default guest/vmlinuz in the state directory, as made by build-guest.sh)
#   --initrd FILE       (default guest/initrd.gz there)
#   --uuid UUID         (default: a new one)
#   --machine TYPE      (default pc)
#   --cpu MODEL         (default qemu64)
#   --balloon           a virtio balloon with free page reporting and deflate-on-OOM, and its driver in the guest (default: none)
#   --split-ready       pass the domain through `splitmem prepare`

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib.sh
. "$HERE/../lib.sh"

parse() {
  NAME="" MEMORY=512 VCPUS=1 NUMA=0 SERIAL="" WORKLOAD="" CMDLINE="" KERNEL=$STATE/guest/vmlinuz INITRD=$STATE/guest/initrd.gz
  UUID="" MACHINE=pc CPU=qemu64 SPLIT_READY=no BALLOON=no
  while (($#)); do
    case $1 in
      --split-ready) SPLIT_READY=yes; shift; continue ;;
      --balloon) BALLOON=yes; shift; continue ;;
      -h | --help) usage; exit 0 ;;
      --*) (($# > 1)) || die "$1 needs a value" ;;&
      --name) NAME=$2 ;;
      --memory) MEMORY=$2 ;;
      --vcpus) VCPUS=$2 ;;
      --numa) NUMA=$2 ;;
      --serial) SERIAL=$2 ;;
      --workload) WORKLOAD=$2 ;;
      --cmdline) CMDLINE=$2 ;;
      --kernel) KERNEL=$2 ;;
      --initrd) INITRD=$2 ;;
      --uuid) UUID=$2 ;;
      --machine) MACHINE=$2 ;;
      --cpu) CPU=$2 ;;
      *) die "unknown option '$1' (see --help)" ;;
    esac
    shift 2
  done
  [[ -n $NAME ]] || die "--name is missing (see --help)"
  [[ $MEMORY =~ ^[1-9][0-9]*$ && $VCPUS =~ ^[1-9][0-9]*$ && $NUMA =~ ^[0-9]+$ ]] || die "--memory, --vcpus and --numa are numbers"
  ((NUMA <= VCPUS)) || die "--numa $NUMA needs as many vCPUs, not $VCPUS"
  [[ -n $SERIAL ]] || SERIAL=$STATE/guest/$NAME.log
  [[ -n $UUID ]] || UUID=$(cat /proc/sys/kernel/random/uuid)
  # panic=-1 with on_reboot destroy: a guest that breaks is gone, and does not look like one that only waits.
  # pti=on: QEMU 7.2's emulator forgets writes during an ordinary pre-copy migration as long as a page stays in its TLB (seen: the
  # guest's kernel crashes after two of three). With page-table isolation the guest flushes the TLB at each timer interrupt.
  [[ $BALLOON == no ]] || WORKLOAD="balloon=1 $WORKLOAD"
  [[ -n $CMDLINE ]] || CMDLINE="console=ttyS0 quiet panic=-1 mitigations=off pti=on${WORKLOAD:+ $WORKLOAD}"
}

escape() { sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e "s/'/\&apos;/g" -e 's/"/\&quot;/g' <<<"$1"; }

numa_cells() {
  local cell first next memory=0
  ((NUMA)) || return 0
  printf '\n    <numa>\n'
  for ((cell = 0; cell < NUMA; cell++)); do
    first=$((VCPUS * cell / NUMA)) next=$((VCPUS * (cell + 1) / NUMA))
    echo "      <cell id='$cell' cpus='$first-$((next - 1))' memory='$((MEMORY * (cell + 1) / NUMA - memory))' unit='MiB'/>"
    memory=$((MEMORY * (cell + 1) / NUMA))
  done
  echo "    </numa>"
}

balloon() {
  if [[ $BALLOON == yes ]]; then
    echo "<memballoon model='virtio' autodeflate='on' freePageReporting='on'/>"
  else
    echo "<memballoon model='none'/>"
  fi
}

domain() {
  cat <<EOF
<domain type='qemu'>
  <name>$(escape "$NAME")</name>
  <uuid>$UUID</uuid>
  <memory unit='MiB'>$MEMORY</memory>
  <vcpu>$VCPUS</vcpu>
  <os>
    <type arch='x86_64' machine='$(escape "$MACHINE")'>hvm</type>
    <kernel>$(escape "$KERNEL")</kernel>
    <initrd>$(escape "$INITRD")</initrd>
    <cmdline>$(escape "$CMDLINE")</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact' check='none'>
    <model fallback='forbid'>$(escape "$CPU")</model>$(numa_cells)
  </cpu>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <serial type='file'><source path='$(escape "$SERIAL")' append='on'/></serial>
    $(balloon)
  </devices>
</domain>
EOF
}

prepare() {
  local cli=$DISTRIBUTION/bin/splitmem
  [[ -x $cli ]] || die "--split-ready needs $cli: run build.sh first"
  "$cli" prepare
}

main() {
  parse "$@"
  if [[ $SPLIT_READY == yes ]]; then domain | prepare; else domain; fi
}

main "$@"
