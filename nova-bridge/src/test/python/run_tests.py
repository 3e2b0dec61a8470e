"""Runs the tests as nova-compute runs: on eventlet or on native threads, which is decided before anything else is imported.

usage: python3 run_tests.py eventlet|native [ARGUMENTS OF PYTEST...]
       python3 run_tests.py modes       which of the two nova-compute of the installed Nova has: "34.0.0 eventlet native"
"""
import os
import sys


def modes():
    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '1'
    from nova import version
    release = version.version_string()
    return [release, 'eventlet'] + ['native'] * (int(release.split('.')[0]) >= 33)


def main():
    if sys.argv[1] == 'modes':
        print(*modes())
        return 0
    threading, arguments = sys.argv[1], sys.argv[2:]
    os.environ['SPLITMEM_TEST_THREADING'] = threading
    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = {'native': '1', 'eventlet': '0'}[threading]
    from nova import monkey_patch
    if hasattr(monkey_patch, 'patch'):  # before Nova 32 the import did it
        monkey_patch.patch()
    import pytest
    return pytest.main(['-p', 'no:cacheprovider', *arguments])


if __name__ == '__main__':
    sys.exit(main())
