"""What a migration is called in Nova, and where its end is shown: among the events of the server (openstack server event show)."""
from nova import objects
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

EVENT = 'splitmem_live_migration'


def migration_uuid(migrate_data):
    """-> the uuid of Nova's migration; empty if Nova has not told it"""
    migration = getattr(migrate_data, 'migration', None)
    return getattr(migration, 'uuid', None) or ''


def report_failure(context, instance, host, error):
    """Adds an event with the reason to the action that the user asked for. Nova's migration has no place for a reason.

    :param error: a NovaException: of others Nova shows the class alone
    """
    try:
        objects.InstanceActionEvent.event_start(context, instance.uuid, EVENT, want_result=False, host=host)
        objects.InstanceActionEvent.event_finish_with_failure(
            context, instance.uuid, EVENT, exc_val=error, exc_tb=error.__traceback__, want_result=False)
    except Exception as e:  # Nova's database or conductor; the migration has ended as it has
        LOG.warning('splitmem: the reason cannot be added to the events of the server: %s', e, instance=instance)
