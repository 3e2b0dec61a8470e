import types
from urllib import parse

from conftest import daemon_migration
from conftest import UUID
import pytest

from splitmem_nova import client
from splitmem_nova import daemon


@pytest.fixture
def conf(daemon_service):
    return types.SimpleNamespace(socket=daemon_service.path, poll_timeout=5, sub_hosts=['host1', 'host2', 'host3'])


@pytest.fixture
def local(conf):
    return daemon.DaemonClient(conf)


def test_a_migration_gets_the_sub_hosts_that_are_not_its_ends(local, daemon_service, server):
    daemon_service.answers['POST', '/v1/vms/%s/migrations' % UUID] = (202, daemon_migration('PLANNED'))
    started = local.start(local.plan(server, 'host1', 'host2'), server)
    assert daemon_service.requests[0][2] == {
        'destination': 'host2', 'budgetBytes': 256 << 20, 'subHosts': [{'host': 'host3'}]}
    assert (started.id, started.phase, started.is_over) == ('m1', 'PLANNED', False)


def test_a_server_of_one_piece_needs_no_sub_hosts(local, daemon_service, server, conf):
    conf.sub_hosts = []
    daemon_service.answers['POST', '/v1/vms/%s/migrations' % UUID] = (202, daemon_migration('PLANNED'))
    whole = server._replace(main_mb=512)
    local.start(local.plan(whole, 'host1', 'host2'), whole)
    assert daemon_service.requests[0][2] == {'destination': 'host2'}


def test_the_flavor_decides_about_the_handover(local, daemon_service, server):
    daemon_service.answers['POST', '/v1/vms/%s/migrations' % UUID] = (202, daemon_migration('PLANNED'))
    server.extra_specs['splitmem:handover'] = 'complete'
    local.start(local.plan(server, 'host1', 'host2'), server)
    assert daemon_service.requests[0][2]['handover'] == 'complete'


def test_without_a_third_host_there_is_no_plan(local, server, conf):
    conf.sub_hosts = ['host1', 'host2']
    with pytest.raises(client.ClientError) as refused:
        local.plan(server, 'host1', 'host2')
    assert refused.value.reason == 'no-sub-hosts'


def test_progress(local, daemon_service, server):
    daemon_service.answers['GET', '/v1/migrations/m1'] = (200, daemon_migration('PRECOPY'))
    shown = local.show(client.Migration(UUID, 'host2', id='m1'))
    assert (shown.total, shown.processed, shown.remaining, shown.hypervisor_may_start) == (1000, 400, 600, False)
    daemon_service.answers['GET', '/v1/migrations/m1'] = (200, daemon_migration('ABORTED', reason='host3 is gone'))
    assert (local.show(shown).is_over, local.show(shown).reason) == (True, 'host3 is gone')


@pytest.mark.parametrize('phase, said, expected', [
    ('PRECOPY', {'hypervisorMayStart': True}, True), ('PRECOPY', {'hypervisorMayStart': False}, False),
    ('READY', {'hypervisorMayStart': False}, False), ('PRECOPY', {}, False), ('READY', {}, True)])
def test_splitmemd_says_when_the_hypervisor_may_start(local, daemon_service, phase, said, expected):
    """An earlier one says nothing."""
    daemon_service.answers['GET', '/v1/migrations/m1'] = (200, daemon_migration(phase, **said))
    assert local.show(client.Migration(UUID, 'host2', id='m1')).hypervisor_may_start is expected


def test_one_whose_start_was_not_answered_is_found_and_aborted(local, daemon_service, server):
    planned = local.plan(server, 'host1', 'host2')
    daemon_service.answers['GET', '/v1/migrations'] = (200, [])
    local.abort(planned)
    assert daemon_service.asked() == [('GET', '/v1/migrations')]
    daemon_service.answers['GET', '/v1/migrations'] = (200, [daemon_migration('PRECOPY', id='m7')])
    daemon_service.answers['DELETE', '/v1/migrations/m7'] = (200, daemon_migration('PRECOPY', id='m7'))
    local.abort(planned)
    assert daemon_service.asked()[-1] == ('DELETE', '/v1/migrations/m7')


