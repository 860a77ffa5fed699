"""The settings of the app: the node's registry as rows, what a person types, the app's own file, a broken file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fakes
import pytest
from PySide6.QtCore import QLocale, QObject
from PySide6.QtGui import QGuiApplication, QKeySequence

import meadow
import meadow_app
from meadow.node.http.settings import describe
from meadow.node.settings import REGISTRY, SettingsError, SettingsFile
from meadow.platform.paths import Paths
from meadow_app.settings.form import Form
from meadow_app.settings.places import places, size_of
from meadow_app.settings.preferences import Preferences, preferences_of
from meadow_app.settings.recovery import aside
from meadow_app.settings.registry import NotANumber, entry_of
from meadow_app.settings.settings import PAGES, Settings
from meadow_app.settings.shortcuts import ACTIONS
from meadow_app.settings.words import has_label

QML = Path(__file__).resolve().parents[2] / "resources" / "qml"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    yield
    QLocale.setDefault(before)


class NodeSettings:
    """The true registry and settings file of a node, behind the fake link: values are refused as the node refuses."""

    def __init__(self, home: Path) -> None:
        self.file = SettingsFile(home / "settings.json")
        self.link = fakes.FakeLink({"node": {"started": 1.0, "url": "http://127.0.0.1:4711", "version": "9.9"}})
        self.link.home = str(home)
        api = self.link.api
        api.on("GET", "/api/settings/registry", [describe(setting).model_dump() for setting in REGISTRY.values()])
        api.on("GET", "/api/settings", lambda _: self.body(()))
        api.on("PATCH", "/api/settings", lambda request: self.change(request.body))

    def body(self, changed: tuple[str, ...]) -> dict[str, Any]:
        current = self.file.current()
        remarks = [str(remark) for remark in self.file.remarks]
        return {
            "values": current.to_json(),
            "chosen": list(current.chosen),
            "restart_needed": [key for key in changed if REGISTRY[key].restart],
            "file": str(self.file.path),
            "remarks": remarks + ([str(self.file.problem)] if self.file.problem else []),
        }

    def change(self, changes: dict[str, Any]) -> Any:
        try:
            self.file.change(changes)
        except SettingsError as error:
            fits = error.problems[0].key in changes and error.problems[0].line is None
            return fakes.Failure("invalid_value" if fits else "conflict", str(error), 400 if fits else 409)
        return self.body(tuple(changes))


@pytest.fixture
def node(home: Path) -> NodeSettings:
    return NodeSettings(home)


@pytest.fixture
def settings(node: NodeSettings) -> Settings:
    made = Settings(node.link)
    made.load()
    fakes.spin(lambda: made.form("chat").rowCount() > 0)  # type: ignore[union-attr]
    fakes.settle()
    return made


def row(settings: Settings, key: str) -> dict[str, Any]:
    """The row of ``key``, on whatever page it is."""
    for page, _, _ in PAGES:
        form: Form | None = settings.form(page)
        for index in range(form.rowCount() if form else 0):
            assert form is not None
            fields = {name: form.data(form.index(index), role) for role, name in Form.ROLES.items()}
            if fields["key"] == key:
                return fields
    raise AssertionError(f"{key} is on no page")


def test_every_setting_of_the_node_is_on_a_page_with_a_name_of_its_own(settings: Settings) -> None:
    for key in REGISTRY:
        assert has_label(key), f"{key} needs a name in settings/words.py"
        assert row(settings, key)["about"], key


def test_the_kind_of_a_row_follows_from_the_registry(settings: Settings) -> None:
    kinds = {key: row(settings, key)["widget"] for key in REGISTRY}
    assert kinds["metrics.enabled"] == "switch"
    assert kinds["share.device"] == "choice"
    assert kinds["share.limit_fraction"] == "percent"
    assert kinds["share.reserve_bytes"] == "bytes"
    assert kinds["initial_peers"] == "list"
    assert kinds["share.model"] == "model"
    assert kinds["chat.temperature"] == "number"
    assert kinds["api.concurrency"] == "integer"


def test_a_setting_of_a_newer_node_is_shown_too_and_one_that_cannot_be_drawn_is_left_out() -> None:
    newer = entry_of({"key": "share.new_wish", "type": "boolean", "default": False, "description": "It is new."})
    assert newer is not None and (newer.label, newer.page, newer.widget) == ("New wish", "sharing", "switch")
    assert entry_of({"key": "share.schedule", "type": "table of hours", "default": None}) is None


def test_a_change_is_asked_of_the_node_and_marked(settings: Settings, node: NodeSettings) -> None:
    settings.change("chat.temperature", "0.7")
    fakes.spin(lambda: row(settings, "chat.temperature")["changed"])
    assert node.file.current()["chat.temperature"] == 0.7
    assert row(settings, "chat.temperature")["text"] == "0.7"
    settings.reset("chat.temperature")
    fakes.spin(lambda: not row(settings, "chat.temperature")["changed"])
    assert node.file.current()["chat.temperature"] is None


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("share.reserve_bytes", "2.5", 2_500_000_000),
        ("share.limit_fraction", "45", 0.45),
        ("share.device", "cpu", "cpu"),
        ("share.kv_tokens", "4096", 4096),
        ("metrics.enabled", True, True),
        ("host_maddrs", ["/ip4/0.0.0.0/tcp/31337"], ("/ip4/0.0.0.0/tcp/31337",)),
        ("chat.default_model", " owner/name ", "owner/name"),
    ],
)
def test_what_is_typed_arrives_in_the_units_of_the_node(
    settings: Settings, node: NodeSettings, key: str, typed: Any, value: Any
) -> None:
    settings.change(key, typed)
    fakes.spin(lambda: row(settings, key)["changed"])
    assert node.file.current()[key] == value


def test_a_value_that_does_not_fit_is_refused_at_its_row_and_nothing_changes(
    settings: Settings, node: NodeSettings
) -> None:
    settings.change("api.concurrency", "900")
    fakes.spin(lambda: row(settings, "api.concurrency")["error"])
    assert row(settings, "api.concurrency")["error"] == "This must be 1 to 256."
    assert node.file.current()["api.concurrency"] == 8
    assert not row(settings, "node.port")["error"]
    settings.change("api.concurrency", "9")
    fakes.spin(lambda: not row(settings, "api.concurrency")["error"])
    assert node.file.current()["api.concurrency"] == 9


def test_what_is_no_number_never_reaches_the_node(settings: Settings, node: NodeSettings) -> None:
    settings.change("api.concurrency", "many")
    assert "not a number" in row(settings, "api.concurrency")["error"]
    settings.dismiss("api.concurrency")
    assert not row(settings, "api.concurrency")["error"]
    assert not node.link.api.asked("PATCH", "/api/settings")


def test_the_sentence_of_the_node_is_shown_where_it_knows_better(settings: Settings) -> None:
    settings.change("initial_peers", ["not an address"])
    fakes.spin(lambda: row(settings, "initial_peers")["error"])
    assert "/ip4/192.0.2.7" in row(settings, "initial_peers")["error"]


@pytest.mark.parametrize(
    ("locale", "key", "text", "value"),
    [
        ("de_DE", "share.reserve_bytes", "1,5", 1_500_000_000),
        ("de_DE", "chat.temperature", "0.5", 0.5),  # as programs write it; never taken for 5
        ("de_DE", "chat.temperature", "0,5", 0.5),
        ("de_DE", "share.kv_tokens", "1.000", 1000),
        ("en_US", "share.kv_tokens", "1,000", 1000),
        ("en_US", "chat.top_p", "0.95", 0.95),
        ("de_DE", "chat.temperature", "", None),
    ],
)
def test_numbers_are_read_as_the_person_writes_them(locale: str, key: str, text: str, value: Any) -> None:
    QLocale.setDefault(QLocale(locale))
    entry = entry_of(describe(REGISTRY[key]).model_dump())
    assert entry is not None
    assert entry.as_value(text) == value
    if value is not None:
        assert entry.as_value(entry.as_text(value)) == value


@pytest.mark.parametrize("text", ["0,5", "1e999", "nan", "--", "½"])
def test_what_is_no_number_in_english(text: str) -> None:
    entry = entry_of(describe(REGISTRY["chat.temperature"]).model_dump())
    assert entry is not None
    with pytest.raises(NotANumber):
        entry.as_value(text)


def test_what_counts_from_the_next_start_offers_it_and_the_start_makes_it_count(
    settings: Settings, node: NodeSettings
) -> None:
    retried: list[bool] = []
    node.link.retry = lambda: retried.append(True)  # type: ignore[method-assign]
    settings.change("node.port", "4712")
    fakes.spin(lambda: settings.property("restartNeeded"))
    assert row(settings, "node.port")["pending"]
    settings.restartNode()
    assert node.link.stopped and not retried
    node.link.become("failed", "The node was stopped.", "stopped")
    assert retried
    node.link.patch(node={"started": 2.0})
    assert not settings.property("restartNeeded")
    assert not row(settings, "node.port")["pending"]


def test_remarks_about_the_file_are_shown_and_go_when_it_is_mended(settings: Settings, node: NodeSettings) -> None:
    path = node.file.path
    path.write_text('{\n  "version": 1,\n  "share.limit_fraction": 7\n}')
    settings.load()
    fakes.spin(lambda: settings.property("remarks"))
    assert "Line 3" in settings.property("remarks")[0]
    settings.change("api.concurrency", "9")  # nothing is written over what somebody wrote there
    fakes.spin(lambda: row(settings, "api.concurrency")["error"])
    assert "7" in path.read_text()
    path.write_text("{}")
    settings.load()
    fakes.spin(lambda: not settings.property("remarks"))


def test_a_file_that_the_node_refuses_is_set_aside_only_when_asked(home: Path) -> None:
    broken = home / "settings.json"
    broken.write_text("{ broken")
    link = fakes.FakeLink(status="starting")
    link.home = str(home)
    retried: list[bool] = []
    link.retry = lambda: retried.append(True)  # type: ignore[method-assign]
    settings = Settings(link)
    recovery: Any = settings.property("recovery")
    assert not recovery.property("needed")
    with pytest.raises(SettingsError) as caught:
        SettingsFile(broken)
    link.become("failed", str(caught.value), caught.value.code)
    assert recovery.property("needed") and "Line 1" in recovery.property("message")
    assert broken.exists()
    assert recovery.setAside() and retried
    assert not broken.exists() and (home / "settings.json.set-aside").read_text() == "{ broken"
    assert SettingsFile(broken).current()["api.concurrency"] == 8
    link.become("connected")
    assert not recovery.property("needed")


def test_what_was_set_aside_before_stays(home: Path) -> None:
    path = home / "settings.json"
    (home / "settings.json.set-aside").write_text("first")
    assert aside(path).name == "settings.json.set-aside-2"


def test_a_file_that_cannot_be_renamed_is_said_so(home: Path) -> None:
    link = fakes.FakeLink(status="failed")
    link.home = str(home)
    settings = Settings(link)
    recovery: Any = settings.property("recovery")
    assert not recovery.setAside()  # there is none
    assert "renamed" in recovery.property("message")


# The app's own file


def test_preferences_survive_and_hold_only_what_was_changed(home: Path) -> None:
    path = home / "app.json"
    preferences = Preferences(path)
    preferences.setProperty("zoom", 1.5)
    preferences.setProperty("scheme", "dark")
    preferences.remember("window", {"width": 900})
    preferences.flush()
    assert json.loads(path.read_text()) == {
        "version": 1,
        "scheme": "dark",
        "zoom": 1.5,
        "remembered": {"window": {"width": 900}},
    }
    again = Preferences(path)
    assert (again.value("zoom"), again.value("scheme"), again.recall("window")) == (1.5, "dark", {"width": 900})
    assert again.recall("nothing") is None
    again.remember("window", None)
    again.flush()
    assert "remembered" not in json.loads(path.read_text())


def test_preferences_write_themselves_a_moment_later(home: Path) -> None:
    preferences = Preferences(home / "app.json")
    preferences.setProperty("notifications", False)
    fakes.spin(lambda: (home / "app.json").exists())


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", '"text"', "[" * 100_000])
def test_a_damaged_file_is_put_aside_and_costs_nothing_else(home: Path, text: str) -> None:
    path = home / "app.json"
    path.write_text(text)
    preferences = Preferences(path)
    assert preferences.value("scheme") == "system"
    assert path.with_name("app.json.damaged").read_text() == text
    preferences.setProperty("scheme", "light")
    preferences.flush()
    assert Preferences(path).value("scheme") == "light"


def test_each_value_that_does_not_fit_counts_as_not_there(home: Path) -> None:
    path = home / "app.json"
    path.write_text(json.dumps({"version": 1, "zoom": 90, "scheme": 7, "notifications": "no", "closing": "quit"}))
    preferences = Preferences(path)
    values = [preferences.value(name) for name in ("zoom", "scheme", "notifications", "closing")]
    assert values == [1.0, "system", True, "quit"]


def test_what_a_newer_app_wrote_stays(home: Path) -> None:
    path = home / "app.json"
    path.write_text(json.dumps({"version": 1, "font": "Serif"}))
    preferences = Preferences(path)
    preferences.setProperty("zoom", 2.0)
    preferences.flush()
    assert json.loads(path.read_text())["font"] == "Serif"


def test_zoom_stays_between_its_bounds(home: Path) -> None:
    preferences = Preferences(home / "app.json")
    for _ in range(30):
        preferences.zoomBy(1)
    assert preferences.value("zoom") == 2.0
    for _ in range(30):
        preferences.zoomBy(-1)
    assert preferences.value("zoom") == 0.8
    preferences.zoomBy(0)
    assert preferences.value("zoom") == 1.0


def test_there_is_one_file_and_one_object_of_a_home(home: Path) -> None:
    link = fakes.FakeLink()
    link.home = str(home)
    assert preferences_of(link) is preferences_of(link)
    assert Settings(link).property("preferences") is preferences_of(link)


# Places, keys, the clipboard


def test_the_app_looks_where_the_node_keeps_things(home: Path) -> None:
    for where in (None, str(home)):
        of_node, of_app = Paths.of(where), places(where)
        assert (of_app.data, of_app.cache, of_app.logs) == (of_node.data, of_node.cache, of_node.logs)
        assert of_app.settings == of_node.settings


def test_sizes_are_what_is_on_the_disk(home: Path) -> None:
    (home / "cache").mkdir()
    (home / "cache" / "model").write_bytes(b"x" * 1_000_000)
    (home / "link").symlink_to(home / "cache")
    with open(home / "sparse", "wb") as file:
        file.truncate(1 << 30)
    assert 1_000_000 <= size_of(home) < 1_200_000
    assert size_of(home, without=(home / "cache",)) < 100_000
    link = fakes.FakeLink()
    link.home = str(home)
    settings = Settings(link)
    settings.countSizes()
    fakes.spin(lambda: all(place["bytes"] >= 0 for place in settings.property("places")))


def test_every_key_of_the_map_is_one_and_does_something() -> None:
    written = "".join(path.read_text() for path in QML.rglob("*.qml"))
    pressed: dict[str, str] = {}
    for action in ACTIONS:
        for keys in action.keys:
            assert QKeySequence(keys).toString() == keys, f"{keys} is no key"
            assert pressed.setdefault(keys, action.name) == action.name, f"{keys} does two things"
        if not action.built_in:
            assert f'keys("{action.name}")' in written, f"nothing listens to {action.name}"


def test_the_address_for_programs_is_copied(settings: Settings) -> None:
    assert settings.property("baseUrl") == "http://127.0.0.1:4711/v1"
    settings.copy(settings.property("baseUrl"))
    assert QGuiApplication.clipboard().text() == "http://127.0.0.1:4711/v1"


def test_diagnostics_sort_the_worst_first_and_can_be_given_up() -> None:
    link = fakes.FakeLink()
    settings = Settings(link)
    diagnostics: Any = settings.property("diagnostics")
    diagnostics.run(False)
    assert diagnostics.property("running") and link.api.last.body == {"self_test": False}
    checks = [
        {"title": "Versions", "status": "ok", "what": "Fine.", "do": ""},
        {"title": "Clock", "status": "fail", "what": "It is wrong.", "do": "Set it."},
        {"title": "GPU", "status": "from the future", "what": "Odd.", "do": ""},
    ]
    link.api.last.answer({"checks": checks, "text": "Meadow doctor"})
    assert [result["status"] for result in diagnostics.property("results")] == ["fail", "warn", "ok"]
    assert "does not work" in diagnostics.property("summary")
    diagnostics.copy()
    assert QGuiApplication.clipboard().text() == "Meadow doctor"
    diagnostics.run(True)
    diagnostics.cancel()
    assert link.api.last.cancelled and not diagnostics.property("running")
    diagnostics.run(True)
    link.api.last.refuse("node_unreachable", "The node does not answer.")
    assert diagnostics.property("error") == "The node does not answer."


def test_nothing_is_fetched_before_a_page_asks() -> None:
    link = fakes.FakeLink()
    settings = Settings(link)
    link.become("connected")
    assert not link.api.requests
    settings.load()
    link.become("connected")
    assert len(link.api.asked("GET", "/api/settings/registry")) == 2
    assert isinstance(settings, QObject)


def test_a_page_that_is_opened_before_the_node_is_there_waits_for_it(node: NodeSettings) -> None:
    node.link.status = "starting"
    made = Settings(node.link)
    made.load()
    fakes.settle()
    assert not node.link.api.requests and made.property("error") == ""
    node.link.become("connected")
    fakes.spin(lambda: made.form("chat").rowCount() > 0)  # type: ignore[union-attr]
    assert made.property("error") == ""


def test_large_sizes_are_rounded_to_be_read(settings: Settings) -> None:
    entry = settings.form("sharing").entry("share.reserve_bytes")  # type: ignore[union-attr]
    assert entry is not None and entry.as_text(1 << 30) == "1.07"
    assert entry.as_value("1.07") == 1_070_000_000


def test_a_node_of_another_version_is_told_with_what_helps(qt: object) -> None:
    assert meadow_app.__version__ == meadow.__version__, "the window and the node of one installation"
    link = fakes.FakeLink({"node": {"started": 1.0, "version": meadow.__version__}})
    settings = Settings(link)
    assert settings.property("otherVersion") == ""
    link.patch(node={"version": "0.0.9\nevil"})
    assert "still version 0.0.9 evil." in settings.property("otherVersion")
    assert settings.property("canRestart")
    settings.restartNode()
    assert link.stopped and not settings.property("canRestart")
    link.remote = True
    link.become("lost")
    assert settings.property("otherVersion") == "" and not settings.property("canRestart")
