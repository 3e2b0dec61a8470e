"""One migration with a scripted service and a scripted libvirt, in real threads."""
import threading
import time
import types

from conftest import UUID
import libvirt
from nova.virt.libvirt import guest as libvirt_guest
import pytest

from splitmem_nova import client
from splitmem_nova import run


class Service(client.Client):
    """Plays phases: each show is the next of them, the last one stays."""

    def __init__(self, *phases):
        self.phases = list(phases)
        self.calls = []
        self.refuse_plan = self.refuse_start = self.refuse_abort = self.refuse_complete = None

    def at(self, phase, **more):
        return client.Migration(UUID, 'host2', id='m1', phase=phase, source='host1', total=100, processed=40, remaining=60,
                                hypervisor_may_start=phase == client.READY, **more)

    def plan(self, server, source, destination, migration_uuid=''):
        self.migration_uuid = migration_uuid
        self.calls.append('plan')
        if self.refuse_plan:
            raise self.refuse_plan
        return client.Migration(UUID, 'host2', source='host1')

    def start(self, migration, server):
        self.calls.append('start')
        if self.refuse_start:
            raise self.refuse_start
        return self.at(client.PLANNED)

    def unplan(self, instance_uuid, destination):
        self.calls.append('unplan')

    def show(self, migration):
        now = self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]
        if isinstance(now, Exception):
            raise now
        return self.at(*now) if isinstance(now, tuple) else self.at(now)

    def abort(self, migration):
        self.calls.append('abort')
        if self.refuse_abort:
            raise self.refuse_abort
        self.phases = [client.ABORTED]

    def complete(self, migration):
        self.calls.append('complete')
        if self.refuse_complete:
            raise self.refuse_complete
        self.phases = [client.READY, client.READY, client.DONE]


class Guest:
    """libvirt's part: a migration that ends when it is let go."""

    def __init__(self):
        self.xml = None
        self.live_xml = '<domain/>'
        self.go = threading.Event()
        self.go.set()
        self.error = None
        self.active = True
        self.aborted = False

    def migrate(self, destination, flags=0, destination_xml=None, parallel=0):
        self.xml, self.flags, self.parallel = destination_xml, flags, parallel
        assert self.go.wait(10)
        if self.error:
            raise self.error
        self.active = False

    def get_xml_desc(self):
        return self.live_xml

    def is_active(self):
        return self.active

    def get_job_info(self):
        kind = libvirt.VIR_DOMAIN_JOB_NONE if self.active else libvirt.VIR_DOMAIN_JOB_COMPLETED
        return libvirt_guest.JobInfo(type=kind)

    def abort_job(self):
        self.aborted = True
        self.error = libvirt.libvirtError('aborted by us')
        self.go.set()

    def migrate_configure_max_downtime(self, mstime):
        self.downtime = mstime

    def untouched(self):
        return 'the real one'


@pytest.fixture
def guest():
    return Guest()


def conf(**changes):
    return types.SimpleNamespace(**dict({'prepare_command': 'sed s/target/split/', 'poll_interval': 0.01, 'patience': 0.3,
                                         'settle_timeout': 1}, **changes))


def proxy_of(guest, service, server, **changes):
    current = run.Run(service, server, 'host1', 'host2', conf(**changes))
    return run.GuestProxy(guest, current), current


def in_thread(proxy):
    failure = []

    def operate():
        try:
            proxy.migrate('qemu+tcp://host2/system', flags=1, destination_xml='<target/>')
        except Exception as e:
            failure.append(e)

    thread = threading.Thread(target=operate, daemon=True)
    thread.start()

    def end():
        thread.join(10)
        assert not thread.is_alive()
        return failure[0] if failure else None

    return end


def until(condition):
    limit = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_libvirt_is_called_when_ready_with_the_split_ready_xml(guest, server):
    service = Service(client.PLANNED, client.PRECOPY, client.READY, client.HANDOVER, client.DONE)
    proxy, current = proxy_of(guest, service, server)
    proxy.migrate('qemu+tcp://host2/system', flags=1, destination_xml='<target/>')
    assert guest.xml.strip() == '<split/>' and service.calls == ['plan', 'start'] and current.finished
    assert service.phases == [client.DONE], 'it waits for the last pages'


