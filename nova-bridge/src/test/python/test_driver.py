"""The driver over a stock driver that only notes how it is called."""
import types
from unittest import mock

from conftest import UUID
from nova.compute import task_states
from nova import exception
from nova.virt.libvirt import driver as stock
from nova.virt.libvirt.volume import remotefs
from oslo_concurrency import processutils
import pytest

from splitmem_nova import client
from splitmem_nova import driver
from splitmem_nova import errors

CONTEXT = object()
MONITORED = ('dest', 'post', 'recover', True, mock.Mock(), 'finished', [])


@pytest.fixture
def ours():
    made = object.__new__(driver.SplitMemLibvirtDriver)
    made._splitmem = mock.create_autospec(client.Client, instance=True)
    made._splitmem_runs = {}
    made._splitmem_booting = set()
    made._splitmem_rebuilding = set()
    made._host = mock.Mock()
    made._remotefs = mock.create_autospec(remotefs.RemoteFilesystem, instance=True)
    return made


@pytest.fixture(autouse=True)
def host(monkeypatch):
    driver.CONF.set_override('host', 'host2')
    driver.CONF.set_override('prepare_command', 'cat', group='splitmem')
    yield
    driver.CONF.clear_override('host')
    driver.CONF.clear_override('prepare_command', group='splitmem')


def instance(split=True, task_state=None):
    specs = {'splitmem:enabled': 'true', 'resources:MEMORY_MB': '256'} if split else {}
    return types.SimpleNamespace(uuid=UUID, name='instance-00000001', host='host1', project_id='p', user_id='u', save=None,
                                 task_state=task_state, config_drive='', flavor=types.SimpleNamespace(memory_mb=512, extra_specs=specs),
                                 image_meta=types.SimpleNamespace(properties={}))


def stock_call(name, result=None):
    return mock.patch.object(stock.LibvirtDriver, name, autospec=True, return_value=result)


METHODS = {
    '_get_guest_xml': ('net', 'disk', 'image'), 'destroy': ('net', 'bdm'),
    'resume_state_on_host_boot': ('net', 'bdm'),
    'migrate_disk_and_power_off': ('dest', 'flavor', 'net', 'bdm'),
    'check_can_live_migrate_destination': ('src', 'dst', True), 'pre_live_migration': ('bdm', 'net', 'disk', 'data'),
    'rollback_live_migration_at_destination': ('net', 'bdm'), 'check_can_live_migrate_source': ('data', 'bdm'),
    '_live_migration': ('host3', 'post', 'recover', True, 'data'), '_live_migration_monitor': ('guest', *MONITORED),
    '_live_migration_operation': ('dest', True, 'data', 'guest', ['vda'])}


@pytest.mark.parametrize('name', sorted(METHODS))
def test_other_flavors_are_as_in_stock_nova(ours, name):
    plain = instance(split=False)
    with stock_call(name, 'result') as called:
        assert getattr(ours, name)(CONTEXT, plain, *METHODS[name]) == 'result'
    called.assert_called_once_with(ours, CONTEXT, plain, *METHODS[name])
    assert ours._splitmem.mock_calls == []


@pytest.mark.parametrize('name', ['live_migration_abort', 'live_migration_force_complete'])
def test_without_a_split_migration_nova_acts_by_itself(ours, name):
    with stock_call(name) as called:
        getattr(ours, name)(instance())
    called.assert_called_once()


def test_a_plain_guest_is_started_as_in_stock_nova(ours):
    with stock_call('_create_guest', 'guest') as called:
        assert ours._create_guest(CONTEXT, '<domain/>', instance(split=False), power_on=True, pause=False) == 'guest'
    called.assert_called_once_with(ours, CONTEXT, '<domain/>', mock.ANY, power_on=True, pause=False)
    assert ours._splitmem.mock_calls == []


def test_the_domain_is_prepared(ours):
    text = '<domain><devices><disk><driver cache="none" io="native"/></disk></devices></domain>'
    with stock_call('_get_guest_xml', text):
        assert 'cache="writeback" io="threads"' in ours._get_guest_xml(CONTEXT, instance(), 'net', 'disk', 'image')


