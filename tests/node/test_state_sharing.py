"""The decision behind the one state and the one reason that are shown about sharing."""

from __future__ import annotations

from typing import Any

import pytest

from meadow.node.sharing import STATE_OF, ShareReason, ShareState, Wanted, decide, short_model
from meadow.node.sharing import Hosted as H

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
