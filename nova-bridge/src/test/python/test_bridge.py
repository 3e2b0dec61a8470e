from urllib import parse

from conftest import bridge_migration
from conftest import daemon_migration
from conftest import UUID
from oslo_config import cfg
from oslo_context import context
import pytest

from splitmem_nova import bridge
from splitmem_nova import client
from splitmem_nova import conf as splitmem_conf


@pytest.fixture
def conf(bridge_service, daemon_service):
    conf = cfg.ConfigOpts()
    splitmem_conf.register(conf)
    from keystoneauth1 import loading
    conf.register_opts(loading.get_auth_plugin_conf_options('none'), group='splitmem')
    conf([])
    for name, value in {'auth_type': 'none', 'endpoint_override': bridge_service.url, 'socket': daemon_service.path,
                        'request_timeout': 3}.items():
        conf.set_override(name, value, group='splitmem')
    return conf


@pytest.fixture
def remote(conf):
    return bridge.BridgeClient(conf)


PLANNED = client.Migration(UUID, 'host2', id='b1', source='host1')


def test_a_plan_tells_all_that_has_to_be_booked(remote, bridge_service, server):
    bridge_service.answers['POST', '/v1/migrations'] = (201, bridge_migration('PLANNED', 'planned'))
    planned = remote.plan(server, 'host1', 'host2')
    _, _, body, headers = bridge_service.requests[0]
    assert body == {'instance_uuid': UUID, 'name': 'instance-00000001', 'source': 'host1', 'destination': 'host2', 'ram_mb': 512,
                    'main_mb': 256, 'extra_specs': {'splitmem:enabled': 'true'}, 'project_id': 'a-project', 'user_id': 'a-user'}
    assert headers['OpenStack-API-Version'] == 'split-migration 1.0'
    assert (planned.id, planned.phase) == ('b1', 'PLANNED')


def test_a_lack_of_sub_hosts_is_told_in_the_planners_words(remote, bridge_service, server):
    bridge_service.answers['POST', '/v1/migrations'] = (409, {'error': {
        'code': 409, 'title': 'Conflict', 'message': 'host3 lends 100 MiB of the 256', 'reason': 'no-sub-hosts'}})
    with pytest.raises(client.ClientError, match='host3 lends 100 MiB of the 256') as refused:
        remote.plan(server, 'host1', 'host2')
    assert (refused.value.status, refused.value.reason) == (409, 'no-sub-hosts')


def test_start_and_progress(remote, bridge_service, server):
    bridge_service.answers['POST', '/v1/migrations/b1/start'] = (202, None)
    bridge_service.answers['GET', '/v1/migrations/b1'] = (200, bridge_migration('PRECOPY'))
    started = remote.start(PLANNED, server)
    assert (started.total, started.processed, started.remaining, started.phase) == (2000, 500, 1500, 'PRECOPY')


@pytest.mark.parametrize('phase, said, expected', [
    ('PRECOPY', {'hypervisor_may_start': True}, True), ('PRECOPY', {'hypervisor_may_start': False}, False),
    ('READY', {'hypervisor_may_start': False}, False), ('PRECOPY', {}, False), ('READY', {}, True)])
def test_the_bridge_passes_on_when_the_hypervisor_may_start(remote, bridge_service, phase, said, expected):
    """An earlier one says nothing."""
    bridge_service.answers['GET', '/v1/migrations/b1'] = (200, bridge_migration(phase, **said))
    assert remote.show(PLANNED).hypervisor_may_start is expected


def test_one_that_ended_without_a_phase_is_over(remote, bridge_service):
    bridge_service.answers['GET', '/v1/migrations/b1'] = (200, bridge_migration(None, 'failed', reason='host3 is full'))
    assert (remote.show(PLANNED).phase, remote.show(PLANNED).reason) == ('ABORTED', 'host3 is full')


@pytest.mark.parametrize('answer', [(503, {'error': {'message': 'no database'}}), (500, b'<html>'), (200, b'{'), (200, {}), (200, [])])
def test_while_the_bridge_is_ill_the_daemon_tells_the_progress(remote, bridge_service, daemon_service, answer):
    bridge_service.answers['GET', '/v1/migrations/b1'] = answer
    daemon_service.answers['GET', '/v1/migrations'] = (200, [daemon_migration('READY')])
    shown = remote.show(PLANNED)
    assert (shown.id, shown.phase, shown.local) == ('b1', 'READY', False)


def test_while_the_bridge_is_away_the_daemon_aborts(remote, bridge_service, daemon_service):
    bridge_service.stop()
    daemon_service.answers['GET', '/v1/migrations'] = (200, [daemon_migration('PRECOPY')])
    daemon_service.answers['DELETE', '/v1/migrations/m1'] = (200, daemon_migration('PRECOPY'))
    remote.abort(PLANNED)
    assert daemon_service.asked()[-1] == ('DELETE', '/v1/migrations/m1')


