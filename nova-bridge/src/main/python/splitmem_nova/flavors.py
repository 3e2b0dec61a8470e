"""What a flavor says about split memory."""
from oslo_utils import strutils

from splitmem_nova import client

ENABLED = 'splitmem:enabled'
MAIN_SHARE = 'resources:MEMORY_MB'


def is_split(flavor):
    """Whether servers of this flavor are ours; everything else has to be exactly as in stock Nova."""
    return strutils.bool_from_string((flavor.extra_specs or {}).get(ENABLED, 'false'))


def server(instance):
    """-> client.Server; without a main share of its own the flavor's whole RAM is Nova's."""
    flavor = instance.flavor
    main = int(flavor.extra_specs.get(MAIN_SHARE, flavor.memory_mb))
    ours = {name: value for name, value in flavor.extra_specs.items() if name.startswith('splitmem:')}
    return client.Server(instance.uuid, instance.name, flavor.memory_mb, min(main, flavor.memory_mb), ours,
                         instance.project_id, instance.user_id)
