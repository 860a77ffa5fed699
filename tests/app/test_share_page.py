"""Sharing as the window shows and commands it: three verbs, one state, the plan before, what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import trees
from fakes import FakeLink, settle, spin
from page_window import PageWindow
from PySide6.QtCore import QLocale
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from meadow_app.link.call import Failure
from meadow_app.share import contributions, plan
from meadow_app.share.share import MORNING, Share, seconds_until_tomorrow


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    yield
    QLocale.setDefault(before)


def node(tree: dict, **prepared: object) -> FakeLink:
    """A node with this tree that answers what the page asks."""
    link = FakeLink(tree)
    link.api.on("GET", "/api/settings", trees.SETTINGS)
    link.api.on("GET", "/api/settings/registry", [])
    link.api.on("GET", "/api/share/plan", prepared.get("plan", trees.PLAN))
    link.api.on("GET", "/api/contributions", trees.contributions())
    link.api.on("GET", "/api/models", trees.MODELS)
    link.api.on("GET", "/api/models/info", trees.INFO)
    link.api.on("GET", "/api/hub-token", {"set": False})
    for path in ("share", "pause", "resume", "finish"):
        link.api.on("POST", f"/api/{path}", {"accepted": True})
    link.api.on("PATCH", "/api/settings", lambda request: {"values": {**trees.SETTINGS["values"], **request.body}})
    return link


def shared(tree: dict) -> tuple[FakeLink, Share]:
    link = node(tree)
    share = Share(link)
    settle()
    return link, share


# The plan: numbers that nobody knows are left out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "Your RTX 4070 (9.8 GB free) would host 12 of 80 blocks of Qwen/Qwen3-72B-Instruct and lift the swarm from "
            "6 to 7.5 tok/s.",
        ),
        (
            {"swarm_before": None},
            "Your RTX 4070 (9.8 GB free) would host 12 of 80 blocks of Qwen/Qwen3-72B-Instruct; the swarm would then "
            "reach 7.5 tok/s.",
        ),
        ({"swarm_after": None}, "Your RTX 4070 (9.8 GB free) would host 12 of 80 blocks of Qwen/Qwen3-72B-Instruct."),
        (
            {"swarm_after": None, "memory_free": None},
            "Your RTX 4070 would host 12 of 80 blocks of Qwen/Qwen3-72B-Instruct.",
        ),
        (
            {"swarm_after": None, "device_name": None, "model": "/data/my-model"},
            "This computer would host 12 of 80 blocks of my-model.",
        ),
    ],
)
def test_the_plan_says_what_is_known_and_no_more(changes: dict, said: str) -> None:
    known = {name: value for name, value in {**trees.PLAN, **changes}.items() if value is not None}
    assert plan.sentence(known) == said


def test_what_the_plan_costs() -> None:
    assert plan.costs(trees.PLAN) == "It would download 14.8 GB first and use 9.1 GB of memory."
    there = {**trees.PLAN, "download_bytes": 0}
    assert plan.costs(there) == "It would use 9.1 GB of memory; nothing has to be downloaded."
    assert plan.costs({"download_bytes": 5_000_000}) == "It would download 5.0 MB first."
    assert plan.costs({}) == ""


def test_only_the_last_question_for_a_plan_counts() -> None:
    link = FakeLink(trees.base())
    asked = plan.Plan(link)
    asked.look("one/model")
    first = link.api.last
    asked.look("other/model")
    second = link.api.last
    assert first.cancelled
    first.answer({**trees.PLAN, "model": "one/model"})
    second.answer({**trees.PLAN, "model": "other/model"})
    assert (asked.model, asked.busy) == ("other/model", False)


def test_a_refused_plan_is_a_sentence_and_no_numbers() -> None:
    link = FakeLink(trees.base())
    asked = plan.Plan(link)
    asked.look("")
    link.api.last.answer(Failure("nothing_fits", "The GPU has no room for a block.", 409))
    assert (asked.text, asked.costs, asked.known) == ("The GPU has no room for a block.", "", False)


def test_a_plan_that_was_refused_too_early_is_asked_for_again_when_the_swarm_is_known() -> None:
    link = node(trees.base(swarm=trees.swarm(status="joining")), plan=Failure("node_starting", "Still joining.", 503))
    share = Share(link)
    share.watch(True)
    spin(lambda: share.plan.text == "Still joining.")
    link.api.on("GET", "/api/share/plan", trees.PLAN)
    link.tell(trees.base())
    spin(lambda: share.plan.known)


# The verbs


def test_sharing_without_a_model_asks_for_one_and_takes_the_one_that_was_proposed() -> None:
    link, share = shared(trees.base())
    wanted = QSignalSpy(share.modelWanted)
    share.turn(True)
    assert wanted.count() == 1 and not link.api.asked("POST", "/api/share")
    share.watch(True)
    spin(lambda: share.model == trees.MODEL)
    share.turn(True)
    assert link.api.asked("POST", "/api/share")[-1].body == {"model": trees.MODEL}


def test_the_switch_stays_where_it_was_put_until_the_tree_answers() -> None:
    link, share = shared(trees.base())
    share.choose("a/b")
    spin(lambda: share.model == "a/b")
    share.turn(True)
    assert share.on and share.state == "off"
    link.tell(trees.starting("opening"))
    assert share.on and share.state == "starting"
    link.api.on("POST", "/api/share", Failure("memory", "No room.", 503))
    link.tell(trees.base())
    share.turn(True)
    spin(lambda: link.troubles)
    assert link.troubles == ["No room."] and not share.on


def test_off_finishes_what_runs_but_gives_up_what_only_starts() -> None:
    link, share = shared(trees.sharing())
    share.turn(False)
    link.tell(trees.starting("loading"))
    share.turn(False)
    assert [request.body for request in link.api.asked("POST", "/api/finish")] == [{}, {"seconds": 0}]


def test_the_three_pauses_and_the_end_of_one() -> None:
    link, share = shared(trees.sharing())
    share.pauseHour()
    share.pauseUntilTomorrow()
    share.pause()
    hour, tomorrow, forever = (request.body for request in link.api.asked("POST", "/api/pause"))
    assert hour == {"seconds": 3600} and forever == {}
    assert 0 < tomorrow["seconds"] < 33 * 3600
    link.tell(trees.waiting("paused", "Paused by you.", until=4_000_000_000.0))
    assert share.paused and share.until.startswith("Until ") and not share.canPause
    share.turn(True)
    assert link.api.last.path == "/api/resume"


def test_tomorrow_is_eight_in_the_morning() -> None:
    now = datetime(2030, 1, 31, 23, 30).astimezone()
    then = now + timedelta(seconds=seconds_until_tomorrow(now))
    assert (then.day, then.month, then.hour, then.minute) == (1, 2, MORNING, 0)


@pytest.mark.parametrize("phase", ["opening", "downloading", "loading", "measuring", "joining"])
def test_progress_says_what_is_known(phase: str) -> None:
    _, share = shared(trees.starting(phase))
    text, fraction = share.progressText, share.fraction
    if phase == "downloading":
        assert text == "3.1 GB of 14.8 GB · 42.5 MB/s · 5 min left" and 0.2 < fraction < 0.22
    elif phase == "loading":
        assert text == "Block 7 of 12" and 0.58 < fraction < 0.59
    else:
        assert text == "" and fraction < 0


def test_without_the_node_nothing_can_be_pressed() -> None:
    link, share = shared(trees.sharing())
    link.become("lost", "The node ended.")
    assert not share.available and not share.canPause and not share.canFinish


# Rows


def test_rows_tell_views_exactly_what_changed() -> None:
    _, share = shared(trees.sharing())
    testers = [QAbstractItemModelTester(model) for model in (share.servers, share.users, share.tiles)]
    assert testers and share.users.count == 2
    link = share._link
    removed = QSignalSpy(share.users.rowsRemoved)
    tree = trees.sharing()
    tree["sessions"].popitem()
    link.tell(tree)
    assert share.users.count == 1 and removed.count() == 1
    assert "blocks 25–36 of 80" in share.servers.at(0)["blocks"] and "66.5 tok/s" in share.servers.at(0)["detail"]


def test_tiles_show_only_what_is_known() -> None:
    _, share = shared(trees.sharing())
    values = {row["label"]: row["value"] for row in share.tiles.rows}
    assert values == {
        "tokens today": "41,208",
        "sessions now": "3",
        "through its blocks": "66.5 tok/s",
        "GPU temperature": "61 °C",
        "GPU memory free": "9.8 GB of 12.0 GB",
    }
    _, bare = shared(trees.base(machine={}))
    assert [row["label"] for row in bare.tiles.rows] == []


def test_the_plot_says_the_same_in_words_and_bars() -> None:
    rows = contributions.bars([[3600 * hour, tokens] for hour, tokens in enumerate((0, 50, 1200, 50))], "hours")
    assert [row["height01"] for row in rows] == [0, 50 / 1200, 1, 50 / 1200]
    assert contributions.in_words(rows, "hours").startswith("1,300 tokens in the last 24 hours, most of them from ")
    assert contributions.in_words(rows, "hours").endswith(": 1,200.")
    assert "Nothing" in contributions.in_words([], "days")
    assert contributions.bars([["x", 1], [1], None, [1, float("nan")]], "days") == []


# What ended with Meadow, new limits, and doing without the GPU


def test_what_was_shared_when_meadow_ended_can_be_shared_again_or_put_away() -> None:
    off = trees.share("off", "turned_off", "Sharing is off.", interrupted="owner/large")
    link, share = shared(trees.base(share=off))
    assert share.interrupted.startswith("You were sharing owner/large when Meadow ended.")
    share.forgetInterrupted()
    assert link.api.asked("DELETE", "/api/interrupted")
    share.shareAgain()
    assert [one.body for one in link.api.asked("POST", "/api/share")] == [{"model": "owner/large"}]
    link.tell(trees.starting("opening"))
    assert share.interrupted == ""
    share.shareAgain()
    assert len(link.api.asked("POST", "/api/share")) == 1, "there is nothing to go on with"


def test_page_and_card_offer_to_share_again() -> None:
    off = trees.share("off", "turned_off", "Sharing is off.", interrupted="owner/large")
    for file, size in (("share/SharePage.qml", {"width": 700}), ("share/ShareCard.qml", {"card": 240, "width": 280})):
        window = PageWindow(node(trees.base(share=off)), file, **size)
        assert window.shows("You were sharing owner/large when Meadow ended")
        window.click("Share again")
        assert window.app.link.api.asked("POST", "/api/share")[-1].body == {"model": "owner/large"}
        assert window.warnings == []
        window.close()


def test_limits_are_applied_while_sharing_and_only_then() -> None:
    link, share = shared(trees.base())
    assert not share.canApply
    link.tell(trees.sharing())
    assert share.canApply
    share.applyNow()
    assert [one.body for one in link.api.asked("POST", "/api/share/anew")] == [{}]


@pytest.mark.parametrize("failed", [False, True])
def test_the_processor_instead_of_the_gpu_runtime(failed: bool) -> None:
    if failed:
        problem = trees.problem("gpu_runtime_disk", "There is no room.", "Make room.", "free_disk")
        off = trees.share("off", "turned_off", "Sharing is off.", model="owner/large")
        link, share = shared(trees.base(share=off, problems={"share": problem}))
        assert share.problems.rows.at(0)["other"] == "Use the processor instead"
        assert not share.canUseProcessor
        share.problems.actOtherwise("share")
    else:
        runtime = {"phase": "downloading", "progress": {"done": 1, "total": 9}}
        begun = trees.share("starting", "gpu_runtime", "…", "on", model="owner/large", gpu_runtime=runtime)
        link, share = shared(trees.base(share=begun))
        assert share.canUseProcessor
        share.useProcessor()
    link.api.on("POST", "/api/share/anew", {"accepted": True})
    spin(lambda: link.api.last.method == "POST")
    assert link.api.asked("PATCH", "/api/settings")[-1].body == {"share.device": "cpu"}
    if failed:
        assert (link.api.last.path, link.api.last.body) == ("/api/share", {"model": "owner/large"})
    else:
        assert (link.api.last.path, link.api.last.body) == ("/api/share/anew", {"seconds": 0})


def test_other_problems_have_no_second_button() -> None:
    link, share = shared(trees.base(problems={"share": trees.problem("memory", "Too little.", "Free some.", "retry")}))
    assert share.problems.rows.at(0)["other"] == ""
    share.problems.actOtherwise("share")
    assert not link.api.asked("PATCH", "/api/settings")


# Problems


@pytest.mark.parametrize(
    ("key", "remedy", "code", "method", "path", "body"),
    [
        ("share", "retry", "internal", "POST", "/api/share", {}),
        ("server:1", "check_network", "download", "POST", "/api/share", {}),
        ("model:a/b", "retry", "server_died", "POST", "/api/models/fetch", {"model": "a/b"}),
        ("demo_off", "start_demo", "demo_off", "POST", "/api/demo", {}),
        ("internal", "copy_diagnostics", "internal", "POST", "/api/doctor", {"self_test": False}),
        ("device", "check_driver", "device", "POST", "/api/doctor", {"self_test": False}),
    ],
)
def test_the_button_of_a_problem_does_what_it_says(
    key: str, remedy: str, code: str, method: str, path: str, body: dict
) -> None:
    link, share = shared(trees.base())
    more = {"server_id": "1"} if key.startswith("server:") else {}
    link.tell(trees.base(problems={key: trees.problem(code, "It broke.", "Try again.", remedy, **more)}))
    assert share.problems.rows.at(0)["label"]
    share.problems.act(key)
    request = link.api.last
    assert (request.method, request.path, request.body) == (method, path, body)
    request.answer({"text": "All is well.", "accepted": True})
    if remedy == "check_driver":
        assert share.problems.report == "All is well."
    assert share.problems.busy == ""


@pytest.mark.parametrize(
    ("remedy", "place"),
    [("free_memory", "limits"), ("free_disk", "disk"), ("choose_model", "models"), ("check_settings", "settings")],
)
def test_some_problems_are_solved_elsewhere_in_the_window(remedy: str, place: str) -> None:
    _, share = shared(trees.base(problems={"share": trees.problem("x", "It broke.", "Do this.", remedy)}))
    asked = QSignalSpy(share.problems.asked)
    share.problems.act("share")
    assert asked.at(0)[0] == place


def test_what_passes_by_itself_has_no_button_but_can_be_put_away() -> None:
    link, share = shared(trees.base(problems={"swarm/x y": trees.problem("swarm", "Gone.", "Wait.", "wait")}))
    assert share.problems.rows.at(0)["label"] == ""
    share.problems.dismiss("swarm/x y")
    assert link.api.last.path == "/api/problems/swarm%2Fx%20y"
    link.api.last.refuse("not_found", status=404)
    assert link.troubles == []  # somebody else was faster


# The page


def test_the_page_says_the_plan_before_and_shares_with_one_click() -> None:
    link = node(trees.base())
    window = PageWindow(link, "share/SharePage.qml")
    spin(lambda: window.shows("would host 12 of 80 blocks"))
    assert window.shows("Nothing is shared before you say so.")
    window.click("Share")
    assert link.api.asked("POST", "/api/share")[-1].body == {"model": trees.MODEL}
    link.tell(trees.sharing())
    spin(lambda: window.shows("Finish what is running, then stop"))
    assert window.shows("3 sessions now, 41,208 tokens today.") and not window.shows("would host")
    window.click("Pause")
    spin(lambda: window.shows("Until tomorrow morning"))
    window.click("For 1 hour")
    assert link.api.asked("POST", "/api/pause")[-1].body == {"seconds": 3600}
    window.click("Finish what is running, then stop")
    assert link.api.asked("POST", "/api/finish")[-1].body == {}
    window.click("As a table")
    spin(lambda: any(text.endswith(" tokens") and ": " in text for text in window.texts()))
    assert window.warnings == []
    window.close()


STATES = {
    "off": trees.base(),
    "downloading": trees.starting("downloading"),
    "loading": trees.starting("loading"),
    "sharing": trees.sharing(),
    "paused": trees.waiting("paused", "Paused by you.", until=4_000_000_000.0),
    "battery": trees.waiting("on_battery", "Waiting: the computer runs on battery."),
    "draining": trees.draining(),
    "failed": trees.failed(),
}


def words_of_node(text: str) -> str:
    """With blocks as people count them."""
    return re.sub(r"blocks (\d+):(\d+)", lambda found: f"blocks {int(found[1]) + 1}–{found[2]}", text)


def test_page_and_card_show_every_state_in_one_word_and_the_sentence_of_the_node() -> None:
    window, card = PageWindow(node(STATES["off"]), "share/SharePage.qml", width=480, height=560), None
    card = PageWindow(node(STATES["off"]), "share/ShareCard.qml", card=240, width=280, height=240)
    words = set()
    for name, tree in STATES.items():
        for one in (window, card):
            one.app.link.tell(tree)
            settle()
            word = one.app.share.word
            assert word in one.texts(), (name, one.texts())
            said = words_of_node(tree["share"]["text"])
            assert any(text.startswith(one.app.share.brief) for text in one.texts()), (name, one.texts())
            # Who hears it hears the whole sentence, as the node says it.
            labels = [item for item in one.items() if str(item.property("text")).startswith(one.app.share.brief)]
            spoken = [QAccessible.queryAccessibleInterface(item).text(QAccessible.Text.Name) for item in labels]
            assert any(heard.startswith(said) for heard in spoken), (name, said, spoken)
            words.add(word)
    assert words == {"Off", "Starting", "Sharing", "Waiting", "Finishing", "Problem"}
    assert window.warnings == card.warnings == []
    window.close()
    card.close()