def test_the_destinations_xml_has_the_running_domains_source_of_memory(guest, server):
    """libvirt compares them; Nova's own XML for the destination has none."""
    guest.live_xml = '<domain><memoryBacking><source type="memfd"/></memoryBacking></domain>'
    proxy, _ = proxy_of(guest, Service(client.PLANNED, client.PRECOPY, client.READY, client.HANDOVER, client.DONE), server, prepare_command='echo')
    proxy.migrate('', destination_xml='<target/>')
    assert guest.xml == '--memory-source memfd\n'


def test_libvirt_is_asked_when_splitmemd_says_so(guest, server):
    service = Service(client.PRECOPY)
    service.at = lambda phase, **more: client.Migration(UUID, 'host2', id='m1', phase=phase, hypervisor_may_start=True)
    proxy, _ = proxy_of(guest, service, server, settle_timeout=0)
    proxy.migrate('', destination_xml='<target/>')
    assert not guest.active


@pytest.mark.parametrize('phase', [client.SWITCHOVER, client.HANDOVER, client.DONE])
def test_one_that_somebody_else_has_started_is_not_waited_for(guest, server, phase):
    """libvirt says then what is wrong."""
    guest.error = libvirt.libvirtError('already migrating')
    proxy, _ = proxy_of(guest, Service(phase), server, settle_timeout=0)
    with pytest.raises((libvirt.libvirtError, run.MigrationFailed), match='already migrating'):
        proxy.migrate('', destination_xml='<target/>')


def test_the_monitor_sees_one_job_with_our_progress(guest, server):
    proxy, current = proxy_of(guest, Service(client.PRECOPY), server)
    end = in_thread(proxy)
    until(lambda: current.migration is not None)
    info = proxy.get_job_info()
    assert (info.type, info.memory_total, info.memory_processed, info.memory_remaining) == (
        libvirt.VIR_DOMAIN_JOB_UNBOUNDED, 100, 40, 60)
    proxy.abort_job()
    end()


def test_it_is_not_completed_before_the_last_pages_have_left(guest, server):
    service = Service(client.READY, client.HANDOVER)
    proxy, current = proxy_of(guest, service, server, settle_timeout=5)
    end = in_thread(proxy)
    until(lambda: not guest.active)
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_UNBOUNDED
    service.phases = [client.DONE]
    assert end() is None
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_COMPLETED


def test_one_that_failed_after_the_handover_has_moved(guest, server, caplog):
    service = Service(client.READY, client.HANDOVER, client.FAILED_AFTER_HANDOVER)
    proxy, _ = proxy_of(guest, service, server, settle_timeout=60)
    proxy.migrate('', destination_xml='<target/>')
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_COMPLETED
    assert 'failed after the handover' in caplog.text


def test_last_pages_are_not_waited_for_without_end(guest, server):
    proxy, _ = proxy_of(guest, Service(client.READY, client.HANDOVER), server, settle_timeout=0.1)
    proxy.migrate('', destination_xml='<target/>')
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_COMPLETED


def test_abort_before_libvirt(guest, server):
    service = Service(client.PRECOPY)
    proxy, current = proxy_of(guest, service, server)
    end = in_thread(proxy)
    until(lambda: current.migration is not None)
    current.abort(guest, 'by a test')
    assert isinstance(end(), run.MigrationFailed)
    assert guest.xml is None and 'abort' in service.calls
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_CANCELLED


def test_an_abort_that_comes_before_everything(guest, server):
    service = Service(client.PRECOPY)
    proxy, current = proxy_of(guest, service, server)
    current.abort(guest, 'by a test')
    assert isinstance(in_thread(proxy)(), run.MigrationFailed)
    assert service.calls == ['plan'] and guest.xml is None


