"""Options of Nova itself that split servers do not go with (docs/NOVA-DRIVER.md, "Nova's own options")."""
import libvirt

from splitmem_nova import errors

# QEMU's stream carries no RAM: there is nothing to send in parallel, and post-copy would put its own userfaultfd over splitmemd's.
CLEARED_FLAGS = libvirt.VIR_MIGRATE_POSTCOPY | libvirt.VIR_MIGRATE_PARALLEL


def check(conf):
    """What cannot be done for split servers only is refused before nova-compute does anything.

    :param conf: all of nova.conf
    :raises errors.NotSupported: naming the option and the remedy
    """
    options = conf.libvirt
    if options.virt_type not in ('kvm', 'qemu'):
        raise errors.NotSupported(reason='[libvirt] virt_type = %s: only QEMU (kvm, qemu) can migrate split; use Nova\'s own'
                                  ' compute_driver on this host' % options.virt_type)
    if options.file_backed_memory:
        raise errors.NotSupported(reason='[libvirt] file_backed_memory = %d: Nova would put the RAM of servers into files of its own'
                                  ', where splitmemd cannot page; set it to 0' % options.file_backed_memory)
    if options.live_migration_tunnelled:
        raise errors.NotSupported(reason='[libvirt] live_migration_tunnelled: the memory of split servers does not go through'
                                  ' libvirt, so it would not be tunnelled; set it to false')
    if options.live_migration_with_native_tls and not conf.splitmem.allow_unencrypted_memory:
        raise errors.NotSupported(reason='[libvirt] live_migration_with_native_tls: splitmemd sends memory unencrypted; if its'
                                  ' network is trusted, set [splitmem] allow_unencrypted_memory = true')


def migration_arguments(arguments):
    """-> the keyword arguments of Guest.migrate for a split server"""
    changed = dict(arguments)
    changed['flags'] = changed.get('flags', 0) & ~CLEARED_FLAGS
    if 'parallel' in changed:
        changed['parallel'] = 0
    return changed
