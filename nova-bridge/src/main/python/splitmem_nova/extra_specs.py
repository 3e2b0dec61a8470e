"""Nova's API refuses flavors with wrong splitmem: extra specs (entry point nova.api.extra_spec_validators)."""
from nova.api.validation.extra_specs import base
from nova import exception

from splitmem_nova import flavors


class SplitSpecValidator(base.ExtraSpecValidator):
    """With the driver's own parser: what Nova's API takes is what a server starts with."""

    def validate(self, name, value):
        try:
            flavors.parse_one(name, value)
        except flavors.WrongExtraSpec as e:
            raise exception.ValidationError('Validation failed; %s.' % e) from e


def _spec(name, description, **value):
    return SplitSpecValidator(name='splitmem:%s' % name, description=description,
                              value=dict(value, description=description))


def register():
    return [
        _spec('enabled', 'Whether servers of this flavor may keep memory on other hosts than the one they run on.', type=bool),
        _spec('mode', 'auto: split if no host has room for the whole server. always: split even then. never: only whole.',
              type=str, enum=['auto', 'always', 'never']),
        _spec('min_sub_hosts', 'The least hosts, besides its own, that a split server is spread over.', type=int, min=1,
              max=flavors.MOST_SUB_HOSTS),
        _spec('max_sub_hosts', 'The most hosts, besides its own, that a split server is spread over.', type=int, min=1,
              max=flavors.MOST_SUB_HOSTS),
        _spec('replicas', 'Copies of each remote page; 1 is the only number that is supported.', type=int, min=1, max=1),
        _spec('aggregate', "The host aggregate that sub-hosts are chosen from: its name or UUID.", type=str),
        _spec('handover', 'hybrid: the server runs at its destination before its last pages are there. complete: after.',
              type=str, enum=['hybrid', 'complete']),
    ]