def test_abort_while_libvirt_migrates(guest, server):
    guest.go.clear()
    proxy, current = proxy_of(guest, Service(client.READY), server)
    end = in_thread(proxy)
    until(lambda: guest.xml is not None)
    guest.error = libvirt.libvirtError('the hook refuses')
    current.abort(guest, 'by a test')
    guest.go.set()
    assert end() is not None
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_CANCELLED


def test_an_abort_that_is_too_late_is_refused(guest, server):
    service = Service(client.READY, client.HANDOVER)
    service.refuse_abort = client.ClientError('it runs there', 409, 'handed-over')
    proxy, current = proxy_of(guest, service, server, settle_timeout=5)
    end = in_thread(proxy)
    until(lambda: not guest.active)
    with pytest.raises(client.ClientError):
        current.abort(guest, 'by a test')
    proxy.abort_job()  # Nova's monitor goes on all the same
    service.phases = [client.DONE]
    assert end() is None
    guest.is_active = lambda: False
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_COMPLETED


def test_given_up_by_the_daemon(guest, server):
    service = Service(client.PRECOPY, (client.ABORTED,))
    service.at = lambda phase, **more: client.Migration(UUID, 'host2', id='m1', phase=phase, reason='host3 is gone')
    proxy, _ = proxy_of(guest, service, server)
    with pytest.raises(run.MigrationFailed, match='host3 is gone'):
        proxy.migrate('', destination_xml='<target/>')
    assert guest.xml is None


def test_given_up_by_the_daemon_while_libvirt_waits(guest, server, monkeypatch):
    monkeypatch.setattr(run, 'GRACE_SECONDS', 0.05)
    guest.go.clear()
    service = Service(client.READY)
    proxy, current = proxy_of(guest, service, server)
    end = in_thread(proxy)
    until(lambda: guest.xml is not None)
    service.phases = [client.ABORTED]

    def told():
        proxy.get_job_info()
        return guest.aborted

    until(told)
    assert end() is not None


def no_job():
    raise libvirt.libvirtError('no job is active on the domain')


def test_a_timeout_while_nobody_answers_and_libvirt_has_no_job_is_survived(guest, server):
    service = Service(client.READY, client.HANDOVER)
    service.refuse_abort = client.Unavailable('nobody there')
    proxy, current = proxy_of(guest, service, server, settle_timeout=5)
    end = in_thread(proxy)
    until(lambda: not guest.active)
    guest.abort_job = no_job
    with pytest.raises(libvirt.libvirtError):
        current.abort(guest, 'by a test')
    proxy.abort_job()
    service.phases = [client.DONE]
    assert end() is None


def test_libvirt_is_told_again_if_it_had_no_job(guest, server, monkeypatch):
    monkeypatch.setattr(run, 'GRACE_SECONDS', 0.02)
    guest.go.clear()
    service = Service(client.READY)
    proxy, current = proxy_of(guest, service, server)
    end = in_thread(proxy)
    until(lambda: guest.xml is not None)
    service.phases = [client.ABORTED]
    tell, tried = guest.abort_job, []
    guest.abort_job = lambda: tried.append(1) or (no_job() if len(tried) < 3 else tell())

    def told():
        assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_UNBOUNDED
        return guest.aborted

    until(told)
    assert len(tried) == 3 and end() is not None


def test_when_libvirt_fails_the_split_migration_is_given_up(guest, server):
    guest.error = libvirt.libvirtError('no disk there')
    service = Service(client.READY)
    proxy, _ = proxy_of(guest, service, server)
    with pytest.raises(libvirt.libvirtError):
        proxy.migrate('', destination_xml='<target/>')
    assert 'abort' in service.calls
    assert proxy.get_job_info().type == libvirt.VIR_DOMAIN_JOB_NONE, 'Nova finds out by itself'


def test_a_refused_plan_starts_nothing(guest, server):
    service = Service(client.READY)
    service.refuse_plan = client.ClientError('nobody lends', 409, 'no-sub-hosts')
    proxy, _ = proxy_of(guest, service, server)
    with pytest.raises(client.ClientError, match='nobody lends'):
        proxy.migrate('', destination_xml='<target/>')
    assert service.calls == ['plan'] and guest.xml is None


