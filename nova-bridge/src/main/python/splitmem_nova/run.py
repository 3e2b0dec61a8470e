"""One live migration of a split server, seen from its source host.

Nova migrates in two threads: the operation thread calls libvirt and blocks, the monitor asks for the job's progress every half
second and acts on it. We come between them and libvirt as a guest (GuestProxy), and do our part in the operation thread:

    guest.migrate     asks for the split migration, waits until splitmemd is (nearly) READY, and only then calls libvirt;
                      then waits for the last pages, as this host has to stay up until they have left
    get_job_info      tells the whole of it as one job, and aborts libvirt's part if splitmemd has given up
    abort, force      go to whoever is at work

No threads or locks of our own: Nova may run on eventlet or on native threads.
"""
import time

import libvirt
from nova.virt.libvirt import guest as libvirt_guest
from nova.virt.libvirt import migration as libvirt_migrate
from oslo_log import log as logging

from splitmem_nova import client
from splitmem_nova import novaconf
from splitmem_nova import xml

LOG = logging.getLogger(__name__)

# How long the hypervisor may take to notice by itself that splitmemd has given up, before it is told.
GRACE_SECONDS = 2

# How long a splitmemd that was asked to begin may take to know of the migration, when it is not known whether it has begun.
BEGINNING_SECONDS = 5


class MigrationFailed(Exception):
    """The split migration was given up; the server runs on where it was."""


