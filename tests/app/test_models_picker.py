"""Choosing a model: what there is, what it costs, fetching it, the hub's token, room on the disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trees
from fakes import FakeLink, settle, spin
from page_window import PageWindow
from PySide6.QtCore import QLocale, Qt, QUrl
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy

from meadow.node.http.models import InfoBody, ModelsBody
from meadow.node.http.shareplan import ContributionsBody, PlanBody
from meadow_app.link.call import Failure
from meadow_app.models import catalogue, costs
from meadow_app.models.models import Models
from meadow_app.models.picker import Picker

SMALL = "HuggingFaceTB/SmolLM2-1.7B-Instruct"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    yield
    QLocale.setDefault(before)


def node(tree: dict | None = None) -> FakeLink:
    link = FakeLink(tree or trees.base())
    link.api.on("GET", "/api/models", trees.MODELS)
    link.api.on("GET", "/api/models/info", lambda request: {**trees.INFO, "model": request.query["model"]})
    link.api.on("GET", "/api/hub-token", {"set": False})
    link.api.on("GET", "/api/settings", trees.SETTINGS)
    link.api.on("GET", "/api/settings/registry", [])
    link.api.on("POST", "/api/models/fetch", {"accepted": True})
    return link


def opened(link: FakeLink, purpose: str = "chat") -> Picker:
    picker = Models(link).picker(purpose)
    picker.models = picker.parent()  # its owner lives as long as it does
    picker.watch(True)
    settle()
    return picker


def names(picker: Picker) -> list[tuple[str, str]]:
    return [(row["section"], row["name"]) for row in picker.rows.rows]


# The list


def test_the_best_kinds_come_first_and_gaps_can_be_shared_but_not_chatted_with() -> None:
    picker = opened(node())
    assert names(picker) == [
        ("up", trees.MODEL),
        ("up", "Qwen/Qwen3-8B"),
        ("demo", "meadow-demo"),
        ("recent", SMALL),
        ("disk", "my-finetune"),
    ]
    usable = {row["name"]: row["usable"] for row in picker.rows.rows}
    assert usable == {
        trees.MODEL: True,
        "Qwen/Qwen3-8B": False,
        "meadow-demo": True,
        SMALL: False,
        "my-finetune": False,
    }
    shared = opened(node(), "share")
    assert all(row["usable"] for row in shared.rows.rows)
    assert "meadow-demo" not in [row["name"] for row in shared.rows.rows]  # it serves this machine alone
    assert picker.rows.at(1)["detail"] == "blocks are missing · 2 servers · 5.3 GB on this disk"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("qwen", [trees.MODEL, "Qwen/Qwen3-8B"]),
        ("QWEN 8b", ["Qwen/Qwen3-8B"]),
        ("someone/new-model", ["someone/new-model"]),
        ("/models/mine", ["/models/mine"]),
        (r"C:\models\mine", [r"C:\models\mine"]),
        (trees.MODEL, [trees.MODEL]),
        ("nothing like it", []),
        ("../escape", []),
        ("a/b/c", []),
    ],
)
def test_searching_and_naming_one_that_is_not_there(search: str, found: list[str]) -> None:
    picker = opened(node())
    tester = QAbstractItemModelTester(picker.rows)
    assert tester
    picker.search = search
    assert [row["name"] for row in picker.rows.rows] == found


@pytest.mark.parametrize("body", [None, [], {"swarm": 5, "recent": [3], "local": [{}], "demo": "x"}, {"swarm": [{}]}])
def test_rows_of_a_strange_answer_are_left_out(body: object) -> None:
    assert catalogue.listed(body) == []


def test_choosing_the_demo_starts_it() -> None:
    link = node()
    picker = opened(link)
    chosen = QSignalSpy(picker.chosen)
    picker.look("meadow-demo")
    spin(lambda: not picker.busy)
    picker.choose()
    assert link.api.asked("POST", "/api/demo") and chosen.count() == 1
    link.patch(demo={"status": "ready"})
    picker.choose()
    assert len(link.api.asked("POST", "/api/demo")) == 1


def test_what_the_node_answers_is_what_is_read() -> None:
    """The answer that these tests give has the form that the node's own description gives it."""
    assert ModelsBody.model_validate(trees.MODELS).model_dump(exclude_none=True, mode="json")["demo"]["status"] == "off"
    assert InfoBody.model_validate(trees.INFO).supported
    assert PlanBody.model_validate({**trees.PLAN, "reason": "asked"}).end == 36
    assert ContributionsBody.model_validate(trees.contributions()).total.tokens > 0


# What it costs


def test_what_a_model_is_and_costs_before_anything_is_fetched() -> None:
    link = node()
    picker = opened(link)
    picker.look(trees.MODEL)
    assert picker.busy
    spin(lambda: not picker.busy)
    assert picker.facts == "80 blocks · context 32,768 · bfloat16"
    assert picker.cost == "A chat first downloads 5.0 GB; 412.0 GB are free on the disk."
    assert (picker.missing, picker.trouble, picker.canChoose) == ("5.0 GB", "", True)
    assert not link.api.asked("POST", "/api/models/fetch")
    shared = opened(link, "share")
    shared.look(trees.MODEL)
    spin(lambda: not shared.busy)
    assert (shared.cost, shared.missing) == ("Each block is about 1.7 GB.", "")


