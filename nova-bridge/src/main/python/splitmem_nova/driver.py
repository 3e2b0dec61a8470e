"""The compute driver: stock LibvirtDriver, and for flavors with splitmem:enabled=true split migration (docs/NOVA-DRIVER.md).

Works with Nova 26 to 34, on eventlet and on native threads. What is overridden gets its arguments by name (overrides.py); that the
installed Nova has all of it is checked when nova-compute starts.
"""
from nova.compute import task_states
import nova.conf
from nova.virt.libvirt import driver
from oslo_log import log as logging

from splitmem_nova import actions
from splitmem_nova import bridge
from splitmem_nova import client
from splitmem_nova import conf as splitmem_conf
from splitmem_nova import config_drive
from splitmem_nova import daemon
from splitmem_nova import errors
from splitmem_nova import flavors
from splitmem_nova import novaconf
from splitmem_nova import overrides
from splitmem_nova import progress
from splitmem_nova import reboot
from splitmem_nova import run as split_run
from splitmem_nova import xml

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF
splitmem_conf.register(CONF)

# The server's memory is booked already: it must be possible to start it again while the bridge is away.
STARTING_AGAIN = (task_states.REBOOT_STARTED, task_states.REBOOT_STARTED_HARD, task_states.REBOOTING,
                  task_states.REBOOTING_HARD, task_states.REBOOT_PENDING, task_states.REBOOT_PENDING_HARD,
                  task_states.POWERING_ON, task_states.RESCUING, task_states.UNRESCUING, task_states.RESUMING)

# As those, if it is on this host that the server was; an evacuation rebuilds it on another one, where nothing is booked.
REBUILDING = (task_states.REBUILDING, task_states.REBUILD_BLOCK_DEVICE_MAPPING, task_states.REBUILD_SPAWNING)


def _evacuation(instance):
    """Nova rebuilds a server elsewhere only from a host that it has found, or was told, to be dead; until that is done it is that host's."""
    if instance.task_state != task_states.REBUILD_SPAWNING or instance.host in (None, CONF.host):
        return {}
    return {'evacuated_from': instance.host}