def test_a_plan_without_an_answer_is_undone(guest, server):
    service = Service(client.READY)
    service.refuse_plan = client.Unavailable('timed out')
    proxy, _ = proxy_of(guest, service, server)
    with pytest.raises(client.Unavailable, match='timed out'):
        proxy.migrate('', destination_xml='<target/>')
    assert service.calls == ['plan', 'unplan'] and guest.xml is None


def test_the_plan_has_novas_migration_beside_it(guest, server):
    service = Service(client.READY, client.DONE)
    current = run.Run(service, server, 'host1', 'host2', conf(), migration_uuid='a-migration')
    run.GuestProxy(guest, current).migrate('', destination_xml='<target/>')
    assert service.migration_uuid == 'a-migration'


def test_there_is_no_post_copy_and_nothing_to_send_in_parallel(guest, server):
    proxy, _ = proxy_of(guest, Service(client.READY, client.DONE), server)
    flags = (libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_POSTCOPY | libvirt.VIR_MIGRATE_PARALLEL
             | libvirt.VIR_MIGRATE_AUTO_CONVERGE)
    proxy.migrate('', flags=flags, destination_xml='<target/>', parallel=4)
    assert guest.flags == libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_AUTO_CONVERGE and guest.parallel == 0


def test_the_reason_of_an_abort_says_who_asked_for_it(guest, server):
    for ask, words in ((lambda: current.abort(guest, "by a request to Nova's API"), "aborted by a request to Nova's API"),
                       (lambda: proxy.abort_job(), r'aborted by Nova, at \[libvirt\] live_migration_completion_timeout')):
        proxy, current = proxy_of(guest, Service(client.PRECOPY), server)
        ask()
        with pytest.raises(run.MigrationFailed, match='^%s$' % words):
            proxy.migrate('', destination_xml='<target/>')


def test_a_refused_start_has_begun_nothing(guest, server):
    service = Service(client.PRECOPY)
    service.refuse_start = client.ClientError('somebody migrates it already', 409, 'vm-migrating')
    proxy, _ = proxy_of(guest, service, server)
    with pytest.raises(client.ClientError, match='somebody migrates it already'):
        proxy.migrate('', destination_xml='<target/>')
    assert service.calls == ['plan', 'start'], "an abort could hit somebody else's"


def test_a_start_without_an_answer_is_given_up_whenever_it_begins(guest, server, monkeypatch):
    monkeypatch.setattr(run, 'BEGINNING_SECONDS', 0.05)
    service = Service(client.PRECOPY)
    service.refuse_start = client.Unavailable('the connection broke')
    proxy, current = proxy_of(guest, service, server)
    with pytest.raises(client.Unavailable, match='the connection broke'):
        proxy.migrate('', destination_xml='<target/>')
    assert service.calls[:4] == ['plan', 'start', 'abort', 'abort'], 'it is not known yet at the first'
    assert guest.xml is None and current.finished


def test_an_obstacle_is_found_before_anything_is_asked(guest, server):
    service = Service(client.READY)
    proxy, _ = proxy_of(guest, service, server, prepare_command='false')
    with pytest.raises(Exception, match='exit code'):
        proxy.migrate('', destination_xml='<target/>')
    assert service.calls == []


def test_somebody_may_be_restarted_meanwhile(guest, server):
    away = client.Unavailable('nobody there')
    proxy, _ = proxy_of(guest, Service(away, away, client.READY, client.DONE), server, patience=5)
    proxy.migrate('', destination_xml='<target/>')
    assert not guest.active


def test_patience_ends(guest, server):
    service = Service(client.Unavailable('nobody there'))
    proxy, _ = proxy_of(guest, service, server)
    with pytest.raises(run.MigrationFailed, match='nobody there'):
        proxy.migrate('', destination_xml='<target/>')
    assert 'abort' in service.calls


