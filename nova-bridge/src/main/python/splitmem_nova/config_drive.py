"""Config drives of servers that migrate live: libvirt copies no disk that the guest cannot write, and Nova no longer does either.

Nova 26 copies an ISO in pre_live_migration itself; 31 only makes an empty file for it there, which the guest reads as zeros.
With 26 this copies it once more, to the same effect.
"""
from nova.virt import configdrive
from nova.virt.libvirt import utils
from oslo_concurrency import processutils

from splitmem_nova import errors


def bring(filesystem, instance, migrate_data):
    """At the destination, when the server's directory is there, and before its QEMU starts.

    :param filesystem: Nova's remotefs.RemoteFilesystem, which also copies disks when a server is resized
    :raises errors.Refused: naming the way by which it could not be copied
    """
    if not configdrive.required_by(instance) or migrate_data.is_shared_instance_path or migrate_data.is_shared_block_storage:
        return
    directory = utils.get_instance_path_at_destination(instance, migrate_data)
    source = '%s:%s/disk.config' % (instance.host, directory)
    try:
        filesystem.copy_file(source, directory)
    except processutils.ProcessExecutionError as e:
        raise errors.Refused('config drive not copied from %s (Nova needs ssh between hosts, as for a resize): %s'
                             % (instance.host, e.stderr or e)) from e
