"""A compute host of the installed Nova: its own driver code over the fake libvirt of its own unit tests."""
import fixtures
from nova import context as nova_context
from nova.network import model as network_model
from nova import objects
from nova import test
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.unit import fake_instance  # noqa: F401  (registers the objects)
from nova.virt import fake
from nova.virt.libvirt import blockinfo
from nova.virt.libvirt import imagebackend
import os_vif

from splitmem_nova import driver
from splitmem_nova import novaconf
from splitmem_nova import run

UUID = '6d1f0000-0000-0000-0000-000000000001'
SPLIT = {'splitmem:enabled': 'true', 'resources:MEMORY_MB': '256'}


class NovaHost(test.NoDBTestCase):
    """Not a test case by itself: a fixture enters and leaves it (host of this module)."""

    REQUIRES_LOCKING = True

    def runTest(self):
        raise AssertionError('only a fixture')

    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.flags(instances_path=directory, host='host1')
        self.flags(snapshots_directory=directory, sysinfo_serial='hardware', group='libvirt')
        self.flags(prepare_command='cat', poll_interval=0.05, patience=1, settle_timeout=1, group='splitmem')
        self.flags(wait_soft_reboot_seconds=2, group='libvirt')
        os_vif.initialize()
        self.stub_out('nova.virt.libvirt.imagebackend.Image.resolve_driver_format', imagebackend.Image._get_driver_format)
        self.stub_out('nova.virt.disk.api.extend', lambda image, size, use_cow=False: None)
        self.useFixture(nova_fixtures.LibvirtFixture())
        self.useFixture(nova_fixtures.CGroupsFixture())
        for module in (run, novaconf):
            self.useFixture(fixtures.MonkeyPatch('%s.libvirt' % module.__name__, fakelibvirt))
        self.context = nova_context.get_admin_context()

    def driver(self, service):
        """The driver as nova-compute makes it.

        :param service: client.Client, in the place of the bridge
        """
        made = driver.SplitMemLibvirtDriver(fake.FakeVirtAPI(), False)
        made._splitmem = service
        return made

    def instance(self, split=True, **changes):
        specs = dict(SPLIT) if split is True else dict(split or {})
        flavor = objects.Flavor(
            id=2, flavorid='1', name='m1.small', memory_mb=512, vcpus=2, root_gb=1, ephemeral_gb=0, swap=0, rxtx_factor=1.0,
            vcpu_weight=None, extra_specs=specs, is_public=True, disabled=False)
        values = {
            'id': 1, 'uuid': UUID, 'display_name': 'a server', 'vcpus': 2, 'memory_mb': 512, 'root_gb': 1, 'ephemeral_gb': 0,
            'project_id': 'a-project', 'user_id': 'a-user', 'image_ref': '155d900f-4e14-4e4c-a73d-069cbf4541e6',
            'system_metadata': {'image_disk_format': 'raw'}, 'instance_type_id': 2, 'flavor': flavor, 'new_flavor': None,
            'old_flavor': None, 'pci_devices': objects.PciDeviceList(), 'pci_requests': objects.InstancePCIRequests(requests=[]),
            'numa_topology': None, 'config_drive': None, 'vm_mode': None, 'vm_state': 'active', 'task_state': None,
            'kernel_id': None, 'ramdisk_id': None, 'os_type': 'linux', 'ephemeral_key_uuid': None, 'vcpu_model': None,
            'host': 'host1', 'node': 'host1', 'trusted_certs': None, 'resources': None, 'migration_context': None,
            'info_cache': objects.InstanceInfoCache(network_info=network_model.NetworkInfo()), 'cleaned': False, 'launched_at': None, 'metadata': {},
            'default_swap_device': None, 'default_ephemeral_device': None, 'root_device_name': '/dev/vda', 'hidden': False}
        made = objects.Instance(self.context, **dict(values, **changes))
        made.obj_reset_changes()
        return made

    def image(self, **properties):
        return objects.ImageMeta.from_dict({'disk_format': 'raw', 'properties': properties})

    def guest_xml(self, made, instance, image=None, network_info=None, block_device_info=None):
        """The domain, by the way that Nova itself goes."""
        image = image or self.image()
        disks = blockinfo.get_disk_info('kvm', instance, image, block_device_info)
        return made._get_guest_xml(self.context, instance, network_info or network_model.NetworkInfo(), disks, image,
                                   block_device_info=block_device_info)

    def start(self, made, instance, **how):
        """A guest that runs on the fake libvirt. -> Guest of Nova"""
        text = self.guest_xml(made, instance, **how)
        return made._create_guest(self.context, text, instance)


def host():
    made = NovaHost()
    made.setUp()
    try:
        yield made
    finally:
        made.doCleanups()
