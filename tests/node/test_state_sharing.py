"""The decision behind the one state and the one reason that are shown about sharing."""

from __future__ import annotations

from typing import Any

import pytest

from meadow.node.sharing import STATE_OF, ShareReason, ShareState, Wanted, decide, short_model
from meadow.node.sharing import Hosted as H
from meadow.node.state_words import MoveReason

DECISIONS: list[tuple[tuple[Any, ...], str]] = [
    ((Wanted.OFF, False, None, True, []), "never_turned_on"),
    ((Wanted.OFF, True, None, True, []), "turned_off"),
    ((Wanted.OFF, True, None, True, [H("online")]), "finishing"),
    ((Wanted.OFF, True, None, True, [H("failed")]), "turned_off"),
    ((Wanted.ON, True, None, False, []), "looking_for_swarm"),
    ((Wanted.ON, True, None, True, []), "opening"),
    ((Wanted.ON, True, None, False, [H("starting", "loading")]), "loading"),
    ((Wanted.ON, True, None, False, [H("online")]), "looking_for_swarm"),
    ((Wanted.ON, True, None, True, [H("rejoining")]), "looking_for_swarm"),
    ((Wanted.ON, True, None, True, [H("online")]), "serving"),
    ((Wanted.ON, True, None, True, [H("starting", "joining"), H("online")]), "serving"),
    ((Wanted.ON, True, None, True, [H("draining"), H("online")]), "serving"),
    ((Wanted.ON, True, None, True, [H("draining")]), "finishing"),
    ((Wanted.ON, True, None, True, [H("restarting")]), "server_restarting"),
    ((Wanted.ON, True, None, True, [H("restarting"), H("failed")]), "server_restarting"),
    ((Wanted.ON, True, None, True, [H("failed")]), "server_failed"),
    ((Wanted.ON, True, None, True, [H("starting", "measuring"), H("failed")]), "measuring"),
    ((Wanted.ON, True, ShareReason.TOO_HOT, True, []), "too_hot"),
    ((Wanted.ON, True, ShareReason.TOO_HOT, True, [H("draining")]), "finishing"),
    ((Wanted.PAUSED, True, None, True, []), "paused"),
    ((Wanted.PAUSED, True, ShareReason.TOO_HOT, True, []), "paused"),
    ((Wanted.PAUSED, True, None, True, [H("restarting")]), "paused"),
    ((Wanted.FINISHING, True, None, True, [H("online")]), "finishing"),
    ((Wanted.FINISHING, True, None, True, []), "turned_off"),
]


@pytest.mark.parametrize(("facts", "reason"), DECISIONS)
def test_what_is_shown_about_sharing(facts: Any, reason: str) -> None:
    verdict = decide(*facts)
    assert verdict.reason == reason
    assert verdict.text.endswith(".") and verdict.state is STATE_OF[verdict.reason]


MOVE = (4, 6, MoveReason.FEWEST)


def test_a_move_is_said_before_and_while_it_drains_and_not_when_the_person_ends_it() -> None:
    online, draining = H("online", model="m", end=2), H("draining", sessions=2)
    serving = decide(Wanted.ON, True, None, True, [online], moving=MOVE)
    assert serving.reason is ShareReason.SERVING
    assert serving.text == "Sharing blocks 0:2 of m, 0 sessions now. Moving to blocks 4:6, which fewer servers hold."
    verdict = decide(Wanted.ON, True, None, True, [draining], moving=MOVE)
    assert (verdict.state, verdict.reason, verdict.sessions) == (ShareState.DRAINING, ShareReason.MOVING, 2)
    assert verdict.text == "Moving to blocks 4:6, which fewer servers hold (2 sessions still open here)."
    assert decide(Wanted.FINISHING, True, None, True, [draining], moving=MOVE).reason is ShareReason.FINISHING
    assert decide(Wanted.ON, True, None, True, [H("starting", "loading")], moving=MOVE).reason is ShareReason.LOADING


def test_every_reason_belongs_to_a_state_and_every_state_has_one() -> None:
    assert set(STATE_OF) == set(ShareReason)
    assert set(STATE_OF.values()) == set(ShareState)


@pytest.mark.parametrize(
    ("model", "short"),
    [
        ("org/name", "org/name"),
        ("/home/someone/models/mine/", "mine"),
        ("./mine", "mine"),
        (r"C:\models\mine", "mine"),
        ("", ""),
    ],
)
def test_folders_are_called_by_their_last_part(model: str, short: str) -> None:
    assert short_model(model) == short
