"""One parser for Nova's API and the driver, with the table of cases that nova-bridge's test reads, too."""
import json
import types

from conftest import REPOSITORY
from nova.api.validation.extra_specs import validators
from nova import exception
from nova import objects
import pytest

from splitmem_nova import extra_specs
from splitmem_nova import flavors

objects.register_all()
TABLE = json.loads((REPOSITORY / 'nova-bridge/src/test/resources/extra-specs.json').read_text())
CASES = TABLE['cases']
TAKEN = [case for case in CASES if 'parsed' in case]
REFUSED = [case for case in CASES if 'refused' in case]


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    known = dict(validators.VALIDATORS, **{v.name: v for v in extra_specs.register()})
    monkeypatch.setattr(validators, 'VALIDATORS', known)
    monkeypatch.setattr(validators, 'NAMESPACES', validators.NAMESPACES | {'splitmem'})


def label(case):
    return ' '.join('%s=%s' % spec for spec in case['specs'].items())


def flavor(specs, memory_mb=512):
    return types.SimpleNamespace(memory_mb=memory_mb, extra_specs=specs)


@pytest.mark.parametrize('case', TAKEN, ids=label)
def test_what_is_allowed_means_what_the_table_says(case):
    assert flavors.parse(case['specs'])._asdict() == {**TABLE['defaults'], **case['parsed']}


@pytest.mark.parametrize('case', REFUSED, ids=label)
def test_what_is_refused_is_named_at_the_beginning(case):
    with pytest.raises(flavors.WrongExtraSpec) as refused:
        flavors.parse(case['specs'])
    assert all(word in str(refused.value)[:160] for word in case['refused'])


@pytest.mark.parametrize('case', CASES, ids=label)
def test_novas_api_takes_what_the_driver_understands_and_nothing_else(case):
    """Nova validates each extra spec by itself, so it cannot compare two of them."""
    if len(case.get('refused', [])) > 1 and len(case['specs']) > 1:
        pytest.skip('a matter of two extra specs')
    refused = False
    for name, value in case['specs'].items():
        try:
            validators.validate(name, value)
        except exception.ValidationError:
            refused = True
    assert refused is ('refused' in case)


def test_every_extra_spec_has_a_validator_with_a_description():
    names = {name for case in TAKEN for name in case['specs'] if name.startswith('splitmem:')}
    assert {v.name for v in extra_specs.register()} == names
    assert all(v.description for v in extra_specs.register())


@pytest.mark.parametrize('case', TABLE['main_share'], ids=label)
def test_the_main_share_is_what_nova_claims(case):
    split = flavor({'splitmem:enabled': 'true', **case['specs']}, case['ram_mb'])
    if 'main_mb' in case:
        assert flavors.main_share(split) == case['main_mb']
        flavors.check(split)
        return
    with pytest.raises(flavors.WrongExtraSpec, match='resources:MEMORY_MB'):
        flavors.check(split)


def test_a_server_has_our_extra_specs_only():
    instance = types.SimpleNamespace(uuid='u', name='n', project_id='p', user_id='q', image_meta=objects.ImageMeta.from_dict({}), flavor=flavor(
        {'splitmem:enabled': 'true', 'hw:cpu_sockets': '1', 'resources:MEMORY_MB': '128'}))
    assert flavors.server(instance)[2:5] == (512, 128, {'splitmem:enabled': 'true'})


def test_flavors_without_our_extra_spec_are_not_ours():
    assert not flavors.is_split(flavor(None))
    assert not flavors.is_split(flavor({'resources:MEMORY_MB': '0', 'splitmem:mode': 'auto'}))
    assert not flavors.is_split(flavor({'splitmem:enabled': 'no'}))
    flavors.check(flavor({'resources:MEMORY_MB': '0'}))


def test_what_cannot_be_understood_is_ours_and_refused():
    """As an ordinary server it would take its whole RAM on a host where Nova claimed a part."""
    assert flavors.is_split(flavor({'splitmem:enabled': 'perhaps'}))
    with pytest.raises(flavors.WrongExtraSpec):
        flavors.check(flavor({'splitmem:enabled': 'perhaps'}))


def test_traits_of_flavor_and_image_are_sent_since_they_hold_for_sub_hosts():
    specs = {'splitmem:enabled': 'true', 'trait:CUSTOM_ECC': 'required', 'trait:CUSTOM_OLD': 'forbidden', 'hw:mem_page_size': 'small'}
    asking = types.SimpleNamespace(
        uuid='u', name='n', project_id='p', user_id='u', flavor=flavor(specs),
        image_meta=objects.ImageMeta.from_dict({'properties': {'trait:CUSTOM_LICENSED': 'required'}}))
    assert flavors.server(asking).extra_specs == {
        'splitmem:enabled': 'true', 'trait:CUSTOM_ECC': 'required', 'trait:CUSTOM_OLD': 'forbidden',
        'trait:CUSTOM_LICENSED': 'required'}
