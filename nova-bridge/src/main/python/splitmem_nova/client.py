"""What the driver asks of nova-bridge or splitmemd, and what comes back."""
import collections
import dataclasses
from urllib import parse

# Phases of splitmemd, in order; the last three end a migration.
PLANNED, PRECOPY, READY, SWITCHOVER, HANDOVER, DONE, ABORTED, FAILED_AFTER_HANDOVER = (
    'PLANNED', 'PRECOPY', 'READY', 'SWITCHOVER', 'HANDOVER', 'DONE', 'ABORTED', 'FAILED_AFTER_HANDOVER')
OVER = (DONE, ABORTED, FAILED_AFTER_HANDOVER)
HYPERVISOR_MIGRATES = (SWITCHOVER, HANDOVER, DONE, FAILED_AFTER_HANDOVER)  # or has

MIB = 1 << 20


def path(*segments):
    """The path of a URL below /v1; no segment can be, or end, another one."""
    return '/v1/' + '/'.join(_segment(str(segment)) for segment in segments)


def _segment(text):
    return text.replace('.', '%2E') if text in ('.', '..') else parse.quote(text, safe='')


def plain(text):
    """One line: names of others in it can make no line of a log, nor steer a terminal."""
    return ''.join(c if c.isprintable() or c == '\u200d' else '?' for c in str(text))


class ClientError(Exception):
    """The request was refused.

    :param reason: for programs, as in ``no-sub-hosts``; may be empty
    """

    def __init__(self, message, status=0, reason=''):
        super().__init__(plain(message))
        self.status = status
        self.reason = reason


class Unavailable(ClientError):
    """No answer, or none that can be understood: it may be different a moment later."""


# A server of a split flavor, as others have to know it. Sizes in MiB; main_mb is what Nova itself claims on its host.
Server = collections.namedtuple('Server', 'uuid name ram_mb main_mb extra_specs project_id user_id')


@dataclasses.dataclass(frozen=True)
class Migration:
    """One split migration, as it was when it was asked for. Sizes in bytes."""

    instance_uuid: str
    destination: str
    id: str = ''  # empty: planned, and not yet known to splitmemd
    phase: str = PLANNED
    source: str = ''
    total: int = 0
    processed: int = 0
    remaining: int = 0
    hypervisor_may_start: bool = False  # splitmemd says when libvirt is to be asked
    reason: str = ''
    local: bool = False  # id is one of this host's splitmemd, not of the bridge

    @property
    def is_over(self):
        return self.phase in OVER


def may_start(said, phase):
    """What splitmemd said; one of an earlier version, or its bridge, says nothing, and READY is right then, if late."""
    return phase == READY if said is None else bool(said)


class Client:
    """All methods raise :class:`ClientError`, and its subclass :class:`Unavailable`. They block, and may be used by any thread."""

    def register(self, host, hypervisor):
        """Says where splitmemd of this host is. Said again and again, as it may have been forgotten.

        :param host: of the compute service
        :param hypervisor: its hypervisor_hostname
        """
        raise NotImplementedError

    def plan(self, server, source, destination, migration_uuid=''):
        """Chooses sub-hosts and books their memory; a plan for the same migration is renewed. -> Migration

        :param migration_uuid: of Nova's migration, if it is known
        """
        raise NotImplementedError

    def start(self, migration, server):
        """Begins to copy, on the source host. -> Migration"""
        raise NotImplementedError

    def show(self, migration):
        """-> Migration, as it is now"""
        raise NotImplementedError

    def abort(self, migration):
        """Gives it up. A refusal (409) means that the VM runs at its destination already."""
        raise NotImplementedError

    def complete(self, migration):
        """Makes it stop iterating and be READY."""
        raise NotImplementedError

    def running(self, source):
        """-> the migrations from this host that have begun and are not over"""
        raise NotImplementedError

    def unplan(self, instance_uuid, destination):
        """Gives up what is planned towards this destination, if there is anything; what has begun is its source's alone."""
        raise NotImplementedError

    def place(self, server, host, evacuated_from=None):
        """Books, before a cold start on this host, the memory that Nova has not claimed.

        :param evacuated_from: the host that ran it, and that Nova has declared dead: what it had elsewhere is freed first
        """
        raise NotImplementedError

    def unplace(self, instance_uuid, host):
        """The server is gone from this host. Does nothing if it is placed on another one."""
        raise NotImplementedError