def test_a_disk_without_room_is_said_before() -> None:
    machine = {**trees.machine(), "disk_free": 10**9}
    picker = opened(node(trees.base(machine=machine)))
    picker.look(trees.MODEL)
    spin(lambda: not picker.busy)
    assert "but only 1.0 GB are free" in picker.cost and "not enough room" in picker.trouble


def test_costs_without_numbers_say_nothing_wrong() -> None:
    assert costs.chat_cost({}, None) == costs.share_cost({}) == costs.facts_line({}) == ""
    assert costs.chat_cost({"num_blocks": 2}, None) == "Everything that a chat needs is on this computer."


def test_only_the_model_that_is_looked_at_last_counts() -> None:
    link = node()
    picker = opened(link)
    link.api._prepared.pop(("GET", "/api/models/info"))
    picker.look("a/first")
    first = link.api.last
    picker.look("a/second")
    first.answer({**trees.INFO, "num_blocks": 1})
    link.api.last.answer({**trees.INFO, "num_blocks": 2})
    assert first.cancelled and picker.facts.startswith("2 blocks")


# Fetching


def progress(model: str, done: int) -> dict:
    transfer = {"done": done, "total": 1000_000_000, "rate": 12_000_000.0, "seconds_left": 60.0}
    return {f"chat:{model}": {"model": model, "progress": transfer}}


def test_fetch_with_progress_cancel_and_resume() -> None:
    link = node()
    picker = opened(link)
    picker.look("a/b")
    spin(lambda: not picker.busy)
    picker.fetch()
    assert picker.fetching and link.api.asked("POST", "/api/models/fetch")[-1].body == {"model": "a/b"}
    link.patch(downloads=progress("a/b", 250_000_000))
    assert (picker.fraction, picker.progressText) == (0.25, "250.0 MB of 1.0 GB · 12.0 MB/s · 1 min left")
    picker.cancel()
    assert link.api.asked("DELETE", "/api/downloads/chat%3Aa%2Fb")
    link.patch(downloads={"chat:a/b": None})
    assert not picker.fetching
    picker.fetch()
    link.patch(downloads=progress("a/b", 250_000_000))
    assert picker.fraction == 0.25  # it goes on from there
    link.api.on("GET", "/api/models/info", {**trees.INFO, "chat_part_missing_bytes": 0})
    link.patch(downloads={"chat:a/b": None})
    spin(lambda: picker.missing == "" and not picker.busy)
    assert picker.cost == "Everything that a chat needs is on this computer."


def test_a_fetch_that_fails_says_why() -> None:
    link = node()
    picker = opened(link)
    picker.look("a/b")
    spin(lambda: not picker.busy)
    picker.fetch()
    link.patch(downloads=progress("a/b", 5))
    problem = trees.problem("disk_full", "The disk is full.", "Make room.", "free_disk")
    link.patch(downloads={"chat:a/b": None}, problems={"model:a/b": problem})
    spin(lambda: not picker.busy)
    assert picker.trouble == "The disk is full." and not picker.fetching


def test_a_fetch_that_is_refused_at_once() -> None:
    link = node()
    picker = opened(link)
    picker.look("a/b")
    spin(lambda: not picker.busy)
    link.api.on("POST", "/api/models/fetch", Failure("offline", "The hub cannot be reached.", 503))
    picker.fetch()
    spin(lambda: not picker.fetching)
    assert picker.trouble == "The hub cannot be reached."


# Gated models and the token


def test_a_gated_model_asks_for_a_token_which_never_comes_back() -> None:
    link = node()
    refusal = {"model": "meta/closed", "gated": True, "reason": "Its owner must let you in."}
    link.api.on("GET", "/api/models/info", refusal)
    picker = opened(link)
    picker.look("meta/closed")
    spin(lambda: not picker.busy)
    assert picker.gated and not picker.canChoose and picker.trouble == "Its owner must let you in."
    models = picker.parent()
    link.api.on("PUT", "/api/hub-token", {"set": True})
    link.api.on("GET", "/api/hub-token", {"set": True})
    kept = QSignalSpy(models.tokenKept)
    models.setToken("  hf_secret\n")
    assert link.api.asked("PUT", "/api/hub-token")[-1].body == {"token": "hf_secret"}
    spin(lambda: models.tokenSet)
    assert kept.count() == 1 and not models.tokenBusy
    assert "hf_secret" not in repr(vars(models))


def test_a_token_that_the_node_refuses() -> None:
    link = node()
    models = opened(link).parent()
    link.api.on("PUT", "/api/hub-token", Failure("invalid_value", "This is no token.", 400))
    models.setToken("nonsense")
    spin(lambda: models.tokenError)
    assert models.tokenError == "This is no token." and not models.tokenSet


# The disk, and folders


