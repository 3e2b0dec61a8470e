"""Domain XML of servers of a split flavor. What makes a domain split-ready is known to `splitmem prepare` alone (docs/adr)."""
from lxml import etree
from oslo_concurrency import processutils

DIRECT_IO = ('none', 'directsync')

# Nova writes them since 32 on every balloon, has no option for them, and does so even where it says that there is no balloon.
MEANINGLESS_WITHOUT_BALLOON = ('autodeflate', 'freePageReporting')


class NotSplittable(Exception):
    """The domain cannot be split; the message says what is in the way, and the remedy."""


def uses_page_cache(driver_cache):
    return driver_cache not in DIRECT_IO


def with_page_cache(conf):
    """A disk of Nova (LibvirtConfigGuestDisk), as it is to be attached to a split server. Changes and returns it."""
    if not getattr(conf, 'shareable', False) and not uses_page_cache(getattr(conf, 'driver_cache', None)):
        conf.driver_cache = 'writeback'
        if getattr(conf, 'driver_io', None) == 'native':  # only for direct I/O; QEMU refuses it otherwise
            conf.driver_io = 'threads'
    return conf


def adapted(xml):
    """The domain without what Nova puts into it by itself, and what no split server can have.

    Disks: their I/O goes through the host's page cache, as splitmem does not see what direct I/O writes into RAM. One that several
    servers may write keeps its mode: the page cache would be wrong for it, so the domain is refused.
    """
    domain = etree.fromstring(xml)
    for disk in domain.findall('devices/disk'):
        driver = disk.find('driver')
        if driver is None or uses_page_cache(driver.get('cache')) or disk.find('shareable') is not None:
            continue
        driver.set('cache', 'writeback')
        if driver.get('io') == 'native':
            driver.set('io', 'threads')
    for balloon in domain.findall('devices/memballoon[@model="none"]'):
        for name in MEANINGLESS_WITHOUT_BALLOON:
            balloon.attrib.pop(name, None)
    return etree.tostring(domain, encoding='unicode')


def memory_source(xml):
    """What memoryBacking/source says of a domain: memfd, file, or none if there is no such element."""
    source = etree.fromstring(xml).find('memoryBacking/source')
    return 'none' if source is None else source.get('type')


def prepare(xml, command, source='none'):
    """Makes the domain split-ready.

    :param command: as [splitmem]prepare_command
    :param source: memory_source() of the VM if it runs and is to migrate: Nova drops it, and libvirt lets it not change
    :raises NotSplittable: if it is refused, or the command fails
    """
    try:
        # Not said where it changes nothing, so that a prepare_command of one's own need not know it.
        options = [] if source == 'none' else ['--memory-source', source]
        out, _ = processutils.execute(*command.split(), *options, process_input=adapted(xml))
    except processutils.ProcessExecutionError as e:
        words = (e.stderr or e.stdout or 'exit code %s' % e.exit_code).strip()
        raise NotSplittable(words.removeprefix('splitmem: ')) from e  # what is raised for it begins so
    except OSError as e:
        raise NotSplittable('%s cannot be run: %s' % (command, e)) from e
    return out


def is_prepared(xml):
    """Whether QEMU was started so that its RAM is splitmemd's."""
    return 'SPLITMEM_VM' in xml