@pytest.mark.parametrize('answer', [(503, {'error': {'message': 'no database'}}), (200, {}), (200, {'migrations': [{}]})])
def test_while_the_bridge_is_ill_the_daemon_tells_what_is_running_and_aborts_it(remote, bridge_service, daemon_service, answer):
    bridge_service.answers['GET', '/v1/migrations?source=host1&status=running'] = answer
    daemon_service.answers['GET', '/v1/migrations'] = (200, [daemon_migration('READY'), daemon_migration('ABORTED', id='m0')])
    found, = remote.running('host1')
    assert (found.id, found.phase) == ('m1', 'READY')
    asked = len(bridge_service.requests)
    daemon_service.answers['DELETE', '/v1/migrations/m1'] = (200, daemon_migration('READY'))
    remote.abort(found)
    assert daemon_service.asked()[-1] == ('DELETE', '/v1/migrations/m1')
    assert len(bridge_service.requests) == asked, 'the bridge has other ids'


def test_a_refused_abort_is_not_tried_elsewhere(remote, bridge_service, daemon_service):
    bridge_service.answers['DELETE', '/v1/migrations/b1'] = (409, {'error': {'message': 'it runs at host2', 'reason': 'handed-over'}})
    with pytest.raises(client.ClientError) as refused:
        remote.abort(PLANNED)
    assert refused.value.reason == 'handed-over' and not daemon_service.requests


def test_nobody_at_all(remote, bridge_service, daemon_service):
    bridge_service.stop()
    daemon_service.answers['GET', '/v1/migrations'] = (200, [])
    with pytest.raises(client.Unavailable):
        remote.show(PLANNED)


def test_unplan_gives_up_only_what_is_planned_to_this_host(remote, bridge_service):
    entries = [bridge_migration('PLANNED', 'planned', id='x')['migration'],
               bridge_migration('PLANNED', 'planned', id='y', destination='host3')['migration']]
    running = bridge_migration('PRECOPY', 'running', id='z')['migration']
    by_instance = '/v1/migrations?instance_uuid=' + UUID
    bridge_service.answers['GET', by_instance] = (200, {'migrations': [*entries, running]})
    bridge_service.answers['GET', by_instance + '&status=planned'] = (200, {'migrations': entries})
    for known in 'xyz':
        bridge_service.answers['DELETE', '/v1/migrations/' + known] = (204, None)
    remote.unplan(UUID, 'host2')
    assert [path for method, path in bridge_service.asked() if method == 'DELETE'] == ['/v1/migrations/x']


def test_placement(remote, bridge_service, server):
    path = '/v1/vms/%s/placement' % UUID
    bridge_service.answers['PUT', path] = (200, {'placement': {'mode': 'whole'}})
    bridge_service.answers['DELETE', path + '?host=host1'] = (204, None)
    remote.place(server, 'host1')
    remote.unplace(UUID, 'host1')
    assert bridge_service.requests[0][2] == {
        'name': 'instance-00000001', 'host': 'host1', 'ram_mb': 512, 'main_mb': 256,
        'extra_specs': {'splitmem:enabled': 'true'}, 'project_id': 'a-project', 'user_id': 'a-user'}


def test_placement_of_a_server_whose_host_is_dead(remote, bridge_service, server):
    path = '/v1/vms/%s/placement' % UUID
    bridge_service.answers['PUT', path] = (200, {'placement': {'mode': 'whole'}})
    remote.place(server, 'host1', evacuated_from='host2')
    assert [request[2]['evacuated_from'] for request in bridge_service.requests if request[0] == 'PUT'] == ['host2']


def test_what_was_never_placed_need_not_be_taken_back(remote, bridge_service):
    remote.unplace(UUID, 'host1')  # 404
    bridge_service.answers['DELETE', '/v1/vms/%s/placement?host=host1' % UUID] = (409, {'error': {'message': 'no'}})
    with pytest.raises(client.ClientError):
        remote.unplace(UUID, 'host1')


def test_options_have_help_and_are_listed_for_the_generator():
    (group, options), = splitmem_conf.list_opts()
    names = {option.name for option in options}
    assert group.name == 'splitmem' and {'client', 'sub-hosts', 'auth_type', 'endpoint-override'} <= {
        name if name == 'auth_type' else name.replace('_', '-') for name in names}
    assert all(option.help and option.help.strip() for option in options)


