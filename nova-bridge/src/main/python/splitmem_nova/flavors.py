"""What a flavor says about split memory: the one parser of Nova's validator and of the driver.

nova-bridge has the same rules (ExtraSpecs.java); both are tested with nova-bridge/src/test/resources/extra-specs.json.
"""
import collections
import re

from oslo_utils import strutils

from splitmem_nova import client
from splitmem_nova import traits

PREFIX = 'splitmem:'
ENABLED = 'splitmem:enabled'
MAIN_SHARE = 'resources:MEMORY_MB'
MOST_SUB_HOSTS = 16

SplitSpecs = collections.namedtuple(
    'SplitSpecs', 'enabled mode min_sub_hosts max_sub_hosts replicas aggregate complete_handover')


class WrongExtraSpec(ValueError):
    """Names the extra spec, its value, and what is allowed."""


def _wrong(name, value, allowed):
    return WrongExtraSpec('extra spec %s = %.80s: must be %s' % (name, value, allowed))


def _boolean(name, value):
    try:
        return strutils.bool_from_string(value, strict=True)
    except ValueError as e:
        raise _wrong(name, value, 'true or false') from e


def _word(*allowed):
    def parse(name, value):
        word = value.strip().lower()
        if word not in allowed:
            raise _wrong(name, value, 'one of %s' % ', '.join(allowed))
        return word

    return parse


def _number(most):
    def parse(name, value):
        digits = value.strip()
        # Not int() alone: it takes 1_0, +1, and the digits of other scripts.
        if not re.fullmatch('[0-9]{1,4}', digits) or not 1 <= int(digits) <= most:
            raise _wrong(name, value, '1' if most == 1 else 'a whole number from 1 to %d' % most)
        return int(digits)

    return parse


def _name(name, value):
    if not value.strip():
        raise _wrong(name, value, 'the name or UUID of a host aggregate')
    return value.strip()


_PARSERS = {
    'enabled': _boolean,
    'mode': _word('auto', 'always', 'never'),
    'min_sub_hosts': _number(MOST_SUB_HOSTS),
    'max_sub_hosts': _number(MOST_SUB_HOSTS),
    'replicas': _number(1),
    'aggregate': _name,
    'handover': _word('hybrid', 'complete'),
}


def parse_one(name, value):
    """One extra spec by itself.

    :raises WrongExtraSpec: if it is unknown, or has a value that is not allowed
    """
    parser = _PARSERS.get(name[len(PREFIX):])
    if parser is None:
        raise WrongExtraSpec('extra spec %.80s is not known' % name)
    return parser(name, value)


def parse(extra_specs):
    """-> SplitSpecs; extra specs without the prefix are not looked at.

    :raises WrongExtraSpec: for the first one that is wrong
    """
    found = {name[len(PREFIX):]: parse_one(name, value)
             for name, value in sorted((extra_specs or {}).items()) if name.startswith(PREFIX)}
    least, most = found.get('min_sub_hosts', 1), found.get('max_sub_hosts', MOST_SUB_HOSTS)
    if least > most:
        raise _wrong('splitmem:min_sub_hosts', least, 'at most splitmem:max_sub_hosts, which is %d' % most)
    return SplitSpecs(found.get('enabled', False), found.get('mode', 'auto'), least, most, found.get('replicas', 1),
                      found.get('aggregate'), found.get('handover', 'hybrid') == 'complete')


def main_share(flavor):
    """What Nova claims on the main host, in MiB; without a share of its own the flavor's whole RAM.

    :raises WrongExtraSpec: if Nova would claim nothing, or it is no number
    """
    value = (flavor.extra_specs or {}).get(MAIN_SHARE)
    if value is None:
        return flavor.memory_mb
    digits = value.strip()
    if not re.fullmatch('[0-9]{1,10}', digits) or int(digits) == 0:
        raise _wrong(MAIN_SHARE, value, 'the MiB of the server on its main host, 1 or more')
    return min(int(digits), flavor.memory_mb)


def is_split(flavor):
    """Whether servers of this flavor are ours; everything else has to be exactly as in stock Nova.

    What cannot be understood is ours as well: it is refused when the server starts, instead of running past all books.
    """
    value = (flavor.extra_specs or {}).get(ENABLED)
    if value is None:
        return False
    try:
        return _boolean(ENABLED, value)
    except WrongExtraSpec:
        return True


def check(flavor):
    """Refuses a flavor that has extra specs of ours, and wrong ones.

    :raises WrongExtraSpec: for the first one that is wrong
    """
    if parse(flavor.extra_specs).enabled:
        main_share(flavor)


def server(instance):
    """-> client.Server

    :raises WrongExtraSpec: as check
    """
    flavor = instance.flavor
    check(flavor)
    ours = {name: value for name, value in flavor.extra_specs.items() if name.startswith(PREFIX)}
    ours.update(traits.asked(instance))
    return client.Server(instance.uuid, instance.name, flavor.memory_mb, main_share(flavor), ours,
                         instance.project_id, instance.user_id)
