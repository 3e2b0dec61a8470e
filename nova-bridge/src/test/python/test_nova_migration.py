"""Live migrations through the installed Nova's own threads: _live_migration, _live_migration_operation, _live_migration_monitor."""
import pathlib
import threading
import time
from unittest import mock

import conftest
from nova import conf
from nova import exception
from nova.network import model as network_model
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt.volume import remotefs
import novahost
import oslo_messaging
import pytest

from splitmem_nova import client
from splitmem_nova import errors

# Before 33 nova-compute waits for its operation thread in ways of eventlet, without end on native threads (seen with 32.2.1).
pytestmark = pytest.mark.skipif(conftest.THREADING == 'native' and conftest.nova_release() < 33,
                                reason='this Nova runs nova-compute on eventlet only')

nova = pytest.fixture(novahost.host)


class Service(client.Client):
    """In the place of the bridge: the copy is in a phase that the test sets."""

    def __init__(self):
        self.phase, self.reason, self.calls, self.refusal = client.READY, '', [], None

    def _now(self):
        return client.Migration(novahost.UUID, 'host2', id='m1', phase=self.phase, source='host1', total=100, processed=40,
                                remaining=60, hypervisor_may_start=self.phase == client.READY, reason=self.reason)

    def plan(self, server, source, destination, migration_uuid=''):
        self.calls.append('plan for %s' % migration_uuid)
        if self.refusal:
            raise self.refusal
        return self._now()

    def start(self, migration, server):
        return self._now()

    def show(self, migration):
        return self._now()

    def abort(self, migration):
        self.calls.append('abort')
        if self.phase not in (client.DONE, client.HANDOVER):
            self.phase, self.reason = client.ABORTED, 'aborted'

    def complete(self, migration):
        self.calls.append('complete')
        self.phase = client.READY

    def place(self, server, host):
        pass


class Migration:
    """One migration of a server that runs on the fake libvirt."""

    def __init__(self, nova, service, split=True):
        self.nova, self.service = nova, service
        self.driver = nova.driver(service)
        self.driver._parse_migration_flags()
        self.server = nova.instance(split=split)
        self.guest = nova.start(self.driver, self.server)
        # On eventlet, Nova has libvirt called by threads in which nothing of eventlet may be used, as Nova's proxy of this would.
        domain = self.driver._host._get_domain(self.server)
        self.domain = getattr(domain, '_obj', domain)
        self.domain._job_type = fakelibvirt.VIR_DOMAIN_JOB_NONE  # before Nova 32, the fake one always has a job under way
        self.post, self.recover = mock.Mock(), mock.Mock()
        migration = objects.Migration(nova.context, id=1, uuid='44444444-4444-4444-4444-444444444444', status='running')
        self.data = objects.LibvirtLiveMigrateData(
            migration=migration, block_migration=False, is_shared_block_storage=True, is_shared_instance_path=True, bdms=[],
            serial_listen_addr='127.0.0.1', serial_listen_ports=[], graphics_listen_addr_vnc='127.0.0.1',
            graphics_listen_addr_spice='127.0.0.1', vifs=[])
        self.migrate = mock.Mock(side_effect=self._leave)
        self.failures = []
        self.saved = {objects.Migration: mock.Mock(), objects.Instance: mock.Mock()}

    def _leave(self, *args, **kwargs):
        """What libvirt does when all goes well."""
        self.domain._state = fakelibvirt.VIR_DOMAIN_SHUTOFF
        self.service.phase = client.DONE

    def run(self):
        with mock.patch.object(fakelibvirt.Domain, 'migrateToURI3', self.migrate), mock.patch.object(
                objects.Migration, 'save', self.saved[objects.Migration]), mock.patch.object(
                objects.Instance, 'save', self.saved[objects.Instance]), mock.patch.object(
                objects.InstanceActionEvent, 'event_start'), mock.patch.object(
                objects.InstanceActionEvent, 'event_finish_with_failure') as finished:
            try:
                self.driver.live_migration(self.nova.context, self.server, 'host2', self.post, self.recover, False, self.data)
            finally:
                self._await(finished)
                self.failures = [str(call.kwargs['exc_val']) for call in finished.call_args_list]

    def _await(self, finished):
        """The operation thread may still be at its last words."""
        limit = time.monotonic() + 5
        while not self.post.called and not finished.called and time.monotonic() < limit:
            time.sleep(0.02)

    def in_background(self):
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        return thread


