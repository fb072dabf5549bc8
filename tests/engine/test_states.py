"""The table of states: complete, closed under every step, and nothing else moves a stream."""

from __future__ import annotations

import itertools

import pytest

from qtsecure.engine.states import TRANSITIONS, StreamState, Trigger, next_state

S, T = StreamState, Trigger
EVERYTHING = list(itertools.product(StreamState, Trigger))


@pytest.mark.parametrize(("state", "trigger"), EVERYTHING, ids=lambda value: value.value)
def test_every_combination_is_decided(state: StreamState, trigger: Trigger) -> None:
    """Either there is a next state or the step is refused with both names."""
    if (state, trigger) in TRANSITIONS:
        assert next_state(state, trigger) is TRANSITIONS[state, trigger]
    else:
        with pytest.raises(ValueError, match=f"is {state.value} cannot take the step '{trigger.value}'"):
            next_state(state, trigger)


def test_the_allowed_steps() -> None:
    """The whole table a second time, apart from failing, which is possible everywhere."""
    steps = {pair: state for pair, state in TRANSITIONS.items() if pair[1] is not T.FAIL}
    assert steps == {
        (S.NEW, T.START): S.HANDSHAKING,
        (S.NEW, T.LOCAL_CLOSE): S.CLOSED,
        (S.HANDSHAKING, T.QUESTION): S.DECIDING,
        (S.HANDSHAKING, T.CHOOSE): S.CHOOSING,
        (S.CHOOSING, T.CHOSEN): S.HANDSHAKING,
        (S.CHOOSING, T.LOCAL_CLOSE): S.CLOSED,
        (S.HANDSHAKING, T.COMPLETE): S.ESTABLISHED,
        (S.HANDSHAKING, T.LOCAL_CLOSE): S.CLOSED,
        (S.DECIDING, T.ACCEPT): S.HANDSHAKING,
        (S.DECIDING, T.LOCAL_CLOSE): S.CLOSED,
        (S.ESTABLISHED, T.PEER_CLOSE): S.PEER_CLOSED,
        (S.ESTABLISHED, T.LOCAL_CLOSE): S.LOCAL_CLOSED,
        (S.PEER_CLOSED, T.LOCAL_CLOSE): S.CLOSED,
        (S.LOCAL_CLOSED, T.PEER_CLOSE): S.CLOSED,
        (S.LOCAL_CLOSED, T.LOCAL_CLOSE): S.LOCAL_CLOSED,
        (S.CLOSED, T.LOCAL_CLOSE): S.CLOSED,
    }
    assert {state: next_state(state, T.FAIL) for state in S} == dict.fromkeys(S, S.FAILED)


def reachable(start: StreamState) -> set[StreamState]:
    """Every state that steps can lead to from here, without counting the start."""
    found: set[StreamState] = set()
    todo = [start]
    while todo:
        state = todo.pop()
        for (before, _), after in TRANSITIONS.items():
            if before is state and after not in found:
                found.add(after)
                todo.append(after)
    return found


def test_every_state_can_be_reached_and_left_for_an_end() -> None:
    """No state is dead wood and none is a trap."""
    assert reachable(S.NEW) == set(S) - {S.NEW}
    for state in S:
        assert S.FAILED in reachable(state)


def test_ends_are_final() -> None:
    """What is over never becomes writable again."""
    for end in (S.FAILED, S.CLOSED):
        assert reachable(end) <= {S.FAILED, S.CLOSED}
    assert S.ESTABLISHED not in reachable(S.PEER_CLOSED) | reachable(S.LOCAL_CLOSED)


def test_only_a_handshake_leads_to_a_connection() -> None:
    """A pending decision in particular does not."""
    into = {before for (before, _), after in TRANSITIONS.items() if after is S.ESTABLISHED}
    assert into == {S.HANDSHAKING}