class SplitMemLibvirtDriver(driver.LibvirtDriver):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._splitmem = {'bridge': bridge.BridgeClient, 'daemon': lambda conf: daemon.DaemonClient(conf.splitmem)}[
            CONF.splitmem.client](CONF)
        self._splitmem_runs = {}  # by instance uuid
        self._splitmem_booting = set()  # uuids of the instances that are started after a boot of this host
        self._splitmem_rebuilding = set()  # uuids of the instances whose booking was kept when a rebuild destroyed them

    def init_host(self, host):
        """Nova forgets its running migrations with a restart of nova-compute, so ours must not go on."""
        overrides.check(SplitMemLibvirtDriver)
        novaconf.check(CONF)
        super().init_host(host)
        self._register(self.get_available_nodes()[0])  # guests that are resumed next are placed
        try:
            running = self._splitmem.running(host)
        except client.ClientError as e:
            LOG.error('splitmem: whether a migration was under way when nova-compute ended is not known: %s', e)
            return
        for migration in running:
            if migration.phase in (client.PLANNED, client.PRECOPY, client.READY):
                self._abort_forgotten(migration)

    def get_available_resource(self, nodename):
        """Asked by Nova when it starts, and every minute: so long a bridge whose database was lost does not know of this host."""
        resources = super().get_available_resource(nodename)
        self._register(nodename)
        return resources

    def _register(self, hypervisor):
        try:
            self._splitmem.register(CONF.host, hypervisor)
        except client.ClientError as e:
            LOG.warning('splitmem: nova-bridge may not know where splitmemd of this host is: %s', e)

    def _abort_forgotten(self, migration):
        LOG.warning('splitmem: migration %s of %s was under way when nova-compute ended: aborting it',
                    migration.id, migration.instance_uuid)
        try:
            self._splitmem.abort(migration)
        except client.ClientError as e:  # the others are aborted all the same
            LOG.error('splitmem: migration %s of %s could not be aborted: %s', migration.id, migration.instance_uuid, e)

    # --- domains ---

    @overrides.of_split_servers()
    def prepare_for_spawn(self, call):
        """The first that a compute host does for a new server: no other host would take the flavor either."""
        try:
            flavors.check(call['instance'].flavor)
        except flavors.WrongExtraSpec as e:
            raise errors.Unacceptable(e) from e
        return call.stock()

    @overrides.of_split_servers()
    def _get_guest_xml(self, call):
        instance = call['instance']
        try:
            flavors.check(instance.flavor)
            return xml.prepare(call.stock(), CONF.splitmem.prepare_command)
        except (flavors.WrongExtraSpec, xml.NotSplittable) as e:
            LOG.error('splitmem: %s', e, instance=instance)
            # What the flavor and the image ask for is in the way on all hosts.
            raise (errors.BuildAborted if instance.task_state == task_states.SPAWNING else errors.Refused)(e) from e

    @overrides.of_split_servers()
    def attach_volume(self, call):
        return call.stock_on(self._without_direct_io())

    @overrides.of_split_servers()
    def swap_volume(self, call):
        return call.stock_on(self._without_direct_io())

    def _without_direct_io(self):
        def get_volume_config(*args, **kwargs):
            return xml.with_page_cache(self._get_volume_config(*args, **kwargs))

        return overrides.View(self, _get_volume_config=get_volume_config)

    # --- memory that Nova has not claimed ---

    @overrides.of_split_servers()
    def _create_guest(self, call):
        self._place(call['instance'])
        return call.stock()

    @overrides.of_split_servers()
    def _soft_reboot(self, call):
        """Nova starts the guest again by itself here, past _create_guest."""
        return call.stock_on(reboot.view(self, self._place))

    def _place(self, instance):
        try:
            self._splitmem.place(flavors.server(instance), CONF.host, **_evacuation(instance))
        except client.Unavailable as e:
            if not self._starts_again(instance):
                # It may be booked, with the answer lost: Nova destroys a new server that cannot be started, and so the booking.
                raise errors.Refused(e) from e
            LOG.warning('splitmem: %s starts again with the memory that is booked: %s', instance.uuid, e)
        except (client.ClientError, flavors.WrongExtraSpec) as e:
            raise errors.Refused(e) from e
        self._splitmem_rebuilding.discard(instance.uuid)

    def _starts_again(self, instance):
        return (instance.task_state in STARTING_AGAIN
                or instance.task_state in REBUILDING and instance.uuid in self._splitmem_rebuilding)

    @overrides.of_split_servers()
    def destroy(self, call):
        instance = call['instance']
        call.stock()
        # A hard reboot, a power-on, a rebuild and a start after the host's boot begin with this too; they are to find the room
        # that it had.
        self._splitmem_rebuilding.discard(instance.uuid)
        if instance.task_state in REBUILDING:
            self._splitmem_rebuilding.add(instance.uuid)
        elif instance.task_state not in STARTING_AGAIN and instance.uuid not in self._splitmem_booting:
            self._forget(self._splitmem.unplace, instance)

    @overrides.of_split_servers()
    def resume_state_on_host_boot(self, call):
        """A hard reboot without a task state.

        The room is kept, but the bridge has to answer: without it all split servers of this host would start whole at once.
        """
        self._splitmem_booting.add(call['instance'].uuid)
        try:
            return call.stock()
        finally:
            self._splitmem_booting.discard(call['instance'].uuid)

    @overrides.of_split_servers('flavor')
    def migrate_disk_and_power_off(self, call):
        result = call.stock()
        # Nothing places a server of an ordinary flavor; a revert places it anew.
        if not flavors.is_split(call['flavor']):
            self._forget(self._splitmem.unplace, call['instance'])
        return result

    def _forget(self, undo, instance):
        try:
            undo(instance.uuid, CONF.host)
        except client.ClientError as e:
            LOG.warning('splitmem: what is booked for %s at %s is left to the next reconcile: %s', instance.uuid, CONF.host, e)

    # --- live migration: the destination ---

    @overrides.of_split_servers()
    def check_can_live_migrate_destination(self, call):
        data = call.stock()
        self._plan(call['instance'])
        return data

    @overrides.of_split_servers('migrate_data')
    def pre_live_migration(self, call):
        # It may have waited for others for longer than a plan is kept.
        self._plan(call['instance'])
        data = call.stock()
        config_drive.bring(self._remotefs, call['instance'], call['migrate_data'])
        return data

    def _plan(self, instance):
        try:
            self._splitmem.plan(flavors.server(instance), instance.host, CONF.host)
        except client.Unavailable as e:
            self._forget(self._splitmem.unplan, instance)  # it may have been planned, with the answer lost
            raise errors.failed_check(e) from e
        except (client.ClientError, flavors.WrongExtraSpec) as e:
            raise errors.failed_check(e) from e

    @overrides.of_split_servers()
    def rollback_live_migration_at_destination(self, call):
        self._forget(self._splitmem.unplan, call['instance'])
        return call.stock()

    # --- live migration: the source ---

    @overrides.of_split_servers()
    def check_can_live_migrate_source(self, call):
        if not xml.is_prepared(self._host.get_guest(call['instance']).get_xml_desc()):
            raise errors.failed_check('the server was started before its flavor was split; reboot it --hard first')
        return call.stock()

    @overrides.of_split_servers('context', 'dest', 'migrate_data')
    def _live_migration(self, call):
        instance = call['instance']
        self._splitmem_runs[instance.uuid] = split_run.Run(
            self._splitmem, flavors.server(instance), CONF.host, call['dest'], CONF.splitmem,
            migration_uuid=actions.migration_uuid(call['migrate_data']))
        try:
            return call.stock()
        finally:
            del self._splitmem_runs[instance.uuid]

    def _proxy(self, instance, guest):
        current = self._splitmem_runs.get(instance.uuid)
        return guest if current is None else split_run.GuestProxy(guest, current)

    @overrides.of_split_servers('context', 'guest')
    def _live_migration_operation(self, call):
        """Does not raise: since Nova 32 what this raises puts the server into ERROR, after the monitor has rolled everything back.

        The monitor finds out from libvirt where the server is. The reason is among the server's events; Nova has logged it.
        """
        instance = call['instance']
        try:
            call.stock(guest=self._proxy(instance, call['guest']))
        except Exception as e:
            actions.report_failure(call['context'], instance, CONF.host, errors.Refused(e))

    @overrides.of_split_servers('guest', 'post_method', 'recover_method', 'migrate_data')
    def _live_migration_monitor(self, call):
        instance = call['instance']
        view = overrides.View(self, _is_post_copy_enabled=lambda flags: False)
        try:
            with progress.written_when_possible(instance, call['migrate_data'].migration) as at_the_end:
                return call.stock_on(view, guest=self._proxy(instance, call['guest']), post_method=at_the_end(call['post_method']),
                                     recover_method=at_the_end(call['recover_method']))
        except Exception as e:
            # Nova aborts the migration now.
            self._splitmem_runs[instance.uuid].monitor_failed(e)
            raise

    @overrides.of_split_servers()
    def live_migration_abort(self, call):
        instance = call['instance']
        current = self._splitmem_runs.get(instance.uuid)
        if current is None:
            return call.stock()
        try:
            current.abort(self._host.get_guest(instance), "by a request to Nova's API")
        except client.ClientError as e:
            LOG.error('splitmem: the migration cannot be aborted: %s', e, instance=instance)
            raise errors.Refused(e) from e

    @overrides.of_split_servers()
    def live_migration_force_complete(self, call):
        current = self._splitmem_runs.get(call['instance'].uuid)
        if current is None or not current.force_complete():
            call.stock()
