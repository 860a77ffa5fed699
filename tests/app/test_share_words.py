"""The window and the node say the same about sharing: over every state and reason, and every way to it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import trees
from PySide6.QtCore import QLocale

from meadow.node import events as e
from meadow.node.apply import apply
from meadow.node.sharing import STATE_OF, Hosted, Preparing, ShareReason, ShareState, Wanted, decide, short_model
from meadow.node.state import State
from meadow.node.state_json import to_json
from meadow.node.state_words import MoveReason, Phase, SwarmStatus
from meadow_app import figures
from meadow_app.language import Language
from meadow_app.resources import resource_root
from meadow_app.share import words
from meadow_app.share.words import SHAPES, sentence, state_of, word

STATUSES = ("starting", "online", "rejoining", "draining", "restarting", "failed")
PHASES = (None, "opening", "downloading", "loading", "measuring", "joining")


PREPARING = [
    Preparing(phase, done, total, rate, left)
    for phase in ("downloading", "installing", "checking")
    for done, total in ((0, 0), (812_000_000, 2_900_400_000))
    for rate in (0.0, 999.0, 12_340.0, 12_500_000.0)
    for left in (None, 0.0, 8.6, 89.0, 91.0, 7_321.0)
]


def as_tree(server: Hosted, number: int) -> dict:
    """As the state tree has a server: what is absent is absent."""
    fields = {name: getattr(server, name) for name in Hosted.__slots__}
    return {"server_id": str(number), **{name: value for name, value in fields.items() if value is not None}}


def for_people(text: str) -> str:
    """The node's sentence with its blocks as the window writes them: START:END counts from zero, people from one."""

    def counted(match: re.Match[str]) -> str:
        start, end = int(match[1]), match[2]
        if not end:
            return f"blocks from {start + 1} on"
        return f"block {end}" if int(end) - start == 1 else f"blocks {start + 1}–{end}"

    return re.sub(r"blocks (\d+):(\d*)", counted, text)


def situations() -> list[tuple]:
    """What `decide` can be asked, with up to two servers."""
    models = ("org/small", "/data/models/my-model", "")
    single = [
        [Hosted(status, phase, model, 4, 8, step, 12, sessions)]
        for status, phase, model, step, sessions in itertools.product(STATUSES, PHASES, models, (0, 3), (0, 1, 2))
    ]
    double = [
        [Hosted(first, "loading", "a/b", 0, 4, 1, 4, 1), Hosted(second, None, "a/b", 4, None, sessions=1)]
        for first, second in itertools.product(STATUSES, STATUSES)
    ]
    holds = [None, *(reason for reason, state in STATE_OF.items() if state is ShareState.WAITING)]
    return [
        (wanted, was_on, held, joined, servers)
        for servers in [[], *single, *double]
        for wanted, was_on, held, joined in itertools.product(Wanted, (False, True), holds[:3], (False, True))
    ] + [(Wanted.ON, True, held, True, []) for held in holds]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """The node writes numbers as English does."""
    before = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    yield
    QLocale.setDefault(before)


def test_every_state_and_reason_reads_as_the_node_says_it() -> None:
    reached = set()
    for wanted, was_on, held, joined, servers in situations():
        today = sum(server.step for server in servers) * 12_345
        servers = [replace(server, model=short_model(server.model)) for server in servers]
        verdict = decide(wanted, was_on, held, joined, servers, tokens_today=today)
        share = {"state": verdict.state, "reason": verdict.reason, "text": "wrong", "sessions": verdict.sessions}
        share["tokens_today"] = today
        said = sentence(share, [as_tree(server, at) for at, server in enumerate(servers)])
        assert said == for_people(verdict.text), (wanted, was_on, held, joined, servers)
        reached.add(verdict.reason)
    for preparing in PREPARING:
        verdict = decide(Wanted.ON, True, None, True, [], preparing=preparing)
        progress = {name: getattr(preparing, name) for name in ("done", "total", "rate", "seconds_left")}
        runtime = {"phase": preparing.phase, "progress": {k: v for k, v in progress.items() if v is not None}}
        said = sentence({"state": verdict.state, "reason": verdict.reason, "gpu_runtime": runtime}, [])
        assert said == verdict.text and said.startswith("Starting: GPU runtime")
        reached.add(verdict.reason)
    for why, status, sessions in itertools.product(MoveReason, ("online", "draining"), (0, 1, 2)):
        servers = [Hosted(status, None, "small", 0, 4, sessions=sessions)]
        verdict = decide(Wanted.ON, True, None, True, servers, moving=(4, 12, why))
        share = {"reason": verdict.reason, "sessions": verdict.sessions}
        share["moving"] = {"start": 4, "end": 12, "why": str(why)}
        said = sentence(share, [as_tree(server, at) for at, server in enumerate(servers)])
        assert said == for_people(verdict.text) and "Moving to blocks 5–12, w" in said
        reached.add(verdict.reason)
    assert reached == set(ShareReason)


