"""The compute driver: stock LibvirtDriver, and for flavors with splitmem:enabled=true split migration (docs/NOVA-DRIVER.md).

Works with Nova 26 (eventlet) and with later ones. What is overridden and how it is called is checked by a test against the
installed Nova; arguments that we do not read are passed on as they are.
"""
from nova.compute import task_states
import nova.conf
from nova import exception
from nova.virt.libvirt import driver
from oslo_log import log as logging

from splitmem_nova import bridge
from splitmem_nova import client
from splitmem_nova import conf as splitmem_conf
from splitmem_nova import daemon
from splitmem_nova import flavors
from splitmem_nova import run as split_run
from splitmem_nova import xml

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF
splitmem_conf.register(CONF)

# The server's memory is booked already: it must be possible to start it again while the bridge is away.
STARTING_AGAIN = (task_states.REBOOT_STARTED, task_states.REBOOT_STARTED_HARD, task_states.REBOOTING,
                  task_states.REBOOTING_HARD, task_states.REBOOT_PENDING, task_states.REBOOT_PENDING_HARD,
                  task_states.POWERING_ON, task_states.RESCUING, task_states.UNRESCUING, task_states.RESUMING)


class SplitmemRefused(exception.NovaException):
    msg_fmt = 'splitmem: %(reason)s'


