"""Checks the events of migrations and bookings that Kafka has, as `splitmem --json events` writes them: one CloudEvent a line.

usage: check_events.py DIRECTORY-OF-SCHEMAS <EVENTS

Valid by their schemas; one event for one id; of each migration every phase in its order, and one outcome, the last; of each
consumer the generations in their order; something of each topic but that of VMs, of which the proofs may change none.
"""
import collections
import json
import pathlib
import sys

import jsonschema

PHASES = ['PLANNED', 'PRECOPY', 'READY', 'SWITCHOVER', 'HANDOVER']  # then comes the outcome


def fail(*what):
    sys.exit('check_events.py: %s' % ' '.join(map(str, what)))


def topic_of(event):
    return event['dataschema'].removeprefix('urn:splitmem:schema:')


def validators(directory):
    return {path.stem: jsonschema.validators.validator_for(schema)(schema)
            for path in pathlib.Path(directory).glob('*.json') for schema in [json.loads(path.read_text())]}


def first_of_each(events):
    """What comes twice is the same event: the first counts."""
    seen = {}
    for event in events:
        key = (event['source'], event['id'])
        if key not in seen:
            seen[key] = event
        elif seen[key]['data'] != event['data'] and not event['type'].endswith('.sample'):
            fail('two different events have the id', key)
    return list(seen.values())


def check_migration(id, events):
    outcomes = [event for event in events if event['type'].endswith('.outcome')]
    if len(outcomes) != 1 or events[-1] is not outcomes[0]:
        fail('migration', id, 'has', len(outcomes), 'outcomes, or one that is not the last')
    phases = [event['data']['phase'] for event in events if event['type'].endswith('.phase')]
    known = [phase for phase in phases if phase in PHASES]
    if known != sorted(known, key=PHASES.index) or len(set(phases)) != len(phases):
        fail('migration', id, 'has the phases', phases)
    outcome = outcomes[0]['data']['phase']
    if outcome in ('DONE', 'FAILED_AFTER_HANDOVER') and phases != PHASES:
        fail('migration', id, 'is done, but its phases are', phases)
    return outcome


def check_consumer(vm, events):
    """Placement forgets a consumer that holds nothing: after a release (shelve, say) it counts generations anew."""
    generations = []
    for event in events:
        if event['type'].endswith('.released'):
            generations = []
        elif '/generation/' in event['id']:
            generations.append(int(event['id'].split('/')[2]))
            if generations != sorted(generations):
                fail('the bookings of', vm, 'have the generations', generations)


def main():
    by_topic = collections.defaultdict(list)
    check = validators(sys.argv[1])
    for line in sys.stdin:
        event = json.loads(line)
        topic = topic_of(event)
        for error in check[topic].iter_errors(event['data']):
            fail(topic, event['id'], error.message)
        by_topic[topic].append(event)
    outcomes = collections.Counter()
    migrations = collections.defaultdict(list)
    for event in first_of_each(by_topic['splitmem.migration.v1']):
        migrations[event['data']['migrationId']].append(event)
    for id, events in migrations.items():
        outcomes[check_migration(id, events)] += 1
    vms = collections.defaultdict(list)
    for event in first_of_each(by_topic['splitmem.placement.v1']):
        vms[event['subject']].append(event)
    for vm, events in vms.items():
        check_consumer(vm, events)
    for topic in check:
        if not by_topic[topic] and topic != 'splitmem.vm.v1':
            fail('nothing was told to', topic)
    print('  ok: %d events are valid and in order: %s; migrations: %s' % (
        sum(map(len, by_topic.values())), ', '.join('%s %d' % (topic, len(events)) for topic, events in sorted(by_topic.items())),
        ', '.join('%s %d' % entry for entry in sorted(outcomes.items()))))


main()