def test_each_state_has_a_word_and_a_shape_of_its_own() -> None:
    assert set(SHAPES) == {str(state) for state in ShareState}
    assert len(set(SHAPES.values())) == len({word(state) for state in SHAPES}) == len(SHAPES)


def test_the_whole_tree_of_a_node_that_begins_to_share() -> None:
    """Through the node's own events and its own JSON."""
    state, seen = State(), set()
    for event in (
        e.ShareOn("/somewhere/else/small"),
        e.SwarmChanged(SwarmStatus.JOINED, peer_id="12D3KooWMe", addresses=()),
        e.ServerAdded("00000001", "/somewhere/else/small", 0, None, "cpu"),
        e.ServerStarting("00000001", Phase.LOADING, 3, 12),
        e.ServerOnline("00000001", "/somewhere/else/small", 0, 12, 12),
        e.ServerSessions("00000001", 1),
        e.ServerDraining("00000001", 0.0),
        e.ServerRestarting("00000001", "server_died", "It was killed.", 1.0, 0.0),
        e.ServerFailed("00000001", "memory", "There is no room.", 0.0),
        e.ShareOff(),
    ):
        state = apply(state, event)
        tree = to_json(state)
        share, servers = tree["share"], tree.get("servers", {}).values()
        assert sentence(share, servers) == for_people(share["text"]), event
        seen.add(share["reason"])
    assert len(seen) >= 7, seen


def test_servers_of_the_demo_are_no_sharing() -> None:
    share = {"state": "sharing", "reason": "serving", "sessions": 1}
    demo = trees.hosted("online", demo=True, model="meadow-demo")
    assert "demo" not in sentence(share, [demo, trees.hosted("online")])


def test_a_reason_of_a_newer_node_is_said_in_its_words() -> None:
    share = {"state": "waiting", "reason": "moon_is_full", "text": "Waiting: the moon\u202e is full.\nReally."}
    assert sentence(share, []) == "Waiting: the moon is full. Really."
    assert state_of({"state": "dancing"}) == "off"


@pytest.mark.parametrize("name", ["\u202eevil/model", "a/b\ninjected: Sharing is off.", "x" * 5000])
def test_names_of_strangers_stay_on_one_line_and_short(name: str) -> None:
    share = {"state": "sharing", "reason": "serving", "sessions": 0}
    said = sentence(share, [trees.hosted("online", model=name)])
    assert "\n" not in said and "\u202e" not in said and len(said) < 400


def test_plurals() -> None:
    assert [words.count_sessions(number) for number in (0, 1, 2)] == ["0 sessions", "1 session", "2 sessions"]
    assert [words.count_tokens(number) for number in (0, 1, 41_208)] == ["0 tokens", "1 token", "41,208 tokens"]


def test_the_node_has_no_reason_that_the_window_does_not_know() -> None:
    said = {reason: sentence({"reason": str(reason), "text": ""}, []) for reason in ShareReason}
    assert all(said.values()), said


@pytest.mark.parametrize(
    ("start", "end", "total", "said"),
    [
        (0, 6, 12, "blocks 1–6 of 12"),
        (3, 4, 12, "block 4 of 12"),
        (3, 4, None, "block 4"),
        (1000, 2000, None, "blocks 1,001–2,000"),
        (5, 5, None, "block 6"),
    ],
)
def test_blocks_as_people_count_them(start: int, end: int, total: int | None, said: str) -> None:
    assert figures.blocks(start, end, total) == said


@pytest.mark.parametrize("language", ["en", "de"])
def test_below_its_word_a_state_is_not_said_twice(qt: object, language: str) -> None:
    speech = Language(resource_root() / "translations")
    speech.use(language)
    try:
        for reason, state in STATE_OF.items():
            if state not in (ShareState.STARTING, ShareState.WAITING, ShareState.DRAINING):
                continue
            share = {"state": str(state), "reason": str(reason), "text": ""}
            whole, brief = sentence(share, []), words.reason(share, [])
            assert ": " not in brief and whole.endswith(brief[1:]) and not brief[0].islower(), (whole, brief)
            assert not brief.startswith(word(str(state))), (whole, brief)
    finally:
        speech.use("en")
    assert words.reason({"state": "starting", "reason": "opening"}, []) == "Opening the model."
