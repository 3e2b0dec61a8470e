"""splitmemd of this host, over its Unix socket (docs/API.md)."""
import collections
import http.client
import json
import socket

from splitmem_nova import client
from splitmem_nova import request_ids


# Without an address it serves its host alone.
Address = collections.namedtuple('Address', 'name address control_port data_port')


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('splitmemd', timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DaemonClient(client.Client):
    """Migrates with the sub-hosts of the configuration. Plans and placements are not kept: there is nothing to book them with.

    :param conf: the section [splitmem]
    """

    def __init__(self, conf):
        self._conf = conf

    def register(self, host, hypervisor):
        """Does nothing: without nova-bridge there is no registry, and sub-hosts are those of the configuration."""

    def address(self):
        """-> Address, where others reach it"""
        answer = self._ask('GET', '/v1/host/address')
        try:
            return Address(answer['name'], answer.get('address'), answer['controlPort'], answer['dataPort'])
        except (KeyError, TypeError, AttributeError) as e:
            raise client.Unavailable('splitmemd answered with something else than its address: %.200s' % answer) from e

    def plan(self, server, source, destination, migration_uuid=''):
        if self._needs_sub_hosts(server) and not self._sub_hosts(source, destination):
            raise client.ClientError('[splitmem]sub_hosts of nova.conf names no host but %s and %s' % (source, destination),
                                     409, 'no-sub-hosts')
        return client.Migration(server.uuid, destination, source=source)

    def start(self, migration, server):
        request = {'destination': migration.destination}
        if self._needs_sub_hosts(server):
            request['budgetBytes'] = server.main_mb * client.MIB
            request['subHosts'] = [{'host': host} for host in self._sub_hosts(migration.source, migration.destination)]
        handover = server.extra_specs.get('splitmem:handover')
        if handover:
            request['handover'] = handover
        return self._migration(self._ask('POST', client.path('vms', server.uuid, 'migrations'), request))

    def show(self, migration):
        return self._migration(self._ask('GET', client.path('migrations', migration.id)))

    def abort(self, migration):
        # One whose start was not answered has no id: if it has begun, it is the newest.
        begun = migration if migration.id else self.latest(migration.instance_uuid, migration.destination)
        if begun is not None:
            self._ask('DELETE', client.path('migrations', begun.id))

    def complete(self, migration):
        self._ask('POST', client.path('migrations', migration.id, 'complete'))

    def running(self, source):
        return [found for found in map(self._migration, self._ask('GET', '/v1/migrations')) if not found.is_over]

    def unplan(self, instance_uuid, destination):
        """Only the source's splitmemd knows of a migration; that of the destination drops by itself what it expects."""

    def place(self, server, host, evacuated_from=None):
        if evacuated_from is not None:
            self._ask('POST', '/v1/fences', {'host': evacuated_from, 'vm': server.uuid})

    def unplace(self, instance_uuid, host):
        """How it was split is forgotten: no other server of this uuid comes."""
        try:
            self._ask('DELETE', client.path('vms', instance_uuid, 'split'))
        except client.ClientError as e:
            if e.status != 404:
                raise

    def latest(self, instance_uuid, destination):
        """The newest migration of this VM to this destination, over or not; None if there is none."""
        for found in map(self._migration, self._ask('GET', '/v1/migrations')):
            if found.instance_uuid == instance_uuid and found.destination == destination:
                return found
        return None

    @staticmethod
    def _needs_sub_hosts(server):
        return server.main_mb < server.ram_mb

    def _sub_hosts(self, source, destination):
        return [host for host in self._conf.sub_hosts if host not in (source, destination)]

    @staticmethod
    def _migration(info):
        try:
            return client.Migration(
                instance_uuid=info['vm'], destination=info['destination'], id=info['id'], phase=info['phase'],
                source=info['source'], total=info['bytesTotal'], processed=info['bytesDone'],
                remaining=info['bytesRemaining'],
                hypervisor_may_start=client.may_start(info.get('hypervisorMayStart'), info['phase']),
                reason=info.get('reason', ''), local=True)
        except (KeyError, TypeError, AttributeError) as e:
            raise client.Unavailable('splitmemd answered with something else than a migration: %.200s' % info) from e

    def _ask(self, method, path, body=None):
        connection = _UnixConnection(self._conf.socket, self._conf.poll_timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {**request_ids.headers(), **({} if body is None else {'Content-Type': 'application/json'})})
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as e:
            raise client.Unavailable('splitmemd does not answer on %s: %s' % (self._conf.socket, e)) from e
        finally:
            connection.close()
        try:
            answer = json.loads(text) if text else None
        except ValueError as e:
            raise client.Unavailable('splitmemd answered %d without JSON: %.200r' % (response.status, text)) from e
        if response.status < 300:
            return answer
        try:
            message, code = answer['error']['message'], answer['error']['code']
        except (KeyError, TypeError) as e:
            raise client.Unavailable('splitmemd answered %d: %.200r' % (response.status, text)) from e
        raise client.ClientError(message, response.status, code)
