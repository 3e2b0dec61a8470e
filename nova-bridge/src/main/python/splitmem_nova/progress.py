"""The progress of a migration, which Nova's monitor writes to its database every five seconds, through nova-conductor.

If one such write fails, as when the conductor is killed with the request in hand, Nova's monitor ends: nothing of Nova follows the
migration any more, and the server gets into ERROR on the host that it has perhaps left. The progress is not worth that: what
could not be written is written with the next.
"""
import contextlib
import functools

import oslo_messaging
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def written_when_possible(instance, migration):
    """While the monitor follows a migration: saving its instance, or Nova's migration, does not fail for want of a conductor.

    Gives a function for what the monitor calls at the end: it returns one that first makes saving what it was, as what Nova
    does then depends on what it has written.

    :param migration: Nova's
    """
    with contextlib.ExitStack() as saving:
        for saved in (instance, migration):
            saved.save = functools.partial(_save_if_possible, instance, saved.save)
            saving.callback(delattr, saved, 'save')

        def at_the_end(method):
            def call(*args, **kwargs):
                saving.close()
                return method(*args, **kwargs)

            return call

        yield at_the_end


def _save_if_possible(instance, save, *args, **kwargs):
    try:
        return save(*args, **kwargs)
    except oslo_messaging.MessagingException as e:  # also an error of the conductor's, as of the database
        LOG.warning('splitmem: the progress of the migration cannot be written, and is with the next: %s', e, instance=instance)
