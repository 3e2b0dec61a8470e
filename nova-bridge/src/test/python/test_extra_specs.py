import types

from nova.api.validation.extra_specs import validators
from nova import exception
import pytest

from splitmem_nova import extra_specs
from splitmem_nova import flavors


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    known = dict(validators.VALIDATORS, **{v.name: v for v in extra_specs.register()})
    monkeypatch.setattr(validators, 'VALIDATORS', known)
    monkeypatch.setattr(validators, 'NAMESPACES', validators.NAMESPACES | {'splitmem'})


@pytest.mark.parametrize('spec', [
    'enabled=true', 'mode=auto', 'mode=always', 'mode=never', 'min_sub_hosts=1', 'max_sub_hosts=16', 'replicas=1',
    'aggregate=lenders', 'handover=hybrid', 'handover=complete'])
def test_allowed(spec):
    validators.validate('splitmem:' + spec.split('=')[0], spec.split('=')[1])


@pytest.mark.parametrize('spec', [
    'enabled=perhaps', 'mode=sometimes', 'min_sub_hosts=0', 'min_sub_hosts=many', 'max_sub_hosts=17', 'replicas=2', 'replicas=0',
    'handover=post-copy', 'unheard_of=1'])
def test_refused(spec):
    with pytest.raises(exception.ValidationError):
        validators.validate('splitmem:' + spec.split('=')[0], spec.split('=')[1])


def instance(**extra_specs):
    specs = {key.replace('__', ':'): value for key, value in extra_specs.items()}
    return types.SimpleNamespace(uuid='u', name='n', project_id='p', user_id='q',
                                 flavor=types.SimpleNamespace(memory_mb=512, extra_specs=specs))


@pytest.mark.parametrize('value, split', [('true', True), ('True', True), ('1', True), ('false', False), ('', False)])
def test_enabled(value, split):
    assert flavors.is_split(instance(splitmem__enabled=value).flavor) is split


def test_flavors_without_extra_specs_are_not_ours():
    assert not flavors.is_split(types.SimpleNamespace(extra_specs=None))
    assert not flavors.is_split(instance().flavor)


def test_the_main_share_is_what_nova_claims():
    specs = {'splitmem__enabled': 'true', 'hw__cpu_sockets': '1'}
    assert flavors.server(instance(resources__MEMORY_MB='128', **specs))[2:5] == (512, 128, {'splitmem:enabled': 'true'})
    assert flavors.server(instance(**specs)).main_mb == 512
    assert flavors.server(instance(resources__MEMORY_MB='1024', **specs)).main_mb == 512