@pytest.mark.parametrize('task_state, refusal', [
    (task_states.SPAWNING, exception.BuildAbortException), (task_states.REBOOTING_HARD, errors.Refused)])
def test_an_obstacle_is_in_the_way_on_all_hosts(ours, task_state, refusal):
    driver.CONF.set_override('prepare_command', 'false', group='splitmem')
    with stock_call('_get_guest_xml', '<domain/>'), pytest.raises(refusal, match='^splitmem: exit code 1$'):
        ours._get_guest_xml(CONTEXT, instance(task_state=task_state), 'net', 'disk', 'image')


@pytest.mark.parametrize('specs', [{'splitmem:enabled': 'perhaps'}, {'splitmem:enabled': 'true', 'resources:MEMORY_MB': '0'}])
def test_a_wrong_flavor_is_refused_at_once_and_by_the_first_host(ours, specs):
    wrong = instance()
    wrong.flavor.extra_specs = specs
    with stock_call('prepare_for_spawn') as called, pytest.raises(exception.InstanceUnacceptable) as refused:
        ours.prepare_for_spawn(wrong)
    assert not called.called
    fault = exception.BuildAbortException(instance_uuid=UUID, reason=refused.value.format_message()).format_message()
    assert len(fault) <= 255 and sorted(specs.items())[-1 if len(specs) == 1 else 0][0] in fault


def test_a_wrong_flavor_is_not_started_by_a_resize_either(ours):
    wrong = instance()
    wrong.flavor.extra_specs = {'splitmem:enabled': 'perhaps', 'resources:MEMORY_MB': '1'}
    for start in (lambda: ours._get_guest_xml(CONTEXT, wrong, 'net', 'disk', 'image'),
                  lambda: ours._create_guest(CONTEXT, '<domain/>', wrong)):
        with stock_call('_get_guest_xml') as made, stock_call('_create_guest') as started:
            with pytest.raises(errors.Refused, match='extra spec splitmem:enabled = perhaps'):
                start()
        assert not made.called and not started.called
    with stock_call('destroy') as destroyed:
        ours.destroy(CONTEXT, wrong, 'net')
    assert destroyed.called, 'it can be deleted'


def test_memory_is_booked_before_a_cold_start(ours):
    with stock_call('_create_guest', 'guest') as called:
        ours._create_guest(CONTEXT, '<domain/>', instance())
    (server, where), _ = ours._splitmem.place.call_args
    assert (server.ram_mb, server.main_mb, where) == (512, 256, 'host2') and called.called


@pytest.mark.parametrize('task_state, where, evacuated_from', [
    (task_states.REBUILD_SPAWNING, 'host1', 'host1'), (task_states.REBUILD_SPAWNING, 'host2', None),
    (task_states.SPAWNING, 'host1', None), (task_states.RESIZE_FINISH, 'host1', None), (task_states.REBUILD_SPAWNING, None, None)])
def test_only_an_evacuation_says_that_the_former_host_is_dead(ours, task_state, where, evacuated_from):
    evacuated = instance(task_state=task_state)
    evacuated.host = where
    with stock_call('_create_guest', 'guest'):
        ours._create_guest(CONTEXT, '<domain/>', evacuated)
    assert ours._splitmem.place.call_args[1] == ({} if evacuated_from is None else {'evacuated_from': evacuated_from})


@pytest.mark.parametrize('error, task_state, starts', [
    (client.Unavailable('away'), task_states.SPAWNING, False), (client.Unavailable('away'), None, False),
    (client.Unavailable('away'), task_states.REBOOT_STARTED_HARD, True), (client.Unavailable('away'), task_states.POWERING_ON, True),
    (client.Unavailable('away'), task_states.RESCUING, True), (client.Unavailable('away'), task_states.UNRESCUING, True),
    (client.Unavailable('away'), task_states.RESUMING, True),
    (client.ClientError('no room', 409), task_states.REBOOT_STARTED_HARD, False)])
