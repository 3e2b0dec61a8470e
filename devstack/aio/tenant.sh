# shellcheck shell=bash
# What there is to boot: the project's test guest as an image, and flavors. "split" servers keep half of their RAM where they run.

GUEST=$CACHE/guest
WORKLOAD=${SPLITMEM_AIO_WORKLOAD:-mb=300 hot=0.1 sweep=6}
KERNEL_ARGUMENTS="console=ttyS0 quiet panic=-1 mitigations=off pti=on power=1" # as in guest/domain.sh, which says why

image_id() { (openstack_client image show "$1" -f value -c id) 2>/dev/null; } # NAME

create_image() { # NAME FORMAT FILE ARGS...: prints its id
  local name=$1 format=$2 file=$3 container=bare
  shift 3
  [[ $format == raw ]] || container=$format
  image_id "$name" ||
    (openstack_client image create "$name" --public --disk-format "$format" --container-format "$container" --file "$file" "$@" -f value -c id)
}

build_guest() { "$DEVSTACK/guest/build-guest.sh" "$GUEST" >/dev/null; }

create_images() {
  local kernel ramdisk
  image_id splitmem-guest-idle >/dev/null && return 0
  build_guest
  [[ -s $GUEST/root.raw ]] || truncate -s 1M "$GUEST/root.raw" # Nova wants a disk; the guest does not
  kernel=$(create_image splitmem-guest-kernel aki "$GUEST/vmlinuz")
  ramdisk=$(create_image splitmem-guest-ramdisk ari "$GUEST/initrd.gz")
  create_image splitmem-guest raw "$GUEST/root.raw" --property kernel_id="$kernel" --property ramdisk_id="$ramdisk" \
    --property os_command_line="$KERNEL_ARGUMENTS $WORKLOAD" >/dev/null
  create_image splitmem-guest-devices raw "$GUEST/root.raw" --property kernel_id="$kernel" --property ramdisk_id="$ramdisk" \
    --property os_command_line="$KERNEL_ARGUMENTS $WORKLOAD devices=1" >/dev/null # works on a network card, a config drive and a volume
  create_image splitmem-guest-idle raw "$GUEST/root.raw" --property kernel_id="$kernel" --property ramdisk_id="$ramdisk" \
    --property os_command_line="$KERNEL_ARGUMENTS $WORKLOAD idle=1" >/dev/null # reads its memory only
}

create_flavors() {
  local existing
  existing=$(openstack_client flavor list --all -f value -c Name)
  {
    grep -qx plain.small <<<"$existing" || echo "flavor create plain.small --ram 512 --vcpus 1 --disk 1"
    grep -qx split.small <<<"$existing" ||
      echo "flavor create split.small --ram 512 --vcpus 1 --disk 1 --property splitmem:enabled=true --property resources:MEMORY_MB=256"
    grep -qx split.uneven <<<"$existing" ||
      echo "flavor create split.uneven --ram 512 --vcpus 1 --disk 1 --property splitmem:enabled=true --property resources:MEMORY_MB=192"
    grep -qx split.large <<<"$existing" ||
      echo "flavor create split.large --ram 1024 --vcpus 1 --disk 1 --property splitmem:enabled=true --property resources:MEMORY_MB=192"
  } | (openstack_commands) >/dev/null
}
