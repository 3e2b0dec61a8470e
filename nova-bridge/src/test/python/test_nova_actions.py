"""Nova's everyday actions through the installed Nova's own code, for split servers and for others."""
from unittest import mock

from nova.compute import power_state
from nova.compute import task_states
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import config as libvirt_config
from nova.virt.libvirt import driver as stock
from nova.virt.libvirt import guest as libvirt_guest
import novahost
import pytest

from splitmem_nova import client
from splitmem_nova import errors
from splitmem_nova import novaconf

nova = pytest.fixture(novahost.host)


@pytest.fixture
def service():
    return mock.create_autospec(client.Client, instance=True)


@pytest.fixture
def ours(nova, service):
    return nova.driver(service)


def rebooted_softly(nova, ours, server):
    """-> (whether Nova's soft reboot says that it worked, launches)"""
    nova.start(ours, server)
    ours._splitmem.place.reset_mock()
    order = []
    ours._splitmem.place.side_effect = lambda *args: order.append('place')
    with mock.patch.object(libvirt_guest.Guest, 'launch', autospec=True, side_effect=lambda *a, **k: order.append('launch')), \
            mock.patch.object(libvirt_guest.Guest, 'id', new_callable=mock.PropertyMock, side_effect=[1, 2, 3]), \
            mock.patch.object(libvirt_guest.Guest, 'get_power_state',
                              side_effect=[power_state.RUNNING, power_state.SHUTDOWN]), \
            mock.patch.object(libvirt_guest.Guest, 'shutdown'), \
            mock.patch('oslo_service.loopingcall.FixedIntervalLoopingCall'):
        return ours._soft_reboot(server), order


def test_a_soft_reboot_books_before_nova_launches_the_guest_by_itself(nova, ours):
    """It launches the guest past _create_guest: seen with a server that had all its RAM on a full host afterwards."""
    assert rebooted_softly(nova, ours, nova.instance(task_state=task_states.REBOOT_STARTED)) == (True, ['place', 'launch'])


def test_a_soft_reboot_of_another_server_is_novas(nova, ours):
    assert rebooted_softly(nova, ours, nova.instance(split=False)) == (True, ['launch'])


def test_a_soft_reboot_without_room_launches_nothing(nova, ours):
    nova.start(ours, nova.instance())
    ours._splitmem.place.side_effect = client.ClientError('host1 is full', 409, 'no-room')
    server = nova.instance(task_state=task_states.REBOOT_STARTED)
    with mock.patch.object(libvirt_guest.Guest, 'launch') as launched, \
            mock.patch.object(libvirt_guest.Guest, 'id', new_callable=mock.PropertyMock, side_effect=[1, 2, 3]), \
            mock.patch.object(libvirt_guest.Guest, 'get_power_state',
                              side_effect=[power_state.RUNNING, power_state.SHUTDOWN]), \
            mock.patch.object(libvirt_guest.Guest, 'shutdown'):
        with pytest.raises(errors.Refused, match='host1 is full'):
            ours.reboot(nova.context, server, None, 'SOFT')
    assert not launched.called


def test_a_new_guest_is_booked_before_it_is_launched(nova, ours):
    with mock.patch.object(libvirt_guest.Guest, 'launch', autospec=True) as launched:
        ours._splitmem.place.side_effect = lambda *args: launched.assert_not_called()
        nova.start(ours, nova.instance())
    assert launched.called and ours._splitmem.place.called


def direct_disk():
    disk = libvirt_config.LibvirtConfigGuestDisk()
    disk.source_type, disk.source_path = 'block', '/dev/a/volume'
    disk.driver_name, disk.driver_format, disk.driver_cache, disk.driver_io = 'qemu', 'raw', 'none', 'native'
    disk.target_dev, disk.target_bus, disk.source_device = 'vdb', 'virtio', 'disk'
    return disk


CONNECTION = {'driver_volume_type': 'local', 'serial': 'a', 'data': {'device_path': '/dev/a/volume', 'access_mode': 'rw'}}