def test_without_a_booking(ours, error, task_state, starts):
    ours._splitmem.place.side_effect = error
    with stock_call('_create_guest', 'guest') as called:
        if starts:
            assert ours._create_guest(CONTEXT, '<domain/>', instance(task_state=task_state)) == 'guest'
        else:
            with pytest.raises(errors.Refused, match=str(error)):
                ours._create_guest(CONTEXT, '<domain/>', instance(task_state=task_state))
    assert called.called is starts
    assert not ours._splitmem.unplace.called, 'of a new server Nova destroys what is there, and with it the booking'


def test_a_destroyed_server_is_not_booked_any_more(ours):
    ours._splitmem.unplace.side_effect = client.Unavailable('away')
    with stock_call('destroy') as called:
        ours.destroy(CONTEXT, instance(), 'net')
    assert called.called
    ours._splitmem.unplace.assert_called_once_with(UUID, 'host2')


@pytest.mark.parametrize('task_state', [task_states.REBOOT_STARTED_HARD, task_states.POWERING_ON])
def test_a_server_that_starts_again_keeps_its_booking_meanwhile(ours, task_state):
    with stock_call('destroy') as called:
        ours.destroy(CONTEXT, instance(task_state=task_state), 'net')
    assert called.called
    assert ours._splitmem.mock_calls == []


@pytest.mark.parametrize('evacuated', [False, True])
def test_a_rebuild_keeps_the_booking_meanwhile_and_needs_no_bridge(ours, evacuated):
    ours._splitmem.place.side_effect = client.Unavailable('away')
    rebuilt = instance(task_state=task_states.REBUILDING)
    if not evacuated:
        with stock_call('destroy'):
            ours.destroy(CONTEXT, rebuilt, 'net')
    assert ours._splitmem.mock_calls == []
    rebuilt.task_state = task_states.REBUILD_SPAWNING
    with stock_call('_create_guest', 'guest'):
        if evacuated:
            with pytest.raises(errors.Refused, match='away'):
                ours._create_guest(CONTEXT, '<domain/>', rebuilt)
        else:
            assert ours._create_guest(CONTEXT, '<domain/>', rebuilt) == 'guest'
    assert ours._splitmem_rebuilding == set()


def test_a_server_that_is_started_when_its_host_boots_keeps_its_booking_meanwhile(ours):
    def hard_reboot(self, context, instance, *args):
        with stock_call('destroy'), stock_call('_create_guest'):
            self.destroy(context, instance, 'net')
            self._create_guest(context, '<domain/>', instance)

    with mock.patch.object(stock.LibvirtDriver, 'resume_state_on_host_boot', hard_reboot):
        ours.resume_state_on_host_boot(CONTEXT, instance(), 'net', 'bdm')
        assert not ours._splitmem.unplace.called and ours._splitmem.place.called
        ours._splitmem.place.side_effect = client.Unavailable('away')
        with pytest.raises(errors.Refused):
            ours.resume_state_on_host_boot(CONTEXT, instance(), 'net', 'bdm')
    assert not ours._splitmem.unplace.called
    with stock_call('destroy'):
        ours.destroy(CONTEXT, instance(), 'net')
    assert ours._splitmem.unplace.called, 'it is as ever afterwards'


@pytest.mark.parametrize('split', [True, False])
def test_a_server_that_becomes_an_ordinary_one_is_not_booked_any_more(ours, split):
    with stock_call('migrate_disk_and_power_off', 'disks') as called:
        assert ours.migrate_disk_and_power_off(CONTEXT, instance(), 'host3', instance(split).flavor, 'net') == 'disks'
    assert called.called
    assert ours._splitmem.unplace.mock_calls == ([] if split else [mock.call(UUID, 'host2')])


@pytest.mark.parametrize('name', ['check_can_live_migrate_destination', 'pre_live_migration'])
def test_the_destination_plans(ours, name):
    with stock_call(name, 'data'):
        assert getattr(ours, name)(CONTEXT, instance(), *METHODS[name]) == 'data'
    (server, source, destination), _ = ours._splitmem.plan.call_args
    assert (server.uuid, source, destination) == (UUID, 'host1', 'host2')


