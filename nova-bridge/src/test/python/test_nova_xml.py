"""Domains that the installed Nova makes itself, and the real `splitmem prepare`: a frozen file would say nothing about a new Nova."""
import re
from unittest import mock

from conftest import REPOSITORY
from lxml import etree
from nova.network import model as network_model
from nova.virt import fake
from nova.virt.libvirt import driver as stock
import novahost
import pytest

from splitmem_nova import client
from splitmem_nova import errors
from splitmem_nova import xml

PREPARE = REPOSITORY / 'distribution' / 'target' / 'splitmem' / 'bin' / 'splitmem'

nova = pytest.fixture(novahost.host)

with_prepare = pytest.mark.skipif(not PREPARE.exists(), reason='no distribution (devstack/build.sh)')


@pytest.fixture
def service():
    return mock.create_autospec(client.Client, instance=True)


@pytest.fixture
def ours(nova, service):
    """Makes the driver, which reads some options only then."""
    return lambda: nova.driver(service)


@pytest.fixture
def novas():
    return lambda: stock.LibvirtDriver(fake.FakeVirtAPI(), False)


def network():
    subnet = network_model.Subnet(cidr='10.0.0.0/24', ips=[network_model.FixedIP(address='10.0.0.4')])
    return network_model.NetworkInfo([network_model.VIF(
        id='11111111-1111-1111-1111-111111111111', address='fa:16:3e:00:00:01', type=network_model.VIF_TYPE_OVS,
        vnic_type='normal', devname='tap11111111-11', ovs_interfaceid='11111111-1111-1111-1111-111111111111', active=True,
        details={'port_filter': False, 'ovs_hybrid_plug': False, 'bridge_name': 'br-int'},
        network=network_model.Network(id='22222222-2222-2222-2222-222222222222', bridge='br-int', label='a', subnets=[subnet],
                                      mtu=1500))])


class Volume(dict):
    """Nova's kind of it, which writes into the database what has become of the connection."""

    def save(self):
        pass


def volume():
    return {'block_device_mapping': [Volume({
        'mount_device': '/dev/vdb', 'boot_index': None, 'disk_bus': 'virtio', 'device_type': 'disk', 'delete_on_termination': False,
        'volume_id': '33333333-3333-3333-3333-333333333333', 'attachment_id': None, 'guest_format': None,
        'connection_info': {'driver_volume_type': 'local', 'serial': '33333333-3333-3333-3333-333333333333',
                            'data': {'device_path': '/dev/a/volume', 'access_mode': 'rw'}}})]}


# What an operator or a user may have asked of Nova. Options by group, properties of the image, and how the server is.
WORKS = {
    'as it comes': {},
    'no statistics, so no balloon': {'libvirt': {'mem_stats_period_seconds': 0}},
    'host passthrough': {'libvirt': {'cpu_mode': 'host-passthrough'}},
    'a CPU model': {'libvirt': {'cpu_mode': 'custom', 'cpu_models': ['qemu64']}},
    'no CPU model': {'libvirt': {'cpu_mode': 'none'}},
    'q35': {'image': {'hw_machine_type': 'q35'}},
    'direct I/O': {'libvirt': {'disk_cachemodes': ['file=none', 'block=none']}},
    'raw files, native I/O': {'libvirt': {'images_type': 'raw', 'disk_cachemodes': ['file=directsync']}},
    'a config drive': {'instance': {'config_drive': 'True'}},
    'SCSI disks': {'image': {'hw_disk_bus': 'scsi', 'hw_scsi_model': 'virtio-scsi'}},
    'a guest agent': {'image': {'hw_qemu_guest_agent': 'yes'}},
    'Spice': {'spice': {'enabled': True}, 'vnc': {'enabled': False}},
    'a NIC': {'network': network},
    'a volume': {'volume': volume},
    'parallel connections, post-copy': {'libvirt': {'live_migration_permit_post_copy': True}},
}


def made_by_nova(nova, driver, split=True, **asked):
    """The XML, by the way that Nova goes when it starts a server.

    :param driver: makes one
    """
    asked = dict(asked)
    how = {}
    if 'network' in asked:
        how['network_info'] = asked.pop('network')()
    if 'volume' in asked:
        how['block_device_info'] = asked.pop('volume')()
    how['image'] = nova.image(**asked.pop('image', {}))
    server = nova.instance(split=split, **asked.pop('instance', {}))
    for group, options in asked.items():
        nova.flags(group=group, **options)
    return nova.guest_xml(driver(), server, **how)


@with_prepare
@pytest.mark.parametrize('asked', WORKS.values(), ids=list(WORKS))
def test_what_nova_makes_becomes_split_ready(nova, ours, asked):
    nova.flags(prepare_command='%s prepare' % PREPARE, group='splitmem')
    text = made_by_nova(nova, ours, **asked)
    domain = etree.fromstring(text)
    assert xml.is_prepared(text) and domain.find('memoryBacking/access').get('mode') == 'shared'
    assert {driver.get('cache') for driver in domain.findall('devices/disk/driver')} <= {'writeback', None}
    assert 'native' not in {driver.get('io') for driver in domain.findall('devices/disk/driver')}


def without_time(text):
    return re.sub('<nova:creationTime>[^<]*', '', text)


@pytest.mark.parametrize('asked', WORKS.values(), ids=list(WORKS))
def test_for_other_flavors_it_is_novas_to_the_last_character(nova, ours, novas, service, asked):
    nova.flags(prepare_command='false', group='splitmem')
    text = made_by_nova(nova, ours, split=False, **asked)
    assert without_time(made_by_nova(nova, novas, split=False, **asked)) == without_time(text)
    assert service.mock_calls == []


@with_prepare
def test_an_obstacle_that_the_image_asks_for_is_told_by_name(nova, ours):
    nova.flags(prepare_command='%s prepare' % PREPARE, group='splitmem')

    made = stock.LibvirtDriver._get_guest_xml

    def with_hardware(self, context, instance, *args, **kwargs):
        return made(self, context, instance, *args, **kwargs).replace('</devices>', '<shmem name="a"/></devices>')

    with mock.patch.object(stock.LibvirtDriver, '_get_guest_xml', with_hardware):
        with pytest.raises(errors.Refused) as refused:
            made_by_nova(nova, ours)
    assert str(refused.value).startswith('splitmem: ') and 'shmem' in str(refused.value)
    assert str(refused.value).count('splitmem: ') == 1
    assert len(str(refused.value)) <= 160