def until(condition):
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.fixture
def migration(nova):
    return Migration(nova, Service())


def test_it_leaves(migration):
    migration.run()
    assert migration.post.called and not migration.recover.called and migration.failures == []
    assert migration.service.calls == ['plan for 44444444-4444-4444-4444-444444444444']
    assert migration.driver._splitmem_runs == {}


def test_a_refused_plan_leaves_the_server_active_and_the_migration_failed(migration):
    """Nova puts the server into ERROR when live_migration raises, whatever was rolled back before."""
    migration.service.refusal = client.ClientError('host3 lends 100 MiB of the 256', 409, 'no-sub-hosts')
    migration.run()
    assert migration.recover.call_args.kwargs.get('migration_status', 'failed') == 'failed'
    assert not migration.post.called and not migration.migrate.called
    assert migration.failures == ['splitmem: host3 lends 100 MiB of the 256']


def test_what_the_daemon_gives_up_leaves_the_server_active(migration):
    migration.service.phase, migration.service.reason = client.ABORTED, 'host3 is gone'
    migration.run()
    assert migration.recover.called and not migration.post.called
    assert 'host3 is gone' in migration.failures[0]


def test_what_libvirt_cannot_do_leaves_the_server_active(migration):
    migration.migrate.side_effect = fakelibvirt.make_libvirtError(fakelibvirt.libvirtError, 'no disk there', error_code=1)
    migration.run()
    assert migration.recover.called and not migration.post.called and 'abort' in migration.service.calls
    assert 'no disk there' in migration.failures[0] or 'aborted' in migration.failures[0]


def test_an_aborted_migration_is_cancelled(migration):
    migration.service.phase = client.PRECOPY
    thread = migration.in_background()
    until(lambda: migration.driver._splitmem_runs and migration.driver._splitmem_runs[novahost.UUID].migration)
    migration.driver.live_migration_abort(migration.server)
    thread.join(10)
    assert not thread.is_alive()
    assert migration.recover.call_args.kwargs['migration_status'] == 'cancelled'
    assert migration.failures and migration.failures[0].startswith('splitmem: ') and 'abort' in migration.failures[0]


def test_one_that_takes_too_long_is_given_up(migration):
    migration.nova.flags(live_migration_completion_timeout=1, live_migration_timeout_action='abort', group='libvirt')
    migration.service.phase = client.PRECOPY
    migration.run()
    assert migration.recover.call_args.kwargs['migration_status'] == 'cancelled'


def test_one_that_takes_too_long_is_completed(migration):
    migration.nova.flags(live_migration_completion_timeout=1, live_migration_timeout_action='force_complete', group='libvirt')
    migration.service.phase = client.PRECOPY
    migration.run()
    assert migration.post.called and 'complete' in migration.service.calls


@pytest.mark.parametrize('saved', [objects.Migration, objects.Instance])
def test_progress_that_cannot_be_written_does_not_end_it(migration, saved):
    """As when nova-conductor is killed with the request in hand: Nova's monitor would end, and the server get into ERROR."""
    def lose(*args, **kwargs):
        migration.service.phase = client.READY
        raise oslo_messaging.MessagingTimeout('Timed out waiting for a reply')

    migration.service.phase = client.PRECOPY
    migration.saved[saved].side_effect = lose
    migration.post.side_effect = lambda *args, **kwargs: saves_are_novas(migration)
    migration.run()
    assert migration.saved[saved].called
    assert migration.post.called and not migration.recover.called and migration.failures == []
    assert 'abort' not in migration.service.calls


def saves_are_novas(migration):
    """What Nova does at the end needs what it has written."""
    for kept in (migration.server, migration.data.migration):
        assert 'save' not in vars(kept)


def test_who_aborts_one_whose_monitor_fails_is_told(migration):
    migration.service.phase = client.PRECOPY
    migration.saved[objects.Instance].side_effect = exception.InstanceNotFound(instance_id=novahost.UUID)
    with pytest.raises(exception.InstanceNotFound):
        migration.run()
    assert not migration.migrate.called
    assert migration.failures[0].startswith("splitmem: aborted by Nova, whose monitor of it failed: Instance ")