def test_running_ones_only(local, daemon_service):
    daemon_service.answers['GET', '/v1/migrations'] = (200, [daemon_migration('DONE', id='a'), daemon_migration('READY', id='b')])
    assert [m.id for m in local.running('host1')] == ['b']


def test_refusals_are_told_with_their_reason(local, daemon_service, server):
    daemon_service.answers['POST', '/v1/vms/%s/migrations' % UUID] = (
        409, {'error': {'code': 'vm-split', 'message': 'it is split already'}})
    with pytest.raises(client.ClientError, match='it is split already') as refused:
        local.start(local.plan(server, 'host1', 'host2'), server)
    assert (refused.value.status, refused.value.reason) == (409, 'vm-split')
    assert not isinstance(refused.value, client.Unavailable)


@pytest.mark.parametrize('answer', [(200, b'{"id":'), (200, b'[]'), (500, b'oops'), (502, {'error': 'text'}), (200, {'id': 'm1'})])
def test_nonsense_is_no_answer(local, daemon_service, answer):
    daemon_service.answers['GET', '/v1/migrations/m1'] = answer
    with pytest.raises(client.Unavailable):
        local.show(client.Migration(UUID, 'host2', id='m1'))


def test_nobody_there(conf, tmp_path):
    conf.socket = str(tmp_path / 'nobody.sock')
    with pytest.raises(client.Unavailable, match='nobody.sock'):
        daemon.DaemonClient(conf).running('host1')


def test_a_server_that_is_destroyed_is_not_split_again(local, daemon_service):
    path = '/v1/vms/%s/split' % UUID
    daemon_service.answers['DELETE', path] = (204, None)
    local.unplace(UUID, 'host1')
    daemon_service.answers['DELETE', path] = (404, {'error': {'code': 'not-expected', 'message': 'it is not expected'}})
    local.unplace(UUID, 'host1')
    assert [request[:2] for request in daemon_service.requests] == [('DELETE', path)] * 2
    daemon_service.answers['DELETE', path] = (409, {'error': {'code': 'vm-split', 'message': 'it runs here'}})
    with pytest.raises(client.ClientError):
        local.unplace(UUID, 'host1')


def test_a_server_whose_host_is_dead_gets_back_what_it_had_elsewhere(local, daemon_service, server):
    daemon_service.answers['POST', '/v1/fences'] = (200, {'freed': [], 'unreachable': []})
    local.place(server, 'host1')
    local.place(server, 'host1', evacuated_from='host2')
    assert [request[2] for request in daemon_service.requests] == [{'host': 'host2', 'vm': UUID}]


def test_alone_it_registers_with_nobody(local, daemon_service):
    local.register('host1', 'host1.example.org')
    assert daemon_service.requests == []


@pytest.mark.parametrize('id', ['a b', 'a/b', 'a?b', 'a#b', 'a%2Fb', '..', 'a\nb', '\u6570'])
def test_an_id_is_one_segment_of_the_path_whatever_it_consists_of(local, daemon_service, id):
    path = '/v1/migrations/' + ('%2E%2E' if id == '..' else parse.quote(id, safe=''))
    daemon_service.answers['GET', path] = (200, daemon_migration('PRECOPY'))
    assert local.show(client.Migration(UUID, 'host2', id=id)).phase == 'PRECOPY'


def test_what_the_daemon_says_makes_no_line_of_a_log(local, daemon_service):
    daemon_service.answers['GET', '/v1/migrations/m1'] = (409, {'error': {
        'code': 'x', 'message': 'VM a\n2026 ERROR forged\r\x1b[2J\u2028 \u6570\u636e'}})
    with pytest.raises(client.ClientError) as refused:
        local.show(client.Migration(UUID, 'host2', id='m1'))
    assert str(refused.value) == 'VM a?2026 ERROR forged??[2J? \u6570\u636e'
