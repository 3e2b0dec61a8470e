from conftest import REPOSITORY
from lxml import etree
import pytest

from splitmem_nova import errors
from splitmem_nova import xml

DOMAINS = REPOSITORY / 'libvirt-hooks' / 'src' / 'test' / 'resources' / 'domains'
PREPARE = REPOSITORY / 'distribution' / 'target' / 'splitmem' / 'bin' / 'splitmem'


def domain(disks):
    return '<domain type="kvm"><devices>%s</devices></domain>' % disks


def driver(text):
    return dict(etree.fromstring(text).find('devices/disk/driver').attrib)


@pytest.mark.parametrize('cache', ['none', 'directsync'])
def test_direct_io_goes_through_the_page_cache(cache):
    text = xml.adapted(domain('<disk type="file"><driver name="qemu" type="qcow2" cache="%s" io="native"/></disk>' % cache))
    assert driver(text) == {'name': 'qemu', 'type': 'qcow2', 'cache': 'writeback', 'io': 'threads'}


@pytest.mark.parametrize('attributes', ['cache="writethrough" io="threads"', 'cache="writeback"', 'type="raw"', 'cache="unsafe"'])
def test_other_modes_stay(attributes):
    disk = '<disk type="file"><driver name="qemu" %s/></disk>' % attributes
    assert driver(xml.adapted(domain(disk))) == driver(domain(disk))


def test_a_disk_that_others_write_too_keeps_its_mode():
    disk = '<disk type="block"><driver cache="none"/><shareable/></disk>'
    assert driver(xml.adapted(domain(disk)))['cache'] == 'none'


@pytest.mark.parametrize('model, kept', [('none', {}), ('virtio', {'autodeflate': 'on', 'freePageReporting': 'on'})])
def test_no_balloon_is_nothing_more_than_that(model, kept):
    text = xml.adapted(domain('<memballoon model="%s" autodeflate="on" freePageReporting="on"/>' % model))
    assert dict(etree.fromstring(text).find('devices/memballoon').attrib) == {'model': model, **kept}


def test_nothing_else_changes():
    original = (DOMAINS / 'nova-zed.xml').read_bytes()
    changed = xml.adapted(original.decode().partition('?>')[2] if original.startswith(b'<?xml') else original)
    before, after = etree.fromstring(original), etree.fromstring(changed)
    for tree in (before, after):
        for disk_driver in tree.findall('devices/disk/driver'):
            disk_driver.attrib.pop('cache', None)
            disk_driver.attrib.pop('io', None)
    assert etree.tostring(before, method='c14n') == etree.tostring(after, method='c14n')


def test_what_refuses_is_told():
    with pytest.raises(xml.NotSplittable, match='cannot be run'):
        xml.prepare('<domain/>', '/nonexistent/splitmem prepare')
    with pytest.raises(xml.NotSplittable, match='exit code 1'):
        xml.prepare('<domain/>', 'false')
    assert xml.prepare('<domain/>', 'cat') == '<domain/>'


def test_the_source_of_a_running_domain_is_kept_for_its_migration():
    assert xml.memory_source('<domain/>') == 'none'
    assert xml.memory_source('<domain><memoryBacking><access mode="shared"/></memoryBacking></domain>') == 'none'
    assert xml.memory_source('<domain><memoryBacking><source type="memfd"/></memoryBacking></domain>') == 'memfd'
    assert xml.prepare('<domain/>', 'echo') == '\n'
    assert xml.prepare('<domain/>', 'echo', 'memfd') == '--memory-source memfd\n'


@pytest.mark.skipif(not PREPARE.exists(), reason='no distribution (devstack/build.sh)')
class TestWithTheRealProgram:
    def test_a_domain_of_nova_becomes_split_ready(self):
        text = (DOMAINS / 'nova-zed.xml').read_text()
        ready = xml.prepare(text, '%s prepare' % PREPARE)
        tree = etree.fromstring(ready)
        assert tree.find('memoryBacking/source') is None
        assert tree.find('memoryBacking/access').get('mode') == 'shared'
        assert xml.is_prepared(ready) and not xml.is_prepared(text)
        assert {disk.get('cache') for disk in tree.findall('devices/disk/driver')} <= {'writeback', None}

    def test_what_stock_nova_drops_is_put_back(self):
        text = (DOMAINS / 'nova-memory-backing-dropped.xml').read_text()
        assert etree.fromstring(text).find('memoryBacking/source') is None
        tree = etree.fromstring(xml.prepare(text, '%s prepare' % PREPARE))
        assert tree.find('memoryBacking/source') is None and tree.find('memoryBacking/access').get('mode') == 'shared'
        tree = etree.fromstring(xml.prepare(text, '%s prepare' % PREPARE, 'memfd'))
        assert tree.find('memoryBacking/source').get('type') == 'memfd'

    def test_an_obstacle_is_told_with_its_remedy(self):
        with pytest.raises(xml.NotSplittable, match='hugepages') as refused:
            xml.prepare((DOMAINS / 'hugepages-locked.xml').read_text(), '%s prepare' % PREPARE)
        assert str(errors.Refused(refused.value)).count('splitmem: ') == 1
