"""What the driver raises. Nova keeps 255 characters of a fault, often with a sentence of its own before it: ours begin with the reason."""
from nova import exception

# With "Build of instance <uuid> aborted: " or "Exceeded max scheduling attempts ... Last exception: " before it, all of it is kept.
LONGEST = 140


def brief(reason):
    """The reason in one line that Nova keeps whole; the log has all of it."""
    line = ' '.join(str(reason).split())
    return line if len(line) <= LONGEST else line[:LONGEST - 3] + '...'


class Refused(exception.NovaException):
    """Another host, or a later time, may do."""

    msg_fmt = 'splitmem: %(reason)s'

    def __init__(self, reason):
        super().__init__(reason=brief(reason))


class Unacceptable(exception.InstanceUnacceptable):
    """No host can ever start it: Nova does not try others after this exception, if it comes from prepare_for_spawn."""

    msg_fmt = 'splitmem: %(reason)s'

    def __init__(self, reason):
        super().__init__(reason=brief(reason))


class BuildAborted(exception.BuildAbortException):
    """As Unacceptable, at any time of a spawn."""

    msg_fmt = 'splitmem: %(reason)s'

    def __init__(self, reason):
        super().__init__(reason=brief(reason))


class NotSupported(exception.NovaException):
    """nova-compute does not start: its configuration, or this Nova, does not go with split servers."""

    msg_fmt = 'splitmem: %(reason)s'


def failed_check(reason):
    """The conductor tries another host after this exception."""
    return exception.MigrationPreCheckError(reason='splitmem: %s' % brief(reason))