def test_a_migration_that_is_not_told_of_is_given_up(guest, server):
    service = Service(client.PRECOPY, client.ClientError('the credentials have ended', 403, 'forbidden'))
    proxy, _ = proxy_of(guest, service, server)
    with pytest.raises(client.ClientError, match='the credentials have ended'):
        proxy.migrate('', destination_xml='<target/>')
    assert service.calls == ['plan', 'start', 'abort'] and guest.xml is None


@pytest.mark.parametrize('phase', [client.PLANNED, client.PRECOPY])
def test_force_complete_cuts_the_copy(guest, server, phase):
    service = Service(phase)
    proxy, current = proxy_of(guest, service, server)
    end = in_thread(proxy)
    until(lambda: current.migration is not None)
    assert current.force_complete() and 'complete' in service.calls
    assert end() is None and not current.complete_asked


@pytest.mark.parametrize('phase', [client.PRECOPY, client.READY])
def test_force_complete_is_ours_until_libvirt_really_migrates(guest, server, phase):
    guest.go.clear()
    service = Service(phase)
    nearly = types.SimpleNamespace(may_start=True)
    service.at = lambda phase: client.Migration(UUID, 'host2', id='m1', phase=phase, hypervisor_may_start=nearly.may_start)
    proxy, current = proxy_of(guest, service, server)
    end = in_thread(proxy)
    until(lambda: guest.xml is not None)
    nearly.may_start = False  # written anew meanwhile; the hook holds libvirt for another round
    assert current.force_complete() and 'complete' in service.calls
    service.phases = [client.SWITCHOVER]

    def is_novas():
        proxy.get_job_info()
        return not current.force_complete()

    until(is_novas)
    guest.go.set()
    service.phases = [client.DONE]
    assert end() is None
    assert not current.force_complete()


def test_an_early_force_complete_is_remembered(guest, server):
    service = Service(client.PRECOPY)
    proxy, current = proxy_of(guest, service, server)
    assert current.force_complete() and service.calls == []
    assert in_thread(proxy)() is None
    assert service.calls == ['plan', 'start', 'complete']


def test_a_refused_force_complete_is_tried_again(guest, server):
    service = Service(client.PLANNED)
    service.refuse_complete = client.ClientError('splitmemd has not answered yet', 409, 'not-running')
    proxy, current = proxy_of(guest, service, server)
    end = in_thread(proxy)
    until(lambda: current.migration is not None)
    assert current.force_complete()
    until(lambda: service.calls.count('complete') > 2)
    service.refuse_complete = None
    assert end() is None


def test_a_refused_force_complete_is_tried_again_while_the_hook_holds_libvirt(guest, server):
    guest.go.clear()
    service = Service(client.READY)
    proxy, current = proxy_of(guest, service, server)
    end = in_thread(proxy)
    until(lambda: guest.xml is not None)
    service.refuse_complete = client.Unavailable('nobody there')
    assert current.force_complete()
    service.refuse_complete = None

    def asked_again():
        proxy.get_job_info()
        return service.calls.count('complete') > 1

    until(asked_again)
    assert not current.complete_asked
    guest.go.set()
    assert end() is None


@pytest.mark.parametrize('phase', [client.SWITCHOVER, client.HANDOVER, client.DONE, client.ABORTED])
def test_what_is_too_late_to_complete_is_not_asked(guest, server, phase):
    service = Service(phase)
    _, current = proxy_of(guest, service, server)
    current.complete_asked, current.migration = True, service.at(phase)
    assert current.force_complete() is (phase == client.ABORTED)
    assert service.calls == []


def test_everything_else_is_the_guests(guest, server):
    proxy, current = proxy_of(guest, Service(client.READY), server)
    assert proxy.untouched() == 'the real one'
    proxy.migrate_configure_max_downtime(50)
    assert not hasattr(guest, 'downtime')
    current.hypervisor_asked = True
    proxy.migrate_configure_max_downtime(50)
    assert guest.downtime == 50
