"""What the driver comes between has to be there in the installed Nova, and to be called as we understand it."""
import ast
import functools
import inspect

from nova.compute import manager
from nova.virt import block_device
from nova.virt.libvirt import driver as stock
from nova.virt.libvirt import guest as libvirt_guest
from nova.virt.libvirt import migration as libvirt_migrate
import pytest

from splitmem_nova import driver
from splitmem_nova import errors
from splitmem_nova import overrides
from splitmem_nova import reboot
from splitmem_nova import run

OURS = overrides.found_in(driver.SplitMemLibvirtDriver)


@functools.lru_cache(None)
def calls(module, of):
    """-> [(name, positional arguments, names of keyword arguments)] of all calls of this object's methods in the source"""
    found = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OURS and ast.unparse(
                node.func.value) == of and not any(isinstance(a, ast.Starred) for a in node.args):
            found.append((node.func.attr, len(node.args), [k.arg for k in node.keywords if k.arg]))
    return found


def test_nova_has_all_that_the_driver_comes_between():
    assert len(OURS) >= 17
    overrides.check(driver.SplitMemLibvirtDriver)


@pytest.mark.parametrize('name', sorted(OURS))
def test_novas_own_callers_can_call_it(name):
    """Every call in the compute manager and in the libvirt driver fits what we take, and says which instance it is about."""
    found = [call for call in calls(manager, 'self.driver') + calls(block_device, 'virt_driver') + calls(stock, 'self') if call[0] == name]
    signature = inspect.signature(getattr(stock.LibvirtDriver, name))
    for _, positional, keywords in found:
        bound = signature.bind_partial(*range(positional + 1), **dict.fromkeys(keywords))
        assert 'instance' in bound.arguments
    handed_over = 'self.%s,' % name in inspect.getsource(stock.LibvirtDriver)  # to a thread, as the migration's operation
    assert found or handed_over, 'nothing calls it any more: it would never run'


def test_a_nova_without_a_method_or_an_argument_is_refused(monkeypatch):
    monkeypatch.delattr(stock.LibvirtDriver, '_soft_reboot')
    with pytest.raises(errors.NotSupported, match="no _soft_reboot"):
        overrides.check(driver.SplitMemLibvirtDriver)
    monkeypatch.undo()
    monkeypatch.setattr(stock.LibvirtDriver, '_create_guest', lambda self, context, xml, server: None)
    with pytest.raises(errors.NotSupported, match="_create_guest .* no argument instance"):
        overrides.check(driver.SplitMemLibvirtDriver)


def test_nothing_else_of_nova_starts_guests():
    """A guest that starts past _create_guest and _soft_reboot would be in no book. A restored one is as it was booked."""
    starting = set()
    for node in ast.walk(ast.parse(inspect.getsource(stock))):
        if isinstance(node, ast.FunctionDef):
            starting |= {node.name for call in ast.walk(node) if isinstance(call, ast.Call)
                         and isinstance(call.func, ast.Attribute) and call.func.attr == 'launch'}
    assert starting == {'_create_guest', '_soft_reboot', '_resume_guest_after_snapshot'}


def test_nova_migrates_with_the_xml_as_a_keyword():
    assert 'destination_xml' in inspect.signature(libvirt_guest.Guest.migrate).parameters
    assert 'destination_xml=' in inspect.getsource(stock.LibvirtDriver._live_migration_operation)


@pytest.mark.parametrize('proxy', [run.GuestProxy, reboot.RebootedGuest])
def test_what_a_proxy_comes_between_is_there(proxy):
    for name, value in vars(proxy).items():
        if inspect.isfunction(value) and not name.startswith('__'):
            assert callable(getattr(libvirt_guest.Guest, name))


def test_the_helpers_of_nova_are_there():
    assert libvirt_guest.JobInfo(type=1, memory_total=2, memory_processed=3, memory_remaining=4).memory_remaining == 4
    assert list(inspect.signature(libvirt_migrate.find_job_type).parameters)[:2] == ['guest', 'instance']
    assert callable(stock.LibvirtDriver._is_post_copy_enabled) and callable(stock.LibvirtDriver._get_volume_config)


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