class Run:
    """The state of one migration. Methods may be called by any thread.

    :param service: client.Client
    :param server: client.Server
    :param conf: the section [splitmem]
    :param migration_uuid: of Nova's migration
    """

    def __init__(self, service, server, source, destination, conf, migration_uuid=''):
        self._service = service
        self._server = server
        self._source = source
        self._destination = destination
        self._conf = conf
        self._migration_uuid = migration_uuid
        self._asked_at = 0
        self._aborted_since = None
        self._told_hypervisor = False
        self.migration = None
        self.abort_reason = None  # who asked for the abort; None until someone does
        self.complete_asked = False
        self.hypervisor_asked = False
        self.finished = False

    # --- the operation thread ---

    def operate(self, migrate, destination_xml, memory_source):
        """The whole migration. Raises if the server is still here at its end.

        :param migrate: calls libvirt, with the XML for the destination, and returns when libvirt has
        :param memory_source: as xml.memory_source() of the running domain
        """
        try:
            # In the same thread as what follows, but before anything is copied: a refusal costs nothing.
            ready_xml = xml.prepare(destination_xml, self._conf.prepare_command, memory_source)
            planned = self._plan()
            self._refuse_if_aborted()
            self.migration = self._start(planned)
            LOG.info('splitmem: migration %s of %s to %s has begun', self.migration.id, self._server.uuid, self._destination)
            self._await_ready_or_give_up()
            self.hypervisor_asked = True
            self._call_hypervisor(migrate, ready_xml)
            self._settle()
        finally:
            self.finished = True

    def _plan(self):
        try:
            return self._service.plan(self._server, self._source, self._destination, self._migration_uuid)
        except client.Unavailable:
            self._undo_plan()
            raise

    def _undo_plan(self):
        try:
            self._service.unplan(self._server.uuid, self._destination)
        except client.ClientError as e:
            LOG.warning('splitmem: the plan for %s to %s, if there is one, is left to expire: %s',
                        self._server.uuid, self._destination, e)

    def _start(self, planned):
        try:
            return self._service.start(planned, self._server)
        except client.Unavailable:
            self._undo_start(planned)
            raise

    def _undo_start(self, planned):
        """It may have begun, or be about to, and nothing else would ever end it: so again and again for a while."""
        limit = time.monotonic() + BEGINNING_SECONDS
        while True:
            try:
                self._service.abort(planned)
            except client.ClientError as e:
                LOG.warning('splitmem: whether the migration of %s to %s has begun is not known: %s',
                            self._server.uuid, self._destination, e)
            if time.monotonic() >= limit:
                return
            time.sleep(self._conf.poll_interval)

    def _await_ready_or_give_up(self):
        try:
            self._await_ready()
        except client.ClientError as e:  # a refusal, as of credentials that ended; nothing else would ever end it
            self._give_up(e)
            raise

    def _await_ready(self):
        while True:
            self._refuse_if_aborted()
            current = self._refresh()
            if current.phase == client.ABORTED:
                raise MigrationFailed('the split migration was given up: %s' % (current.reason or 'no reason told'))
            self._complete_if_asked()
            # Somebody else may have asked it: libvirt refuses a second migration, and says so.
            if current.hypervisor_may_start or current.phase in client.HYPERVISOR_MIGRATES:
                return
            time.sleep(self._conf.poll_interval)

    def _call_hypervisor(self, migrate, ready_xml):
        try:
            migrate(ready_xml)
        except libvirt.libvirtError as e:
            # Unless the destination owns the VM already: that is refused then, and Nova finds out from libvirt where the VM is.
            self._give_up(e)
            current = self.migration
            if current.phase == client.ABORTED and current.reason:
                raise MigrationFailed('%s (libvirt: %s)' % (current.reason, e)) from e
            raise

    def _settle(self):
        limit = time.monotonic() + self._conf.settle_timeout
        while not self._settled():
            if time.monotonic() > limit:
                LOG.warning('splitmem: migration %s of %s: after %d s %d bytes are still here; this host must stay up until they'
                            ' have left', self.migration.id, self._server.uuid, self._conf.settle_timeout, self.migration.remaining)
                return
            time.sleep(self._conf.poll_interval)

    def _settled(self):
        try:
            current = self._service.show(self.migration)
            if current.phase == client.FAILED_AFTER_HANDOVER:  # the server has moved: to Nova its migration is done
                LOG.error('splitmem: migration %s of %s failed after the handover: %s', current.id, self._server.uuid, current.reason)
            return current.is_over
        except client.ClientError as e:
            LOG.warning('splitmem: whether the last pages of %s have left is not known: %s', self._server.uuid, e)
            return False

    def _refuse_if_aborted(self):
        if self.abort_reason is not None:
            self._give_up(self.abort_reason)
            raise MigrationFailed('aborted ' + self.abort_reason)

    def _give_up(self, why):
        if self.migration is None or self.migration.is_over:
            return
        LOG.info('splitmem: migration %s of %s is given up: %s', self.migration.id, self._server.uuid, why)
        try:
            self._service.abort(self.migration)
            self._refresh()
        except client.ClientError as e:
            LOG.warning('splitmem: migration %s could not be aborted: %s', self.migration.id, e)

    def _refresh(self):
        """Asks how it stands, for as long as the patience lasts: bridge and splitmemd may be restarted."""
        limit = time.monotonic() + self._conf.patience
        while True:
            try:
                self.migration = self._service.show(self.migration)
                return self.migration
            except client.Unavailable as e:
                if time.monotonic() > limit:
                    self._give_up(e)
                    raise MigrationFailed('the state of the split migration is unknown: %s' % e) from e
                LOG.warning('splitmem: %s; waiting for it', e)
                time.sleep(self._conf.poll_interval)

    # --- the monitor, and Nova's API ---

    def job_info(self, guest):
        """What the monitor is to see. May tell libvirt to abort, if splitmemd has given up."""
        info = guest.get_job_info()
        if self.finished:
            return self._last_info(guest, info)
        if self.hypervisor_asked:
            self._watch(guest)
        current = self.migration
        info.type = libvirt.VIR_DOMAIN_JOB_UNBOUNDED
        if current is not None and current.total:
            info.memory_total = current.total
            info.memory_processed = current.processed
            info.memory_remaining = current.remaining
        return info

    def _last_info(self, guest, info):
        if self.abort_reason is not None and libvirt_migrate.find_job_type(guest, None) == libvirt.VIR_DOMAIN_JOB_FAILED:
            return libvirt_guest.JobInfo(type=libvirt.VIR_DOMAIN_JOB_CANCELLED)
        return info

    def _watch(self, guest):
        """While libvirt holds the operation thread."""
        now = time.monotonic()
        if now - self._asked_at < self._conf.poll_interval:
            return
        self._asked_at = now
        try:
            self.migration = self._service.show(self.migration)
        except client.ClientError as e:
            LOG.warning('splitmem: %s', e)
            return
        self._complete_if_asked()
        if self.migration.phase != client.ABORTED or self._told_hypervisor:
            return
        if self._aborted_since is None:
            self._aborted_since = now
        if now - self._aborted_since >= GRACE_SECONDS:
            try:
                guest.abort_job()
                self._told_hypervisor = True
            except libvirt.libvirtError as e:  # its part may have ended just now, and the operation thread be giving up ours
                LOG.warning('splitmem: the hypervisor cannot be told that the migration of %s was given up: %s',
                            self._server.uuid, e)

    def abort(self, guest, reason):
        """Before libvirt migrates our part is enough: the operation thread notices. Raises if it is too late.

        :param reason: who asked for it, as in "aborted <reason>"
        """
        self.abort_reason = self.abort_reason or reason
        if self.migration is None or self.migration.is_over:
            return
        try:
            self._service.abort(self.migration)
        except client.Unavailable:
            if not self.hypervisor_asked:
                return  # the operation thread tries again
            guest.abort_job()

    def monitor_failed(self, error):
        """The abort that comes next is not the user's."""
        self.abort_reason = self.abort_reason or "by Nova, whose monitor of it failed: %s" % error

    def force_complete(self):
        """-> False once the hypervisor migrates: Nova's own way is the right one then. Before, it is done here, when it can be.

        That the hypervisor was asked says nothing: the hook at the destination may hold it for whole rounds of copying.
        """
        current = self.migration
        if current is not None and current.phase in client.HYPERVISOR_MIGRATES:
            return False
        self.complete_asked = True
        self._complete_if_asked()
        return True

    def _complete_if_asked(self):
        """What was refused is tried again at the next look: it may not have begun yet, or bridge and splitmemd may be away."""
        current = self.migration
        if not self.complete_asked or current is None or current.is_over or current.phase in client.HYPERVISOR_MIGRATES:
            return
        try:
            self._service.complete(current)
            self.complete_asked = False
        except client.ClientError as e:
            LOG.warning('splitmem: migration %s of %s cannot be completed yet: %s', current.id, self._server.uuid, e)


class GuestProxy:
    """A guest of Nova whose migration is a split one; everything else is the guest's own."""

    def __init__(self, guest, run):
        self._guest = guest
        self._run = run

    def __getattr__(self, name):
        return getattr(self._guest, name)

    def migrate(self, *args, **kwargs):
        def call_libvirt(ready_xml):
            return self._guest.migrate(*args, **novaconf.migration_arguments(dict(kwargs, destination_xml=ready_xml)))

        self._run.operate(call_libvirt, kwargs['destination_xml'], xml.memory_source(self._guest.get_xml_desc()))

    def get_job_info(self):
        return self._run.job_info(self._guest)

    def abort_job(self):
        """At the completion timeout, by Nova's monitor: if we raised, it would leave the server in ERROR, wherever it runs."""
        try:
            self._run.abort(self._guest, 'by Nova, at [libvirt] live_migration_completion_timeout')
        except (client.ClientError, libvirt.libvirtError) as e:
            LOG.warning('splitmem: the migration cannot be aborted after its time: %s', e)

    def migrate_configure_max_downtime(self, mstime):
        # Before libvirt migrates there is nothing to configure, and afterwards what it stops for is not much.
        if self._run.hypervisor_asked:
            self._guest.migrate_configure_max_downtime(mstime)