@pytest.mark.parametrize('split, cache', [(True, ('writeback', 'threads')), (False, ('none', 'native'))])
def test_an_attached_volume(nova, ours, split, cache):
    """Through Nova's attach_volume, whose _get_volume_config lost its instance in 34."""
    server = nova.instance(split=split)
    nova.start(ours, server)
    with mock.patch.object(stock.LibvirtDriver, '_connect_volume'), \
            mock.patch.object(stock.LibvirtDriver, '_set_cache_mode'), \
            mock.patch.object(stock.LibvirtDriver, '_get_volume_driver', return_value=mock.Mock(
                get_config=lambda *args: direct_disk())), \
            mock.patch.object(stock.LibvirtDriver, '_build_device_metadata', return_value=None), \
            mock.patch('nova.objects.Instance.save'), \
            mock.patch.object(libvirt_guest.Guest, 'attach_device') as attached:
        ours.attach_volume(nova.context, CONNECTION, server, '/dev/vdb', disk_bus='virtio', device_type='disk')
    disk = attached.call_args.args[0]
    assert (disk.driver_cache, disk.driver_io) == cache


@pytest.mark.parametrize('split, cache', [(True, 'writeback'), (False, 'none')])
def test_a_swapped_volume(nova, ours, split, cache):
    server = nova.instance(split=split)
    nova.start(ours, server)
    with mock.patch.object(stock.LibvirtDriver, '_connect_volume'), \
            mock.patch.object(stock.LibvirtDriver, '_disconnect_volume'), \
            mock.patch.object(stock.LibvirtDriver, '_set_cache_mode'), \
            mock.patch.object(stock.LibvirtDriver, '_get_volume_encryption', return_value={}), \
            mock.patch.object(stock.LibvirtDriver, '_get_volume_driver', return_value=mock.Mock(
                get_config=lambda *args: direct_disk())), \
            mock.patch.object(libvirt_guest.Guest, 'get_disk', return_value=True), \
            mock.patch.object(stock.LibvirtDriver, '_swap_volume') as swapped:
        ours.swap_volume(nova.context, CONNECTION, CONNECTION, server, '/dev/vdb', 0)
    assert [a for a in swapped.call_args.args if isinstance(a, libvirt_config.LibvirtConfigGuestDisk)][0].driver_cache == cache


def test_a_disk_that_several_servers_write_keeps_its_mode(nova, ours):
    shared = direct_disk()
    shared.shareable = True
    view = ours._without_direct_io()
    with mock.patch.object(stock.LibvirtDriver, '_get_volume_config', lambda *args: shared):
        assert view._get_volume_config('connection', 'disk').driver_cache == 'none'


@pytest.mark.parametrize('group, option, value, words', [
    ('libvirt', 'live_migration_tunnelled', True, 'live_migration_tunnelled'),
    ('libvirt', 'live_migration_with_native_tls', True, 'allow_unencrypted_memory = true'),
    ('libvirt', 'file_backed_memory', 1024, 'file_backed_memory = 1024'),
    ('libvirt', 'virt_type', 'lxc', 'virt_type = lxc')])
def test_options_that_split_servers_do_not_go_with_are_refused_at_the_start(nova, ours, group, option, value, words):
    nova.flags(**{option: value}, group=group)
    with mock.patch.object(stock.LibvirtDriver, 'init_host') as started, pytest.raises(errors.NotSupported) as refused:
        ours.init_host('host1')
    assert words in str(refused.value) and not started.called and ours._splitmem.mock_calls == []


def test_encryption_of_other_servers_can_be_allowed(nova, ours):
    nova.flags(live_migration_with_native_tls=True, live_migration_permit_auto_converge=True,
               live_migration_permit_post_copy=True, group='libvirt')
    nova.flags(allow_unencrypted_memory=True, group='splitmem')
    ours._splitmem.running.return_value = []
    with mock.patch.object(stock.LibvirtDriver, 'init_host') as started:
        ours.init_host('host1')
    assert started.called
    changed = novaconf.migration_arguments({'flags': fakelibvirt.VIR_MIGRATE_TLS | fakelibvirt.VIR_MIGRATE_AUTO_CONVERGE})
    assert changed == {'flags': fakelibvirt.VIR_MIGRATE_TLS | fakelibvirt.VIR_MIGRATE_AUTO_CONVERGE}
