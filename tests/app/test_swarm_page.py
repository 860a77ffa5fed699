"""The picture of the swarm: who serves what, what is missing, what leaves; and the same as a table."""

from __future__ import annotations

import copy
import json

import pytest
import trees
from fakes import FakeLink, settle, spin
from page_window import PageWindow
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from meadow.node.state import State, SwarmModel, SwarmServer, frozen
from meadow.node.state import Swarm as SwarmState
from meadow.node.state_json import to_json
from meadow.node.state_words import SwarmStatus
from meadow_app.swarm import picture
from meadow_app.swarm.swarm import Swarm


def looked_at(tree: dict) -> tuple[FakeLink, Swarm]:
    link = FakeLink(tree)
    swarm = Swarm(link)
    swarm.watch(True)
    return link, swarm


def test_rows_are_a_staircase_and_mine_is_marked() -> None:
    rows = picture.server_rows(trees.large_model())
    assert len(rows) == 14
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)
    mine = [row for row in rows if row["mine"]]
    assert len(mine) == 1 and mine[0]["spoken"] == "Mossy Alder, this computer · blocks 25–36 · 66.5 tok/s"
    assert mine[0]["light"] == 1.0  # the fastest
    slowest = min(rows, key=lambda row: row["light"])
    assert slowest["speed"] == "8 tok/s" and slowest["light"] > picture.DARKEST


def test_gaps_are_said_and_counted_in_every_picture() -> None:
    model = trees.gappy_model()
    assert picture.summary(model) == "blocks 13–18, 31–36 are missing, so nobody can chat with it now · 2 servers"
    covered = picture.coverage(model)
    assert [block for block, value in enumerate(covered) if value == 0] == [*range(12, 18), *range(30, 36)]
    small = picture.strip(model, 12)
    assert len(small) == 12 and small[4] == small[5] == 0 and small[0] > 0
    assert picture.summary(trees.large_model()) == "healthy · 14 servers"