@pytest.mark.parametrize('name', ['check_can_live_migrate_destination', 'pre_live_migration'])
def test_a_lack_of_sub_hosts_is_a_failed_check(ours, name):
    ours._splitmem.plan.side_effect = client.ClientError('nobody lends 256 MiB', 409, 'no-sub-hosts')
    with stock_call(name), pytest.raises(exception.MigrationPreCheckError, match='nobody lends 256 MiB'):
        getattr(ours, name)(CONTEXT, instance(), *METHODS[name])


@pytest.mark.parametrize('name', ['check_can_live_migrate_destination', 'pre_live_migration'])
def test_a_plan_without_an_answer_is_undone(ours, name):
    ours._splitmem.plan.side_effect = client.Unavailable('timed out')
    with stock_call(name), pytest.raises(exception.MigrationPreCheckError, match='timed out'):
        getattr(ours, name)(CONTEXT, instance(), *METHODS[name])
    ours._splitmem.unplan.assert_called_once_with(UUID, 'host2')


def data_of(**shared):
    return types.SimpleNamespace(**{'is_shared_instance_path': False, 'is_shared_block_storage': False, 'target_connect_addr': None,
                                    'instance_relative_path': 'x', **shared})


def with_config_drive():
    made = instance()
    made.config_drive = 'True'
    return made


def test_a_config_drive_comes_along_before_the_guest_does(ours):
    with stock_call('pre_live_migration', 'data') as called:
        called.side_effect = lambda *args, **kwargs: ours._remotefs.copy_file.assert_not_called()  # there is no directory yet
        ours.pre_live_migration(CONTEXT, with_config_drive(), 'bdm', 'net', 'disk', data_of())
    (source, directory), _ = ours._remotefs.copy_file.call_args
    assert directory.startswith('/') and source == 'host1:%s/disk.config' % directory


@pytest.mark.parametrize('shared', ['is_shared_instance_path', 'is_shared_block_storage'])
def test_a_config_drive_that_both_hosts_see_is_left_alone(ours, shared):
    with stock_call('pre_live_migration', 'data'):
        assert ours.pre_live_migration(CONTEXT, with_config_drive(), 'bdm', 'net', 'disk', data_of(**{shared: True})) == 'data'
    assert ours._remotefs.mock_calls == []


def test_a_server_whose_config_drive_cannot_be_copied_does_not_move(ours):
    ours._remotefs.copy_file.side_effect = processutils.ProcessExecutionError(stderr='Permission denied (publickey).', exit_code=255)
    with stock_call('pre_live_migration'), pytest.raises(errors.Refused, match='config drive not copied from host1.*Permission denied'):
        ours.pre_live_migration(CONTEXT, with_config_drive(), 'bdm', 'net', 'disk', data_of())


def test_a_rollback_gives_the_plan_up(ours):
    with stock_call('rollback_live_migration_at_destination') as called:
        ours.rollback_live_migration_at_destination(CONTEXT, instance(), 'net', 'bdm')
    assert called.called
    ours._splitmem.unplan.assert_called_once_with(UUID, 'host2')


def test_a_server_that_was_started_before_cannot_be_split(ours):
    ours._host.get_guest.return_value.get_xml_desc.return_value = '<domain/>'
    with stock_call('check_can_live_migrate_source'), pytest.raises(exception.MigrationPreCheckError, match='reboot it --hard'):
        ours.check_can_live_migrate_source(CONTEXT, instance(), 'data')
    ours._host.get_guest.return_value.get_xml_desc.return_value = '<env name="SPLITMEM_VM"/>'
    with stock_call('check_can_live_migrate_source', 'data'):
        assert ours.check_can_live_migrate_source(CONTEXT, instance(), 'data') == 'data'