def test_freeing_the_disk_asks_the_node_and_looks_again() -> None:
    link = node()
    picker = opened(link)
    link.api.on("DELETE", "/api/models/local", {"freed": 1})
    before = len(link.api.asked("GET", "/api/models"))
    picker.free(SMALL)
    assert link.api.last.query == {"model": SMALL}
    spin(lambda: len(link.api.asked("GET", "/api/models")) > before)


def test_a_folder_is_looked_at_by_its_path() -> None:
    link = node()
    picker = opened(link)
    picker.lookFolder(QUrl.fromLocalFile("/models/my model"))
    assert link.api.last.query == {"model": "/models/my model"} and picker.lookedName == "my model"
    picker.lookFolder(QUrl("https://example.org/x"))
    assert picker.looked == "/models/my model"


def test_an_unsupported_model_cannot_be_taken() -> None:
    link = node()
    link.api.on("GET", "/api/models/info", {"model": "a/b", "supported": False, "reason": "This family is not known."})
    picker = opened(link)
    chosen = QSignalSpy(picker.chosen)
    picker.look("a/b")
    spin(lambda: not picker.busy)
    picker.choose()
    assert picker.trouble == "This family is not known." and chosen.count() == 0


# With mouse and keys


def test_search_look_fetch_and_choose_like_a_person() -> None:
    link = node()
    window = PageWindow(link, "models/ModelPicker.qml", card=320, width=700, height=760, more='"purpose": "chat"')
    chosen: list[str] = []
    window.page.chosen.connect(chosen.append)
    window.click(window.page)
    spin(lambda: window.shows("Used lately"))
    window.type("smol")
    spin(lambda: not window.shows("Qwen/Qwen3-8B"))
    window.key(Qt.Key.Key_Return)
    spin(lambda: window.shows("Download 5.0 GB"))
    window.click("Download 5.0 GB")
    link.patch(downloads=progress(SMALL, 500_000_000))
    spin(lambda: window.shows("500.0 MB of 1.0 GB"))
    link.api.on("GET", "/api/models/info", {**trees.INFO, "chat_part_missing_bytes": 0})
    link.patch(downloads={f"chat:{SMALL}": None})
    spin(lambda: window.shows("Use this model"))
    window.click("Use this model")
    spin(lambda: chosen == [SMALL])
    assert window.warnings == []
    window.close()


def test_the_token_is_typed_into_a_field_that_hides_it() -> None:
    link = node()
    window = PageWindow(link, "models/ModelPicker.qml", card=320, width=700, height=760, more='"purpose": "chat"')
    window.click(window.page)
    window.click("Hub token…")
    spin(lambda: window.shows("Token for the hub"))
    window.type("hf_secret")
    link.api.on("PUT", "/api/hub-token", {"set": True})
    window.click("Keep it")
    spin(lambda: link.api.asked("PUT", "/api/hub-token"))
    assert link.api.asked("PUT", "/api/hub-token")[-1].body == {"token": "hf_secret"}
    spin(lambda: not window.shows("Token for the hub"))
    assert not window.shows("hf_secret") and window.warnings == []
    window.close()


# Names that would read alike; the Enter key


def test_models_of_one_name_are_told_apart() -> None:
    up = {"num_servers": 1, "complete": True}
    body = {
        "swarm": [
            {"id": "a/toy", "fingerprint": "aaa111ff", **up},
            {"id": "a/toy", "fingerprint": "bbb222ff", **up},
            {"id": "b/other", "fingerprint": "ccc333ff", **up},
        ],
        "local": [{"model": "/data/one/mine", "bytes": 1}, {"model": "/data/two/mine", "bytes": 1}],
    }
    rows = catalogue.rows(catalogue.listed(body), "", "chat")
    assert [row["name"] for row in rows] == ["a/toy · aaa111", "b/other", "mine · one", "mine · two"]
    assert catalogue.rows(catalogue.listed(body), "a/toy", "chat")[0]["model"] == "a/toy", "what is asked for is the id"


def test_enter_takes_what_is_highlighted_unless_it_costs_a_download() -> None:
    link = node()
    link.api.on("GET", "/api/models/info", {**trees.INFO, "chat_part_missing_bytes": 0})
    picker = opened(link)
    chosen = QSignalSpy(picker.chosen)
    picker.take(trees.MODEL)
    spin(lambda: chosen.count() == 1)
    assert chosen.at(0) == [trees.MODEL]
    link.api.on("GET", "/api/models/info", {**trees.INFO, "chat_part_missing_bytes": 5_000_000})
    picker.take("Qwen/Qwen3-8B")
    settle()
    assert chosen.count() == 1 and picker.missing and picker.looked == "Qwen/Qwen3-8B"
    picker.take(trees.MODEL)
    picker.look("Qwen/Qwen3-8B")  # the person looks on before the answer is there
    settle()
    assert chosen.count() == 1


def test_a_search_without_a_hit_shows_no_costs_of_something_else() -> None:
    picker = opened(node())
    picker.look(trees.MODEL)
    settle()
    assert picker.facts
    picker.search = "nothing like it"
    settle()
    assert picker.looked == "" and picker.facts == ""
