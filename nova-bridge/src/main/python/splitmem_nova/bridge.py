"""nova-bridge, over HTTP and with Keystone's tokens of our own: a user's token may expire during a migration."""
import dataclasses
import logging
import time
from urllib import parse

from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading as ks_loading

from splitmem_nova import client
from splitmem_nova import daemon
from splitmem_nova import request_ids

LOG = logging.getLogger(__name__)

MICROVERSION = 'split-migration 1.0'

# What may be asked twice is asked so often before the bridge counts as unreachable: a restart, or one of several bridges that ends.
ATTEMPTS = 3
PAUSE_SECONDS = 1

# What the bridge usually needs to undo a request; the undoing has no deadline of its own.
UNDO_SECONDS = 5


class BridgeClient(client.Client):
    """While the bridge is away, progress, abort and what is running are asked of this host's splitmemd, which carries on by itself.

    :param conf: all of nova.conf, with our section registered
    """

    def __init__(self, conf):
        self._conf = conf
        self._daemon = daemon.DaemonClient(conf.splitmem)
        self._adapter = None

    def register(self, host, hypervisor):
        at = self._daemon.address()
        if at.name != host:
            raise client.ClientError('splitmemd calls this host %s, and nova-compute calls it %s: host.name of splitmem.conf has to be'
                                     ' [DEFAULT]host of nova.conf' % (at.name, host))
        if not at.address:
            raise client.ClientError('control.address of splitmem.conf is not set: no other host can reach this one')
        self._ask('PUT', client.path('hosts', host), {
            'hypervisor_hostname': hypervisor, 'control_address': at.address, 'control_port': at.control_port,
            'data_port': at.data_port}, timeout=self._conf.splitmem.poll_timeout)

    def plan(self, server, source, destination, migration_uuid=''):
        body = dict(_described(server), source=source, destination=destination)
        # The same again gives the same migration.
        if migration_uuid:
            try:
                return self._migration(self._ask_again('POST', '/v1/migrations', {**body, 'nova_migration_uuid': migration_uuid}))
            except client.ClientError as e:
                if e.status != 400:
                    raise
                # A bridge of before this field refuses it; hosts and bridges are not upgraded at the same moment.
        return self._migration(self._ask_again('POST', '/v1/migrations', body))

    def start(self, migration, server):
        answer = self._ask('POST', client.path('migrations', migration.id, 'start'))
        return self._migration(answer) if answer else self.show(migration)

    def show(self, migration):
        if not migration.local:
            try:
                return self._migration(self._look(client.path('migrations', migration.id)))
            except client.Unavailable as e:
                LOG.warning('%s; asking splitmemd on this host', e)
        found = self._daemon.latest(migration.instance_uuid, migration.destination)
        if found is None:
            raise client.Unavailable('neither the bridge nor splitmemd knows the migration of %s' % migration.instance_uuid)
        # The bridge stays the first to be asked.
        return dataclasses.replace(found, id=migration.id, local=False)

    def abort(self, migration):
        self._with_fall_back('DELETE', (), migration, self._daemon.abort)

    def complete(self, migration):
        self._with_fall_back('POST', ('force-complete',), migration, self._daemon.complete)

    def running(self, source):
        try:
            answer = self._look('/v1/migrations?' + parse.urlencode({'source': source, 'status': 'running'}))
            found = [self._migration({'migration': entry}) for entry in _field(answer, 'migrations')]
        except client.Unavailable as e:
            LOG.warning('%s; asking splitmemd on this host', e)
            return self._daemon.running(source)
        return [entry for entry in found if entry.source == source and not entry.is_over]

    def unplan(self, instance_uuid, destination):
        answer = self._ask_again('GET', '/v1/migrations?' + parse.urlencode({'instance_uuid': instance_uuid, 'status': 'planned'}))
        for entry in _field(answer, 'migrations'):
            found = self._migration({'migration': entry})
            if found.destination == destination and not found.is_over:
                self._ask_again('DELETE', client.path('migrations', found.id))

    def place(self, server, host, evacuated_from=None):
        body = dict(_described(server), host=host)
        if evacuated_from is not None:
            body['evacuated_from'] = evacuated_from
        del body['instance_uuid']
        self._ask_again('PUT', client.path('vms', server.uuid, 'placement'), body)

    def unplace(self, instance_uuid, host):
        try:
            self._ask_again('DELETE', client.path('vms', instance_uuid, 'placement') + '?' + parse.urlencode({'host': host}))
        except client.ClientError as e:
            if e.status != 404:
                raise

    def _with_fall_back(self, method, action, migration, otherwise):
        if migration.local:
            otherwise(migration)
            return
        try:
            self._ask(method, client.path('migrations', migration.id, *action), timeout=self._conf.splitmem.poll_timeout)
        except client.Unavailable as e:
            LOG.warning('%s; asking splitmemd on this host', e)
            found = self._daemon.latest(migration.instance_uuid, migration.destination)
            if found is None:
                raise
            otherwise(found)

    def _session(self):
        if self._adapter is None:
            auth = ks_loading.load_auth_from_conf_options(self._conf, 'splitmem')
            session = ks_loading.load_session_from_conf_options(
                self._conf, 'splitmem', auth=auth, timeout=self._conf.splitmem.request_timeout)
            self._adapter = ks_loading.load_adapter_from_conf_options(
                self._conf, 'splitmem', session=session, auth=auth)
        return self._adapter

    def _look(self, path):
        """How something stands: the bridge answers at once, or splitmemd is asked instead."""
        return self._ask('GET', path, timeout=self._conf.splitmem.poll_timeout)

    def _ask_again(self, method, path, body=None):
        """For requests that change nothing if they have been done already; all of it within the time of one request."""
        limit = time.monotonic() + self._conf.splitmem.request_timeout
        asked = 0
        while True:
            try:
                return self._ask(method, path, body, limit - time.monotonic())
            except client.Unavailable as e:
                asked += 1
                if asked == ATTEMPTS or time.monotonic() + PAUSE_SECONDS >= limit:
                    raise
                LOG.warning('%s; asking again', e)
                time.sleep(PAUSE_SECONDS)

    def _ask(self, method, path, body=None, timeout=None):
        limit = timeout or self._conf.splitmem.request_timeout
        try:
            response = self._session().request(
                path, method, json=body, raise_exc=False, timeout=limit,
                headers={'OpenStack-API-Version': MICROVERSION, 'X-Splitmem-Timeout': str(_time_of_the_bridge(limit)),
                         **request_ids.headers()})
        except ks_exceptions.ClientException as e:
            raise client.Unavailable('nova-bridge, %s %s: %s' % (method, path, e)) from e
        if response.status_code == 204:
            return None
        try:
            answer = response.json() if response.content else None
        except ValueError as e:
            raise client.Unavailable('nova-bridge answered %s %s with %d and without JSON: %.200r'
                                     % (method, path, response.status_code, response.content)) from e
        if response.status_code < 300:
            return answer
        error = _error(answer)
        message = 'nova-bridge: %s' % (error.get('message') or 'HTTP status %d' % response.status_code)
        kind = client.ClientError if 400 <= response.status_code < 500 and error else client.Unavailable
        raise kind(message, response.status_code, error.get('reason') or '')

    @staticmethod
    def _migration(answer):
        info = _field(answer, 'migration')
        try:
            return client.Migration(
                instance_uuid=info['instance_uuid'], destination=info['destination'], id=info['id'],
                phase=_phase(info), source=info['source'], total=info.get('memory_total_bytes') or 0,
                processed=info.get('memory_processed_bytes') or 0, remaining=info.get('memory_remaining_bytes') or 0,
                hypervisor_may_start=client.may_start(info.get('hypervisor_may_start'), _phase(info)),
                reason=info.get('reason') or '')
        except (KeyError, TypeError, AttributeError) as e:
            raise client.Unavailable('nova-bridge answered with something else than a migration: %.200s' % answer) from e


def _time_of_the_bridge(limit):
    """The bridge gives up before the driver does, so that its answer, and the service that was too slow, can still be read."""
    return max(1, min(600, int(limit) - UNDO_SECONDS))


def _described(server):
    return {
        'instance_uuid': server.uuid, 'name': server.name, 'ram_mb': server.ram_mb, 'main_mb': server.main_mb,
        'extra_specs': server.extra_specs, 'project_id': server.project_id, 'user_id': server.user_id}


def _phase(info):
    """The daemon's phase; of a migration that ended before splitmemd knew of it only the status tells."""
    phase = info.get('phase') or client.PLANNED
    if info['status'] not in ('planned', 'running') and phase not in client.OVER:
        return client.DONE if info['status'] == 'completed' else client.ABORTED
    return phase


def _field(answer, name):
    try:
        return answer[name]
    except (KeyError, TypeError) as e:
        raise client.Unavailable('nova-bridge answered without "%s": %.200s' % (name, answer)) from e


def _error(answer):
    error = answer.get('error') if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else {}