def test_both_threads_of_a_migration_see_the_same_run(ours):
    seen = []

    def during(self, context, instance, dest, post_method, recover_method, block_migration, migrate_data):
        with stock_call('_live_migration_operation') as operation, stock_call('_live_migration_monitor') as monitor:
            self._live_migration_operation(context, instance, dest, True, 'data', 'guest', [])
            self._live_migration_monitor(context, instance, 'guest', *MONITORED)
        seen.append((operation.call_args[0][6], monitor.call_args[0][3]))
        seen.append(self._splitmem_runs[UUID])

    with mock.patch.object(stock.LibvirtDriver, '_live_migration', during):
        ours._live_migration(CONTEXT, instance(), 'host3', 'post', 'recover', True, 'data')
    (operation, monitor), current = seen
    assert operation._run is monitor._run is current and operation._guest == 'guest'
    assert ours._splitmem_runs == {}


def test_abort_and_force_complete_go_to_the_run(ours):
    current = ours._splitmem_runs[UUID] = mock.Mock()
    current.force_complete.return_value = True
    with stock_call('live_migration_abort') as abort, stock_call('live_migration_force_complete') as force:
        ours.live_migration_abort(instance())
        ours.live_migration_force_complete(instance())
        assert not abort.called and not force.called
        current.force_complete.return_value = False
        ours.live_migration_force_complete(instance())
        assert force.called
    current.abort.side_effect = client.ClientError('it runs there', 409, 'handed-over')
    with pytest.raises(errors.Refused, match='it runs there'):
        ours.live_migration_abort(instance())


def test_a_restarted_compute_gives_up_what_nova_has_forgotten(ours):
    def migration(phase, name):
        return client.Migration(UUID, 'host3', id=name, phase=phase, source='host2')

    ours._splitmem.running.return_value = [migration(client.PRECOPY, 'a'), migration(client.HANDOVER, 'b')]
    with stock_call('init_host'):
        ours.init_host('host2')
    assert [call.args[0].id for call in ours._splitmem.abort.call_args_list] == ['a']
    ours._splitmem.running.return_value = [migration(client.READY, 'c'), migration(client.PRECOPY, 'd')]
    ours._splitmem.abort.side_effect = [client.ClientError('it runs there', 409, 'handed-over'), None]
    with stock_call('init_host'):
        ours.init_host('host2')
    assert [call.args[0].id for call in ours._splitmem.abort.call_args_list] == ['a', 'c', 'd']
    ours._splitmem.running.side_effect = client.Unavailable('away')
    with stock_call('init_host') as called:
        ours.init_host('host2')
    assert called.called


def test_nova_compute_does_not_start_with_a_nova_that_lacks_what_we_come_between(ours, monkeypatch):
    monkeypatch.delattr(stock.LibvirtDriver, '_soft_reboot')
    with stock_call('init_host') as started, pytest.raises(errors.NotSupported, match='no _soft_reboot'):
        ours.init_host('host2')
    assert not started.called
    assert ours._splitmem.mock_calls == []


def test_the_host_registers_when_nova_compute_starts_and_with_every_look_at_its_resources(ours):
    ours._splitmem.running.return_value = []
    ours._host.get_hostname.return_value = 'host2.example.org'
    with stock_call('init_host'):
        ours.init_host('host2')
    ours._splitmem.register.assert_called_once_with('host2', 'host2.example.org')
    with stock_call('get_available_resource', {'vcpus': 4}) as called:
        assert ours.get_available_resource('node2') == {'vcpus': 4}
    called.assert_called_once_with(ours, 'node2')
    ours._splitmem.register.assert_called_with('host2', 'node2')


@pytest.mark.parametrize('error', [client.Unavailable('away'), client.ClientError('forbidden', 403)])
def test_nova_works_on_while_the_bridge_takes_no_registration(ours, error):
    ours._splitmem.running.return_value = []
    ours._splitmem.register.side_effect = error
    with stock_call('init_host') as called:
        ours.init_host('host2')
    assert called.called
    with stock_call('get_available_resource', {'vcpus': 4}):
        assert ours.get_available_resource('node2') == {'vcpus': 4}