@pytest.mark.parametrize('known, sent', [
    ({'request_id': 'req-11111111-1111-1111-1111-111111111111'}, 'req-11111111-1111-1111-1111-111111111111'),
    ({'request_id': 'req-11111111-1111-1111-1111-111111111111', 'global_request_id': 'req-22222222-2222-2222-2222-222222222222'},
     'req-22222222-2222-2222-2222-222222222222')])
def test_novas_request_goes_with_each_call(remote, bridge_service, daemon_service, known, sent):
    bridge_service.answers['GET', '/v1/migrations/b1'] = (503, {'error': {'message': 'no database'}})
    daemon_service.answers['GET', '/v1/migrations'] = (200, [daemon_migration('READY')])
    context.RequestContext(overwrite=True, **known)
    try:
        remote.show(PLANNED)
    finally:
        del context._request_store.context
    assert bridge_service.requests[0][3]['X-Openstack-Request-Id'] == sent
    assert daemon_service.requests[0][3]['X-Openstack-Request-Id'] == sent
    remote.show(PLANNED)
    assert 'X-Openstack-Request-Id' not in bridge_service.requests[1][3], 'as when nova-compute starts'


def test_novas_migration_is_in_the_plan(remote, bridge_service, server):
    bridge_service.answers['POST', '/v1/migrations'] = (201, bridge_migration('PLANNED', 'planned'))
    remote.plan(server, 'host1', 'host2', 'a-migration')
    assert bridge_service.requests[0][2]['nova_migration_uuid'] == 'a-migration'


def failing_at_first(bridge_service, method, path, answer):
    """The bridge is being restarted: it answers from the second request on."""
    def next_answer(recorder=bridge_service):
        return (503, {'error': {'message': 'starting'}}) if len(recorder.requests) == 1 else answer

    class Answers(dict):
        def get(self, key, otherwise=None):
            return next_answer() if key == (method, path) else super().get(key, otherwise)

    bridge_service.answers = Answers(bridge_service.answers)


def test_what_changes_nothing_twice_is_asked_again(remote, bridge_service, server):
    failing_at_first(bridge_service, 'PUT', '/v1/vms/%s/placement' % UUID, (200, {'placement': {}}))
    remote.place(server, 'host1')
    assert len(bridge_service.requests) == 2


def test_a_start_is_asked_once(remote, bridge_service, server):
    failing_at_first(bridge_service, 'POST', '/v1/migrations/b1/start', (202, None))
    with pytest.raises(client.Unavailable, match='starting'):
        remote.start(PLANNED, server)
    assert len(bridge_service.requests) == 1


def test_asking_again_has_an_end(remote, bridge_service, server, conf):
    bridge_service.answers['PUT', '/v1/vms/%s/placement' % UUID] = (503, {'error': {'message': 'no database'}})
    with pytest.raises(client.Unavailable, match='no database'):
        remote.place(server, 'host1')
    assert len(bridge_service.requests) == bridge.ATTEMPTS


def test_asking_again_takes_no_longer_than_one_request_may(remote, conf, monkeypatch, server):
    """A bridge that hangs costs one time-out, not three."""
    conf.set_override('request_timeout', 1, group='splitmem')
    seen = []

    def hang(method, path, body=None, timeout=None):
        seen.append(timeout)
        clock[0] += timeout
        raise client.Unavailable('timed out')

    clock = [100.0]
    monkeypatch.setattr(bridge.time, 'monotonic', lambda: clock[0])
    monkeypatch.setattr(bridge.time, 'sleep', lambda seconds: None)
    monkeypatch.setattr(remote, '_ask', hang)
    with pytest.raises(client.Unavailable):
        remote.place(server, 'host1')
    assert seen == [1]


def test_looking_has_a_shorter_time_out_than_booking(remote, bridge_service, server, conf, monkeypatch):
    seen = []
    real = remote._session().request
    monkeypatch.setattr(remote._session(), 'request', lambda *a, **k: seen.append(k['timeout']) or real(*a, **k))
    conf.set_override('request_timeout', 90, group='splitmem')
    bridge_service.answers['GET', '/v1/migrations/b1'] = (200, bridge_migration())
    bridge_service.answers['DELETE', '/v1/migrations/b1'] = (202, None)
    bridge_service.answers['PUT', '/v1/vms/%s/placement' % UUID] = (200, {'placement': {}})
    remote.show(PLANNED)
    remote.abort(PLANNED)
    remote.place(server, 'host1')
    assert seen[:2] == [10, 10] and 89 < seen[2] <= 90


def test_an_older_bridge_gets_the_plan_without_it(remote, bridge_service, server):
    bridge_service.answers['POST', '/v1/migrations'] = (400, {'error': {'message': 'unknown field', 'reason': 'invalid-json'}})
    with pytest.raises(client.ClientError, match='unknown field'):
        remote.plan(server, 'host1', 'host2', 'a-migration')
    assert ['nova_migration_uuid' in body for _, _, body, _ in bridge_service.requests] == [True, False]