def test_a_server_that_leaves_covers_nothing_but_is_still_seen() -> None:
    rows = picture.server_rows(trees.gappy_model())
    leaving = [row for row in rows if not row["online"]]
    assert [row["note"] for row in leaving] == ["finishing"]


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 36, 80, 128, 129, 1000])
def test_any_number_of_blocks_has_a_few_ticks(blocks: int) -> None:
    servers = [trees.server(0, 0, max(1, blocks // 2), 1.0)]
    _, swarm = looked_at(trees.base(swarm=trees.swarm(trees.model("a/b", blocks, servers))))
    ticks = swarm.ticks
    assert len(ticks) <= 16 and all(0 <= tick < max(1, blocks) for tick in ticks)
    assert swarm.coverage.count == blocks


def test_records_that_lie_do_not_break_the_picture() -> None:
    servers = [
        trees.server(0, -5, 10**9, float("1e308")),
        trees.server(1, 7, 3, -4.0),
        trees.server(3, 0, 8, 10**400),
        {**trees.server(2, 0, 4, 1.0), "throughput": "fast"},
    ]
    model = {**trees.large_model(), "servers": {str(at): one for at, one in enumerate(servers)}, "num_blocks": 10**9}
    rows = picture.server_rows(model)
    assert all(0 <= row["start"] <= row["end"] <= picture.MOST_BLOCKS for row in rows)
    assert len(picture.coverage({**model, "num_blocks": 10**9})) == picture.MOST_BLOCKS
    assert picture.gap_rows({**model, "missing": [[5, 2], [1], "x", [3, 10**12]]})[0]["end"] == picture.MOST_BLOCKS


def test_servers_come_and_go_one_by_one() -> None:
    link, swarm = looked_at(trees.base())
    tester = QAbstractItemModelTester(swarm.servers)
    assert tester
    gone, came = QSignalSpy(swarm.servers.rowsRemoved), QSignalSpy(swarm.servers.rowsInserted)
    tree = trees.base()
    servers = tree["swarm"]["models"]["a1" * 32]["servers"]
    lost = next(iter(servers))
    del servers[lost]
    link.tell(tree)
    assert (gone.count(), came.count(), swarm.servers.count) == (1, 0, 13)
    assert swarm.servers.find(lost) == -1
    tree = copy.deepcopy(tree)
    tree["swarm"]["models"]["a1" * 32]["servers"]["new"] = trees.server(99, 70, 80, 5.0)
    link.tell(tree)
    assert (gone.count(), came.count(), swarm.servers.count) == (1, 1, 14)


def test_the_servers_of_another_model_do_not_leave_one_by_one() -> None:
    _, swarm = looked_at(trees.base())
    tester = QAbstractItemModelTester(swarm.servers)
    assert tester
    gone, anew = QSignalSpy(swarm.servers.rowsRemoved), QSignalSpy(swarm.servers.modelReset)
    swarm.choose("b2" * 32)
    assert (gone.count(), anew.count()) == (0, 1)
    assert [row["key"] for row in swarm.servers.rows] == [row["key"] for row in picture.server_rows(swarm._model)]


def test_the_model_that_is_looked_at_stays_when_others_come() -> None:
    link, swarm = looked_at(trees.base())
    swarm.choose("b2" * 32)
    assert swarm.name == "Qwen/Qwen3-8B" and not swarm.healthy
    link.tell(trees.base(swarm=trees.swarm(trees.widest_model(8), trees.gappy_model(), trees.large_model())))
    assert swarm.name == "Qwen/Qwen3-8B"
    link.tell(trees.base(swarm=trees.swarm(trees.small_model())))
    assert swarm.name == "meadow-demo"
    link.tell(trees.base(swarm=trees.swarm()))
    assert (swarm.name, swarm.servers.count, swarm.coverage.count) == ("", 0, 0)


def test_nothing_is_drawn_while_nobody_looks() -> None:
    link = FakeLink(trees.base())
    swarm = Swarm(link)
    assert swarm.models.count == swarm.servers.count == 0
    swarm.watch(True)
    assert (swarm.models.count, swarm.servers.count) == (3, 14)


@pytest.mark.parametrize("status", ["off", "joining", "rejoining", "alone"])
def test_a_swarm_that_is_not_joined_says_so_and_what_to_do(status: str) -> None:
    _, swarm = looked_at(trees.base(swarm=trees.swarm(status=status, message="The peer\u202e did not\nanswer.")))
    assert swarm.word and swarm.advice and swarm.message == "The peer did not answer."
    words = {
        Swarm(FakeLink(trees.base(swarm=trees.swarm(status=one)))).word
        for one in ("off", "joining", "joined", "rejoining", "alone")
    }
    assert len(words) == 5


def test_the_tree_of_a_real_node_is_understood() -> None:
    """Through the node's own code from records to JSON."""
    servers = {
        f"{peer}/1": SwarmServer(peer, "1", start, end, name="Quiet Fern", throughput=rate, mine=peer == "me")
        for peer, start, end, rate in (("me", 0, 4, 10.0), ("you", 6, 8, float("nan")))
    }
    model = SwarmModel("f" * 64, "small", 8, missing=((4, 6),), num_servers=2, servers=frozen(servers))
    state = State(swarm=SwarmState(status=SwarmStatus.JOINED, models=frozen({model.fingerprint: model})))
    _, swarm = looked_at(to_json(state))
    assert swarm.summary == "blocks 5–6 are missing, so nobody can chat with it now · 2 servers"
    assert [(row["mine"], row["blocks"], row["speed"]) for row in swarm.servers.rows] == [
        (True, "1–4", "10 tok/s"),
        (False, "7–8", ""),
    ]


def test_the_page_shows_picture_and_table_and_addresses() -> None:
    link = FakeLink(trees.base())
    window = PageWindow(link, "swarm/SwarmPage.qml", width=1000, height=900)
    spin(lambda: window.shows("● You"))
    assert window.shows("healthy · 14 servers") and window.shows("14 other peers are known.")
    # Each server is an item with all that there is to know as its name, for those who hear the picture.
    spoken = [text for text in window.texts() if text.startswith("Quiet Birch")]
    assert "Quiet Birch · blocks 1–24 · 61 tok/s" in spoken
    window.app.swarm.choose("b2" * 32)
    spin(lambda: window.shows("blocks 13–18, 31–36 are missing"))
    window.click("As a table")
    spin(lambda: "1–12" in window.texts())
    window.click("Addresses for others")
    spin(lambda: window.shows("Whoever wants to join this swarm"))
    window.click("Copy")
    assert QGuiApplication.clipboard().text().startswith("/ip4/192.0.2.7/")
    assert window.app.notes == ["The address is in the clipboard."]
    assert window.warnings == []
    window.close()


def test_the_keyboard_walks_over_the_servers() -> None:
    window = PageWindow(FakeLink(trees.base(swarm=trees.swarm(trees.large_model()))), "swarm/SwarmPage.qml")
    spin(lambda: window.shows("● You"))
    lists = [item for item in window.items() if item.property("currentIndex") == 0 and item.property("count") == 14]
    lists[0].forceActiveFocus()
    for _ in range(3):
        window.key(Qt.Key.Key_Down)
    assert lists[0].property("currentIndex") == 3
    window.key(Qt.Key.Key_End)
    assert lists[0].property("currentIndex") == 13
    window.close()


def test_the_largest_swarm_that_a_tree_can_hold_makes_few_items() -> None:
    """256 servers of 128 blocks: what is not in sight is not there."""
    tree = trees.base(swarm=trees.swarm(trees.widest_model()))
    assert len(json.dumps(tree)) > 40_000
    window = PageWindow(FakeLink(tree), "swarm/SwarmPage.qml")
    spin(lambda: window.shows("healthy · 256 servers"))
    settle()
    assert window.app.swarm.servers.count == 256
    assert len(window.items()) < 1500
    assert window.warnings == []
    window.close()


def test_an_empty_swarm_invites_to_share() -> None:
    window = PageWindow(FakeLink(trees.base(swarm=trees.swarm())), "swarm/SwarmPage.qml")
    window.click("Share this computer")
    assert window.app.pages == ["share"]
    window.close()


def test_two_models_of_one_name_are_told_apart_by_their_fingerprints() -> None:
    one = trees.model("a/toy", 4, [trees.server(0, 0, 4, 5.0)], fingerprint="aaa111" + "0" * 58)
    two = trees.model("a/toy", 8, [trees.server(1, 0, 8, 5.0)], fingerprint="bbb222" + "0" * 58)
    _, swarm = looked_at(trees.base(swarm=trees.swarm(one, two, trees.gappy_model())))
    assert {row["name"] for row in swarm.models.rows} == {"a/toy · aaa111", "a/toy · bbb222", "Qwen/Qwen3-8B"}
    swarm.choose(two["fingerprint"])
    assert swarm.name == "a/toy · bbb222"


def test_alone_is_no_alarm_and_needs_no_terminal() -> None:
    said = "No other peer is known. Name one with `meadow settings initial_peers ADDRESS`."
    alone = {**trees.swarm(status="alone", message=said), "first": True}
    _, swarm = looked_at(trees.base(swarm=alone))
    assert swarm.shape == "ring" and swarm.message == "" and "`" not in swarm.advice
    assert "swarm of its own" in swarm.advice and "settings" in swarm.advice
