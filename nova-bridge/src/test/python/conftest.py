"""Tests of the Nova driver: python3 -m pytest nova-bridge/src/test/python, with Nova installed; nothing is asked over a network.

With native threads; run_tests.py runs them on eventlet, too.
"""
import http.server
import json
import os
import pathlib
import socketserver
import sys
import threading

import pytest

# Nova's own test fixtures change the process that they are loaded into (servers in threads do not answer any more): one run with
# them, SPLITMEM_TEST_NOVA=1 and test_nova_*.py, and one without.
collect_ignore_glob = [] if os.environ.get('SPLITMEM_TEST_NOVA') else ['test_nova_*.py']

MAIN = pathlib.Path(__file__).resolve().parents[2] / 'main' / 'python'
REPOSITORY = MAIN.parents[3]
sys.path.insert(0, str(MAIN))
THREADING = os.environ.get('SPLITMEM_TEST_THREADING', 'native')
os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', '1')

from nova import monkey_patch  # noqa: E402
if THREADING == 'native' and hasattr(monkey_patch, 'patch'):
    monkey_patch.patch()  # without effect if run_tests.py has called it

import libvirt  # noqa: E402
from nova.virt.libvirt import guest as libvirt_guest  # noqa: E402
from nova.virt.libvirt import migration as libvirt_migrate  # noqa: E402
from splitmem_nova import bridge  # noqa: E402
from splitmem_nova import client  # noqa: E402

libvirt_guest.libvirt = libvirt_migrate.libvirt = libvirt  # as Nova does when it connects to libvirt

bridge.PAUSE_SECONDS = 0.01
def nova_release():
    """The major version of the installed Nova."""
    from nova import version
    return int(version.version_string().split('.')[0])


UUID = '6d1f0000-0000-0000-0000-000000000001'


class Recorder:
    """An HTTP service that answers as a test tells it: answers[(method, path)] = (status, body) or a function of the request's body."""

    def __init__(self):
        self.answers = {}
        self.requests = []  # (method, path, body, headers)

    def handler(self):
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def answer(self):
                length = int(self.headers.get('Content-Length') or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                recorder.requests.append((self.command, self.path, body, dict(self.headers)))
                status, answer = recorder.answers.get((self.command, self.path), (404, {
                    'error': {'code': 'not-found', 'message': 'no %s %s' % (self.command, self.path)}}))
                data = answer if isinstance(answer, bytes) else b'' if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header('Content-Length', str(len(data)))
                self.send_header('Content-Type', 'application/json')
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *args):
                pass

            def address_string(self):
                return 'test'

        return Handler

    def asked(self):
        return [(method, path) for method, path, _, _ in self.requests]


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def serve(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def bridge_service():
    recorder = Recorder()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), recorder.handler())
    recorder.url = 'http://127.0.0.1:%d' % server.server_port
    recorder.stop = lambda: (server.shutdown(), server.server_close())
    yield from with_recorder(recorder, server)


@pytest.fixture
def daemon_service(tmp_path):
    recorder = Recorder()
    recorder.path = str(tmp_path / 'splitmemd.sock')
    server = UnixServer(recorder.path, recorder.handler())
    yield from with_recorder(recorder, server)


def with_recorder(recorder, server):
    running = serve(server)
    next(running)
    yield recorder
    next(running, None)


@pytest.fixture
def server():
    return client.Server(UUID, 'instance-00000001', 512, 256, {'splitmem:enabled': 'true'}, 'a-project', 'a-user')


def daemon_migration(phase='PRECOPY', **changes):
    return dict({'id': 'm1', 'vm': UUID, 'name': 'instance-00000001', 'phase': phase, 'source': 'host1', 'destination': 'host2',
                 'bytesTotal': 1000, 'bytesDone': 400, 'bytesRemaining': 600}, **changes)


def bridge_migration(phase='PRECOPY', status='running', **changes):
    return {'migration': dict({
        'id': 'b1', 'instance_uuid': UUID, 'status': status, 'phase': phase, 'source': 'host1', 'destination': 'host2',
        'memory_total_bytes': 2000, 'memory_processed_bytes': 500, 'memory_remaining_bytes': 1500}, **changes)}