def test_force_complete_while_libvirt_migrates_pauses_the_guest_as_there_is_no_post_copy(migration):
    migration.nova.flags(live_migration_permit_post_copy=True, group='libvirt')
    migration.driver._parse_migration_flags()
    go = threading.Event()

    def switch_over(*args, **kwargs):
        migration.service.phase = client.SWITCHOVER
        while not go.is_set():
            time.sleep(0.02)
        migration._leave()

    migration.migrate.side_effect = switch_over
    migration.data.migration.status = 'running'
    with mock.patch.object(fakelibvirt.Domain, 'suspend', create=True) as paused, mock.patch.object(
            fakelibvirt.Domain, 'migrateStartPostCopy', create=True) as post_copy:
        thread = migration.in_background()
        until(lambda: migration.service.phase == client.SWITCHOVER and novahost.UUID in migration.driver.active_migrations
              and migration.driver._splitmem_runs[novahost.UUID].migration.phase == client.SWITCHOVER)
        migration.driver.live_migration_force_complete(migration.server)
        until(lambda: paused.called or post_copy.called)
        go.set()
        thread.join(10)
    assert paused.called and not post_copy.called
    flags = migration.migrate.call_args.kwargs['flags']
    assert flags & fakelibvirt.VIR_MIGRATE_LIVE and not flags & fakelibvirt.VIR_MIGRATE_POSTCOPY


def test_parallel_connections_are_for_servers_that_send_memory(migration):
    if not hasattr(migration.driver, '_handle_live_migration_parallel'):
        pytest.skip('this Nova has no live_migration_parallel_connections')
    migration.nova.flags(live_migration_parallel_connections=4, group='libvirt')
    migration.driver._parse_migration_flags()
    migration.run()
    sent = migration.migrate.call_args.kwargs
    assert not sent['flags'] & fakelibvirt.VIR_MIGRATE_PARALLEL
    assert not any('parallel' in name for name in sent['params'])


def test_other_flavors_migrate_as_in_stock_nova(nova):
    """Also in how it fails: what Nova does then is Nova's."""
    plain = Migration(nova, Service(), split=False)
    nova.flags(live_migration_permit_post_copy=True, group='libvirt')
    plain.driver._parse_migration_flags()
    plain.run()
    assert plain.post.called and plain.service.calls == []
    assert plain.migrate.call_args.kwargs['flags'] & fakelibvirt.VIR_MIGRATE_POSTCOPY
    plain = Migration(nova, Service(), split=False)
    plain.migrate.side_effect = fakelibvirt.make_libvirtError(fakelibvirt.libvirtError, 'no disk there', error_code=1)
    if conftest.nova_release() >= 32:
        with pytest.raises(fakelibvirt.libvirtError):
            plain.run()
    else:
        plain.run()
    assert plain.recover.called and plain.failures == []


def test_a_config_drive_is_there_before_the_guest(nova):
    made, server = nova.driver(Service()), nova.instance(config_drive='True')
    data = objects.LibvirtLiveMigrateData(
        block_migration=True, is_shared_block_storage=False, is_shared_instance_path=False, bdms=[], vifs=[],
        instance_relative_path=server.uuid, graphics_listen_addr_vnc='127.0.0.1', graphics_listen_addr_spice='127.0.0.1',
        serial_listen_addr=None, target_connect_addr=None)

    def copy(source, directory):
        assert source == 'host1:%s/disk.config' % directory
        (pathlib.Path(directory) / 'disk.config').write_bytes(b'of the source')

    with mock.patch.object(remotefs.RemoteFilesystem, 'copy_file', side_effect=copy):
        made.pre_live_migration(nova.context, server, {'block_device_mapping': []}, network_model.NetworkInfo(), '[]', data)
    assert (pathlib.Path(conf.CONF.instances_path) / server.uuid / 'disk.config').read_bytes() == b'of the source'


def test_a_wrong_extra_spec_is_refused_before_anything_moves(nova):
    migration = Migration(nova, Service())
    migration.server.flavor.extra_specs = {'splitmem:enabled': 'perhaps'}
    with pytest.raises(exception.NovaException, match='splitmem:enabled = perhaps'):
        migration.driver.pre_live_migration(nova.context, migration.server, None, None, None, migration.data)
    assert isinstance(errors.Refused('x'), exception.NovaException) and not migration.migrate.called