ADDRESS = {'name': 'host1', 'address': '10.78.0.1', 'controlPort': 7779, 'dataPort': 7780}


def test_the_host_is_registered_where_its_splitmemd_says_that_it_is(remote, bridge_service, daemon_service):
    daemon_service.answers['GET', '/v1/host/address'] = (200, ADDRESS)
    bridge_service.answers['PUT', '/v1/hosts/host1'] = (204, None)
    remote.register('host1', 'host1.example.org')
    assert bridge_service.requests[0][2] == {
        'hypervisor_hostname': 'host1.example.org', 'control_address': '10.78.0.1', 'control_port': 7779, 'data_port': 7780}


@pytest.mark.parametrize('answer, words', [
    ((200, dict(ADDRESS, name='node7')), 'host.name of splitmem.conf'),
    ((200, {key: value for key, value in ADDRESS.items() if key != 'address'}), 'control.address of splitmem.conf'),
    ((200, {}), 'something else than its address'), ((200, []), 'something else than its address'),
    ((404, {'error': {'code': 'not-found', 'message': 'an older splitmemd'}}), 'an older splitmemd')])
def test_what_is_no_address_of_this_host_is_not_registered(remote, bridge_service, daemon_service, answer, words):
    daemon_service.answers['GET', '/v1/host/address'] = answer
    with pytest.raises(client.ClientError, match=words):
        remote.register('host1', 'host1.example.org')
    assert bridge_service.requests == []


def test_a_registration_that_is_refused_is_told(remote, bridge_service, daemon_service):
    daemon_service.answers['GET', '/v1/host/address'] = (200, ADDRESS)
    bridge_service.answers['PUT', '/v1/hosts/host1'] = (403, {'error': {'message': 'not you', 'reason': 'forbidden'}})
    with pytest.raises(client.ClientError, match='not you'):
        remote.register('host1', 'host1.example.org')


def test_a_registration_without_an_answer_is_told(remote, bridge_service, daemon_service):
    daemon_service.answers['GET', '/v1/host/address'] = (200, ADDRESS)
    bridge_service.stop()
    with pytest.raises(client.Unavailable):
        remote.register('host1', 'host1.example.org')


@pytest.mark.parametrize('timeout, told', [(3, '1'), (90, '85'), (600, '595')])
def test_the_bridge_has_less_time_than_there_is(remote, conf, bridge_service, server, timeout, told):
    conf.set_override('request_timeout', timeout, group='splitmem')
    bridge_service.answers['POST', '/v1/migrations'] = (201, bridge_migration('PLANNED', 'planned'))
    bridge_service.answers['GET', '/v1/migrations/b1'] = (200, bridge_migration('PRECOPY'))
    remote.show(remote.plan(server, 'host1', 'host2'))
    told_by = [headers['X-Splitmem-Timeout'] for _, _, _, headers in bridge_service.requests]
    # Of what is tried again, some milliseconds are gone at the first attempt.
    assert abs(int(told_by[0]) - int(told)) <= 1 and told_by[1] == '5'


def test_what_was_too_slow_for_the_bridge_may_be_asked_again(remote, bridge_service, server):
    bridge_service.answers['POST', '/v1/migrations'] = (504, {'error': {
        'code': 504, 'title': 'Gateway Timeout', 'message': 'Placement PUT ...', 'reason': 'placement-too-slow'}})
    with pytest.raises(client.Unavailable) as late:
        remote.plan(server, 'host1', 'host2')
    assert late.value.reason == 'placement-too-slow'


@pytest.mark.parametrize('name', ['a b', 'a/b', 'a?b=c', 'a&status=x', 'a#b', 'a%2Fb', '\u6570'])
def test_a_host_and_an_id_are_encoded_wherever_they_are_in_a_url(remote, bridge_service, name):
    quoted = parse.quote(name, safe='')
    bridge_service.answers['GET', '/v1/migrations/' + quoted] = (200, bridge_migration('PRECOPY'))
    assert remote.show(client.Migration(UUID, 'host2', id=name, source='host1')).phase == 'PRECOPY'
    path = '/v1/migrations?' + parse.urlencode({'source': name, 'status': 'running'})
    bridge_service.answers['GET', path] = (200, {'migrations': []})
    assert remote.running(name) == []
    path = '/v1/vms/%s/placement?%s' % (UUID, parse.urlencode({'host': name}))
    bridge_service.answers['DELETE', path] = (204, None)
    remote.unplace(UUID, name)
    assert [request[:2] for request in bridge_service.requests][-1] == ('DELETE', path)
