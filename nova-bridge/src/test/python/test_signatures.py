"""What the driver overrides has to be there in the installed Nova, and to be called as we understand it."""
import inspect

from nova.virt.libvirt import driver as stock
from nova.virt.libvirt import guest as libvirt_guest
from nova.virt.libvirt import migration as libvirt_migrate
import pytest

from splitmem_nova import driver
from splitmem_nova import run

OURS = {'_abort_forgotten', '_place', '_forget', '_plan', '_proxy', '__init__'}


def overridden():
    return sorted(name for name, value in vars(driver.SplitMemLibvirtDriver).items() if inspect.isfunction(value) and name not in OURS)


def named(function):
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def test_there_is_something_to_check():
    assert len(overridden()) >= 14


@pytest.mark.parametrize('name', overridden())
def test_arguments_that_we_read_are_at_the_same_place_with_the_same_name(name):
    theirs = named(getattr(stock.LibvirtDriver, name))
    ours = named(getattr(driver.SplitMemLibvirtDriver, name))
    assert theirs[:len(ours)] == ours


@pytest.mark.parametrize('name', overridden())
def test_every_argument_of_nova_is_passed_on(name):
    ours = inspect.signature(getattr(driver.SplitMemLibvirtDriver, name))
    theirs = inspect.signature(getattr(stock.LibvirtDriver, name))
    if len(named(getattr(stock.LibvirtDriver, name))) > len(named(getattr(driver.SplitMemLibvirtDriver, name))):
        kinds = [p.kind for p in ours.parameters.values()]
        assert inspect.Parameter.VAR_POSITIONAL in kinds and inspect.Parameter.VAR_KEYWORD in kinds, theirs


def test_nova_migrates_with_the_xml_as_a_keyword():
    assert 'destination_xml' in inspect.signature(libvirt_guest.Guest.migrate).parameters
    assert 'destination_xml=' in inspect.getsource(stock.LibvirtDriver._live_migration_operation)


def test_what_the_proxy_comes_between_is_there():
    for name, value in vars(run.GuestProxy).items():
        if inspect.isfunction(value) and not name.startswith('__'):
            assert callable(getattr(libvirt_guest.Guest, name))
    assert libvirt_guest.JobInfo(type=1, memory_total=2, memory_processed=3, memory_remaining=4).memory_remaining == 4
    assert named(libvirt_migrate.find_job_type)[:2] == ['guest', 'instance']


def test_both_threads_of_a_migration_get_their_guest_as_an_argument():
    source = inspect.getsource(stock.LibvirtDriver._live_migration)
    assert 'self._live_migration_operation' in source and 'self._live_migration_monitor' in source


def test_nova_finds_the_driver_where_it_is_installed():
    import nova.virt
    import conftest
    shim = conftest.MAIN / 'nova' / 'virt' / 'splitmem' / 'driver.py'
    names = {'__name__': 'shim'}
    exec(compile(shim.read_text(), str(shim), 'exec'), names)
    assert names['SplitMemLibvirtDriver'] is driver.SplitMemLibvirtDriver
    assert nova.virt.__path__
