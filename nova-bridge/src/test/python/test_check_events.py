"""devstack/aio/check_events.py, which judges the events of the proofs: what it takes for right and what for wrong."""
import json
import subprocess
import sys

from conftest import REPOSITORY
import pytest

SERVER = '6d1f0000-0000-4000-8000-000000000001'


def booked(generation):
    return event('booked' if generation == 1 else 'changed', '%s/generation/%d' % (SERVER, generation))


def released(number):
    return event('released', '%s/released/%d' % (SERVER, number))


def event(kind, id):
    return {'id': id + '/moment', 'type': 'org.splitmem.placement.v1.' + kind, 'source': '/bridge', 'subject': SERVER,
            'dataschema': 'urn:splitmem:schema:splitmem.placement.v1', 'data': {}}


@pytest.fixture
def check(tmp_path):
    (tmp_path / 'splitmem.placement.v1.json').write_text('{}')

    def run(*events):
        # Ids differ in the moment, since a consumer that is made anew has had the same generations before.
        lines = [json.dumps({**one, 'id': '%s/%d' % (one['id'], i)}) for i, one in enumerate(events)]
        return subprocess.run([sys.executable, REPOSITORY / 'devstack/aio/check_events.py', tmp_path], input='\n'.join(lines),
                              capture_output=True, text=True, timeout=60)

    return run


def test_a_server_that_was_shelved_counts_its_generations_anew(check):
    done = check(booked(1), booked(2), released(1), booked(1), released(2), booked(1), booked(2))
    assert done.returncode == 0, done.stderr
    assert '7 events are valid and in order' in done.stdout


def test_generations_that_go_back_are_wrong(check):
    done = check(booked(1), booked(2), booked(1))
    assert done.returncode == 1
    assert 'the bookings of %s have the generations [1, 2, 1]' % SERVER in done.stderr
