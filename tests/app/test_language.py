"""Languages: every text is collected and translated, they change live, and plurals and Qt's own words follow."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import fakes
import pytest
from PySide6.QtCore import QCoreApplication, QLocale, Qt, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtQml import QQmlComponent, QQmlEngine

from meadow_app.chat import facts
from meadow_app.language import LANGUAGES, Language, of_system
from meadow_app.link.said import _CODES, said
from meadow_app.resources import resource_root
from meadow_app.settings.preferences import Preferences
from meadow_app.settings.settings import Settings
from meadow_app.share.problems import rows_of

ROOT = Path(__file__).resolve().parents[2]
TRANSLATIONS = ROOT / "resources" / "translations"
sys.path.insert(0, str(ROOT / "scripts"))
import translate  # noqa: E402


@pytest.fixture
def language() -> Iterator[Language]:
    before = QLocale()
    made = Language(TRANSLATIONS)
    yield made
    for translator in made._translators:
        QCoreApplication.removeTranslator(translator)
    QLocale.setDefault(before)
    QGuiApplication.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


def test_every_text_is_collected_and_translated_and_compiled() -> None:
    found = translate.faults()
    assert not found, "\n".join(found)


def test_a_text_that_nobody_translated_is_found(tmp_path: Path) -> None:
    path = tmp_path / "meadow_de.ts"
    path.write_text(
        "<TS><context><name>Page</name>"
        '<message><source>Left</source><translation type="unfinished"/></message>'
        "<message><source>Empty</source><translation></translation></message>"
        '<message numerus="yes"><source>%n chats</source><translation><numerusform>%n Chat</numerusform>'
        "<numerusform></numerusform></translation></message>"
        "<message><source>%1 of {all}</source><translation>%1 von allen</translation></message>"
        "<message><source>Good</source><translation>Gut</translation></message></context></TS>"
    )
    assert translate.missing(path) == ["Page: Left", "Page: Empty", "Page: %n chats"]
    assert translate.places_differ(path) == ["'%1 of {all}' became '%1 von allen'"]


def test_a_new_text_makes_the_files_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "New.qml"
    page.write_text('import QtQuick\nText { text: qsTr("Never seen before") }')
    before = translate.sources()
    monkeypatch.setattr(translate, "sources", lambda: [*before, page])
    found = translate.faults()
    assert any("stale" in fault for fault in found)
    assert any("Never seen before" in fault for fault in found)


def test_every_language_has_its_files() -> None:
    assert sorted(LANGUAGES) == translate.languages()


def test_the_language_changes_live_in_qml_and_in_python(language: Language, home: Path) -> None:
    engine = QQmlEngine()
    language.use("en")
    language.translate_engine(engine)
    component = QQmlComponent(engine)
    # The name of the file is the context.
    component.setData(
        b'import QtQuick\nItem { property string word: qsTr("Language") }', QUrl("file:///GeneralPage.qml")
    )
    item = component.create()
    assert item.property("word") == "Language"
    link = fakes.FakeLink()
    link.home = str(home)
    settings = Settings(link)
    language.changed.connect(settings.retranslate)
    titles: list[str] = []
    settings.translated.connect(lambda: titles.append(settings.property("pages")[0]["title"]))
    language.use("de")
    assert item.property("word") == "Sprache"
    assert titles == ["Allgemein"]
    language.use("en")
    assert item.property("word") == "Language"
    assert titles == ["Allgemein", "General"]


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [("en", 1, "1 session"), ("en", 3, "3 sessions"), ("de", 1, "1 Sitzung"), ("de", 3, "3 Sitzungen")],
)
def test_plurals(language: Language, code: str, number: int, text: str) -> None:
    language.use(code)
    assert QCoreApplication.translate("Share", "%n sessions", None, number) == text


def test_qt_speaks_the_same_language(language: Language) -> None:
    language.use("de")
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Abbrechen"
    assert QLocale().decimalPoint() == ","


def test_what_does_not_exist_is_the_language_of_the_system(language: Language) -> None:
    for chosen in ("", "tlh", "../../etc/passwd", "de\x00"):
        language.use(chosen)
        assert language.property("code") == of_system()


def test_a_made_up_language_is_longer_and_keeps_places_for_values() -> None:
    text = "{name} computed %1 of %n answers"
    made = translate.longer(text)
    assert len(made) > 1.3 * len(text) and made.startswith("[") and made.endswith("]")
    for place in ("{name}", "%1", "%n"):
        assert place in made and place in translate.mirrored(text)


def test_from_right_to_left(language: Language, tmp_path: Path) -> None:
    translate.pretend(tmp_path)
    turned = Language(tmp_path)
    turned.use("ar-XB")
    assert QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft
    assert QCoreApplication.translate("GeneralPage", "Language") not in ("", "Language")
    turned.use("en")
    assert QGuiApplication.layoutDirection() == Qt.LayoutDirection.LeftToRight
    for translator in turned._translators:
        QCoreApplication.removeTranslator(translator)


def test_the_wish_is_kept_and_followed(language: Language, home: Path) -> None:
    from meadow_app.settings.appearance import Appearance

    preferences = Preferences(home / "app.json")
    preferences.setProperty("language", "de")
    keeper = Appearance(preferences, language)
    assert language.property("code") == "de"
    preferences.setProperty("language", "en")
    assert language.property("code") == "en"
    keeper.deleteLater()


def test_errors_of_the_node_speak_the_language_of_the_window(language: Language) -> None:
    node_says = "The disk is full: 3 bytes are free in /home/me. Free some."
    assert said("disk_full", node_says) == node_says, "English knows more"
    language.use("de")
    shown = said("disk_full", node_says)
    assert shown != node_says and "Platte" in shown
    assert said("of_a_newer_node", node_says) == node_says
    problem = {"code": "disk_full", "message": node_says, "advice": "Free some.", "remedy": "free_disk"}
    (row,) = rows_of({"disk_full": problem})
    assert row["message"] == shown and row["advice"] == ""
    answer = {"state": "failed", "content": "", "answer": {"error": {"code": "disk_full", "message": node_says}}}
    assert facts.outcome(answer) == ("error", shown)


def test_every_code_that_is_translated_is_one_that_the_node_has() -> None:
    page = (resource_root().parent / "docs" / "api.md").read_text()
    table = page[page.index("| status | codes |") :]
    assert set(_CODES) <= set(re.findall(r"`(\w+)`", table))
