"""The phase table decides everything."""

from itertools import product

from protocol.decode import DECODERS
from protocol.phases import RECEIVED, SENT, TAGS, Phase, Verdict, refusal


def test_every_tag_is_in_the_table():
    assert DECODERS.keys() | {ord("p")} == TAGS


def test_every_pair_is_decided():
    assert RECEIVED.keys() == set(Phase)
    for phase, tag in product(Phase, TAGS):
        assert tag in RECEIVED[phase] or refusal(phase, tag)
    assert not RECEIVED[Phase.STARTUP], "untagged packets are not in this table"


def test_only_accepted_messages_change_the_phase():
    for phase, steps in RECEIVED.items():
        for step in steps.values():
            assert step.verdict is Verdict.ACCEPT or step.phase in (phase, Phase.READY)


def test_skipping_ends_with_sync_or_terminate_only():
    accepted = {
        chr(tag) for tag, step in RECEIVED[Phase.SKIPPING].items() if step.verdict is Verdict.ACCEPT
    }
    assert accepted == {"S", "X"}


def test_every_phase_can_be_left():
    for phase in set(Phase) - {Phase.CLOSED, Phase.READY, Phase.STARTUP}:
        received = {step.phase for step in RECEIVED[phase].values()}
        sent = {table[phase] for table in SENT.values() if phase in table}
        assert (received | sent) - {phase}