class SplitMemLibvirtDriver(driver.LibvirtDriver):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._splitmem = {'bridge': bridge.BridgeClient, 'daemon': lambda conf: daemon.DaemonClient(conf.splitmem)}[
            CONF.splitmem.client](CONF)
        self._splitmem_runs = {}  # by instance uuid
        self._splitmem_booting = set()  # uuids of the instances that are started after a boot of this host

    def init_host(self, host):
        """Nova forgets its running migrations with a restart of nova-compute, so ours must not go on."""
        super().init_host(host)
        try:
            running = self._splitmem.running(host)
        except client.ClientError as e:
            LOG.error('splitmem: whether a migration was under way when nova-compute ended is not known: %s', e)
            return
        for migration in running:
            if migration.phase in (client.PLANNED, client.PRECOPY, client.READY):
                self._abort_forgotten(migration)

    def _abort_forgotten(self, migration):
        LOG.warning('splitmem: migration %s of %s was under way when nova-compute ended: aborting it',
                    migration.id, migration.instance_uuid)
        try:
            self._splitmem.abort(migration)
        except client.ClientError as e:  # the others are aborted all the same
            LOG.error('splitmem: migration %s of %s could not be aborted: %s', migration.id, migration.instance_uuid, e)

    # --- domains ---

    def _get_guest_xml(self, context, instance, *args, **kwargs):
        text = super()._get_guest_xml(context, instance, *args, **kwargs)
        if not flavors.is_split(instance.flavor):
            return text
        try:
            return xml.prepare(xml.with_page_cache(text), CONF.splitmem.prepare_command)
        except xml.NotSplittable as e:
            raise SplitmemRefused(reason=e) from e

    def _get_volume_config(self, instance, *args, **kwargs):
        conf = super()._get_volume_config(instance, *args, **kwargs)
        if flavors.is_split(instance.flavor) and not getattr(conf, 'shareable', False) and not xml.uses_page_cache(
                getattr(conf, 'driver_cache', None)):
            conf.driver_cache = 'writeback'
            if getattr(conf, 'driver_io', None) == 'native':
                conf.driver_io = 'threads'
        return conf

    # --- memory that Nova has not claimed ---

    def _create_guest(self, context, xml, instance, *args, **kwargs):
        if flavors.is_split(instance.flavor):
            self._place(instance)
        return super()._create_guest(context, xml, instance, *args, **kwargs)

    def _place(self, instance):
        try:
            self._splitmem.place(flavors.server(instance), CONF.host)
        except client.Unavailable as e:
            if instance.task_state not in STARTING_AGAIN:
                raise SplitmemRefused(reason=e) from e
            LOG.warning('splitmem: %s starts again with the memory that is booked: %s', instance.uuid, e)
        except client.ClientError as e:
            raise SplitmemRefused(reason=e) from e

    def destroy(self, context, instance, *args, **kwargs):
        super().destroy(context, instance, *args, **kwargs)
        # A hard reboot, a power-on and a start after the host's boot begin with this too; they are to find the room that it had.
        starts_again = instance.task_state in STARTING_AGAIN or instance.uuid in self._splitmem_booting
        if flavors.is_split(instance.flavor) and not starts_again:
            self._forget(self._splitmem.unplace, instance)

    def resume_state_on_host_boot(self, context, instance, *args, **kwargs):
        """A hard reboot without a task state.

        The room is kept, but the bridge has to answer: without it all split servers of this host would start whole at once.
        """
        self._splitmem_booting.add(instance.uuid)
        try:
            return super().resume_state_on_host_boot(context, instance, *args, **kwargs)
        finally:
            self._splitmem_booting.discard(instance.uuid)

    def migrate_disk_and_power_off(self, context, instance, dest, flavor, *args, **kwargs):
        result = super().migrate_disk_and_power_off(context, instance, dest, flavor, *args, **kwargs)
        # Nobody will place a server of an ordinary flavor; a revert places it anew.
        if flavors.is_split(instance.flavor) and not flavors.is_split(flavor):
            self._forget(self._splitmem.unplace, instance)
        return result

    def _forget(self, call, instance):
        try:
            call(instance.uuid, CONF.host)
        except client.ClientError as e:
            LOG.warning('splitmem: what is booked for %s at %s is left to the next reconcile: %s', instance.uuid, CONF.host, e)

    # --- live migration: the destination ---

    def check_can_live_migrate_destination(self, context, instance, *args, **kwargs):
        data = super().check_can_live_migrate_destination(context, instance, *args, **kwargs)
        if flavors.is_split(instance.flavor):
            self._plan(instance)
        return data

    def pre_live_migration(self, context, instance, *args, **kwargs):
        # It may have waited for others for longer than a plan is kept.
        if flavors.is_split(instance.flavor):
            self._plan(instance)
        return super().pre_live_migration(context, instance, *args, **kwargs)

    def _plan(self, instance):
        """The conductor tries another host after this exception."""
        try:
            self._splitmem.plan(flavors.server(instance), instance.host, CONF.host)
        except client.ClientError as e:
            raise exception.MigrationPreCheckError(reason='splitmem: %s' % e) from e

    def rollback_live_migration_at_destination(self, context, instance, *args, **kwargs):
        if flavors.is_split(instance.flavor):
            self._forget(self._splitmem.unplan, instance)
        super().rollback_live_migration_at_destination(context, instance, *args, **kwargs)

    # --- live migration: the source ---

    def check_can_live_migrate_source(self, context, instance, *args, **kwargs):
        if flavors.is_split(instance.flavor) and not xml.is_prepared(self._host.get_guest(instance).get_xml_desc()):
            raise exception.MigrationPreCheckError(
                reason='splitmem: the server was started before its flavor was split; reboot it --hard first')
        return super().check_can_live_migrate_source(context, instance, *args, **kwargs)

    def _live_migration(self, context, instance, dest, *args, **kwargs):
        if not flavors.is_split(instance.flavor):
            return super()._live_migration(context, instance, dest, *args, **kwargs)
        self._splitmem_runs[instance.uuid] = split_run.Run(
            self._splitmem, flavors.server(instance), CONF.host, dest, CONF.splitmem)
        try:
            return super()._live_migration(context, instance, dest, *args, **kwargs)
        finally:
            del self._splitmem_runs[instance.uuid]

    def _proxy(self, instance, guest):
        current = self._splitmem_runs.get(instance.uuid)
        return guest if current is None else split_run.GuestProxy(guest, current)

    def _live_migration_operation(self, context, instance, dest, block_migration, migrate_data, guest, *args, **kwargs):
        return super()._live_migration_operation(context, instance, dest, block_migration, migrate_data,
                                                 self._proxy(instance, guest), *args, **kwargs)

    def _live_migration_monitor(self, context, instance, guest, *args, **kwargs):
        return super()._live_migration_monitor(context, instance, self._proxy(instance, guest), *args, **kwargs)

    def live_migration_abort(self, instance):
        current = self._splitmem_runs.get(instance.uuid)
        if current is None:
            return super().live_migration_abort(instance)
        try:
            current.abort(self._host.get_guest(instance))
        except client.ClientError as e:
            LOG.error('splitmem: the migration cannot be aborted: %s', e, instance=instance)
            raise SplitmemRefused(reason=e) from e

    def live_migration_force_complete(self, instance):
        current = self._splitmem_runs.get(instance.uuid)
        if current is None or not current.force_complete():
            super().live_migration_force_complete(instance)
