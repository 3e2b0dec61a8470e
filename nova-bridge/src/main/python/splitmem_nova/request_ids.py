"""The request of Nova that a call belongs to: its id joins Nova's logs with those of nova-bridge and splitmemd."""
from oslo_context import context

HEADER = 'X-Openstack-Request-Id'


def headers():
    """-> the header with the id that Nova itself would send on; none outside of requests, as when nova-compute starts"""
    current = context.get_current()
    known = getattr(current, 'global_request_id', None) or getattr(current, 'request_id', None)
    return {HEADER: known} if known else {}
