"""``app.settings``: all that the settings pages show and do. Start here.

The node's settings come from its registry, and every change is a request; the row shows what the node answers. The
app's own are ``preferences``. Nothing is fetched before a page asks (``load``), so that the first frame does not wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Property, QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtQml import QJSValue

from meadow_app import __version__
from meadow_app.language import LANGUAGES, QT_TRANSLATE_NOOP, of_system, translate
from meadow_app.settings.about import parts, qt_version
from meadow_app.settings.diagnostics import Diagnostics
from meadow_app.settings.form import Form
from meadow_app.settings.places import SizeCount, places
from meadow_app.settings.preferences import preferences_of
from meadow_app.settings.recovery import Recovery
from meadow_app.settings.registry import NotANumber, entry_of
from meadow_app.settings.shortcuts import Shortcuts
from meadow_app.text.plain import one_line

PAGES: Final = (
    ("general", QT_TRANSLATE_NOOP("SettingsPages", "General"), "GeneralPage.qml"),
    ("chat", QT_TRANSLATE_NOOP("SettingsPages", "Chat defaults"), "FormPage.qml"),
    ("sharing", QT_TRANSLATE_NOOP("SettingsPages", "Sharing limits"), "FormPage.qml"),
    ("network", QT_TRANSLATE_NOOP("SettingsPages", "Network"), "FormPage.qml"),
    ("api", QT_TRANSLATE_NOOP("SettingsPages", "API"), "ApiPage.qml"),
    ("storage", QT_TRANSLATE_NOOP("SettingsPages", "Storage"), "StoragePage.qml"),
    ("keyboard", QT_TRANSLATE_NOOP("SettingsPages", "Keyboard"), "KeyboardPage.qml"),
    ("diagnostics", QT_TRANSLATE_NOOP("SettingsPages", "Diagnostics"), "DiagnosticsPage.qml"),
    ("about", QT_TRANSLATE_NOOP("SettingsPages", "About"), "AboutPage.qml"),
)
_FORMS: Final = ("chat", "sharing", "network", "api")


class Settings(QObject):
    """See the module's text."""

    changed = Signal()
    """Anything but the rows: remarks, what waits for a restart, addresses, sizes."""

    translated = Signal()
    """The language is another one."""

    def __init__(self, link: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._places = places(link.home)
        self._preferences = preferences_of(link)
        self._shortcuts = Shortcuts(self)
        self._diagnostics = Diagnostics(link, self)
        self._recovery = Recovery(link, self._places.settings, self)
        self._forms = {page: Form(page, self) for page in _FORMS}
        self._remarks: list[str] = []
        self._error = ""
        self._file = str(self._places.settings)
        self._pending: frozenset[str] = frozenset()
        self._started: float | None = None
        self._wanted = False
        self._sizes: dict[str, int] = {}
        self._count = SizeCount(self)
        self._count.counted.connect(self._counted)
        self._restarting = False
        link.connected.connect(self._connected)
        link.statusChanged.connect(self._status_changed)
        link.mirror.changed.connect(self._mirrored)

    preferences = Property(QObject, lambda self: self._preferences, constant=True)
    shortcuts = Property(QObject, lambda self: self._shortcuts, constant=True)
    diagnostics = Property(QObject, lambda self: self._diagnostics, constant=True)
    recovery = Property(QObject, lambda self: self._recovery, constant=True)

    def _page_list(self) -> list[dict[str, str]]:
        return [{"page": page, "title": translate("SettingsPages", title), "file": file} for page, title, file in PAGES]

    pages = Property(list, _page_list, notify=translated)
    remarks = Property(list, lambda self: self._remarks, notify=changed)
    """What the node says about its settings file: an edit that is not in use, a key that has no effect."""
    error = Property(str, lambda self: self._error, notify=changed)
    """Why the settings cannot be shown."""
    restartNeeded = Property(bool, lambda self: bool(self._pending), notify=changed)
    restarting = Property(bool, lambda self: self._restarting, notify=changed)
    languages = Property(list, lambda self: self._language_list(), notify=translated)
    version = Property(str, lambda self: self._link.mirror.part("node").get("version", ""), notify=changed)
    otherVersion = Property(str, lambda self: self._other_version(), notify=changed)
    """The node that answers is of another version than this window: what that means; empty when it is not."""
    canRestart = Property(bool, lambda self: not self._link.remote and not self._restarting, notify=changed)
    qtVersion = Property(str, lambda self: qt_version(), constant=True)
    parts = Property(list, lambda self: parts(), constant=True)
    file = Property(str, lambda self: self._file, notify=changed)
    tokenFile = Property(str, lambda self: str(self._places.token), constant=True)

    def _other_version(self) -> str:
        version = str(self._link.mirror.part("node").get("version", ""))
        if str(self._link.status) != "connected" or version in ("", __version__):
            return ""
        said = self.tr(
            "Meadow was renewed: this window is version %1, but what runs in the background is still version %2. "
            "Restart it, so that both fit."
        )
        return said.replace("%1", __version__).replace("%2", one_line(version, 40))

    def _base_url(self) -> str:
        url = self._link.mirror.part("node").get("url", "")
        return f"{url}/v1" if url else ""

    baseUrl = Property(str, _base_url, notify=changed)

    def _place_list(self) -> list[dict[str, Any]]:
        about = {
            "data": self.tr("Settings, chats and the identity of this machine"),
            "cache": self.tr("Downloaded parts of models. Can be deleted; they are fetched again when needed"),
            "logs": self.tr("What happened, without anything of chats"),
        }
        names = {"data": self.tr("Data"), "cache": self.tr("Models"), "logs": self.tr("Logs")}
        return [
            {
                "name": names[name],
                "about": about[name],
                "path": str(getattr(self._places, name)),
                "bytes": float(self._sizes.get(name, -1)),
            }
            for name in names
        ]

    places = Property(list, _place_list, notify=changed)
    """Folders with their sizes; -1 bytes: still counting."""

    def _language_list(self) -> list[dict[str, str]]:
        """The system's first; each in its own language, so that one finds back."""
        system = self.tr("As the system (%1)").replace("%1", LANGUAGES[of_system()])
        return [{"value": "", "text": system}, *({"value": code, "text": name} for code, name in LANGUAGES.items())]

    @Slot(str, result=QObject)
    def form(self, page: str) -> Form | None:
        """The rows of a page, or None for one without."""
        return self._forms.get(page)

    # The node's settings

    @Slot()
    def load(self) -> None:
        """Fetch what the node has; pages call it when they are shown, because the file can be edited by hand."""
        self._wanted = True
        if self._link.status in ("starting", "lost"):  # it comes by itself, and then this does too
            self._error = ""
            self.changed.emit()
            return
        self._link.api.get("/api/settings/registry").then(self._registry).otherwise(self._failed)

    @Slot(str, "QVariant")
    def change(self, key: str, typed: Any) -> None:
        """Ask for another value. What is refused stays in the row, with why."""
        form = next((form for form in self._forms.values() if form.entry(key)), None)
        entry = form.entry(key) if form else None
        if form is None or entry is None:
            return
        try:
            value = entry.as_value(typed.toVariant() if isinstance(typed, QJSValue) else typed)
        except NotANumber as error:
            form.set_error(key, str(error))
            return
        self._patch(form, {key: value})

    @Slot(str)
    def reset(self, key: str) -> None:
        """Take the default again."""
        for form in self._forms.values():
            if form.entry(key) is not None:
                self._patch(form, {key: None})

    @Slot(str)
    def dismiss(self, key: str) -> None:
        """What was refused has been taken back."""
        for form in self._forms.values():
            form.set_error(key, "")

    def _patch(self, form: Form, changes: Mapping[str, Any]) -> None:
        (key,) = changes

        def refused(failure: Any) -> None:
            entry = form.entry(key)
            if failure.code == "invalid_value" and entry is not None and entry.range_text:
                form.set_error(key, self.tr("This must be %1.").replace("%1", entry.range_text))
            else:
                form.set_error(key, failure.message)

        def accepted(body: Any) -> None:
            form.set_error(key, "")
            self._values(body)

        self._link.api.patch("/api/settings", dict(changes)).then(accepted).otherwise(refused)

    def _registry(self, body: Any) -> None:
        entries = [entry for entry in map(entry_of, body) if entry is not None]
        for form in self._forms.values():
            form.set_entries(entries)
        self._link.api.get("/api/settings").then(self._values).otherwise(self._failed)

    def _values(self, body: Mapping[str, Any]) -> None:
        self._pending |= frozenset(body.get("restart_needed", ()))
        self._remarks = [str(remark) for remark in body.get("remarks", ())]
        self._file = str(body.get("file") or self._file)
        self._error = ""
        for form in self._forms.values():
            form.set_values(body["values"], frozenset(body["chosen"]), self._pending)
        self.changed.emit()

    def _failed(self, failure: Any) -> None:
        self._error = failure.message
        self.changed.emit()

    def _connected(self) -> None:
        if self._wanted:
            self.load()

    def _mirrored(self, parts: Any) -> None:
        if "node" not in parts:
            return
        started = self._link.mirror.part("node").get("started")
        if started != self._started:  # another life of the node: what waited for it counts now
            self._started, self._pending = started, frozenset()
            for form in self._forms.values():
                form.set_pending(self._pending)
        self.changed.emit()

    @Slot()
    def restartNode(self) -> None:
        """End the node and start it again: answers under way stop, and what was shared is offered again."""
        self._restarting = True
        self._link.stop_node().otherwise(self._not_restarted)
        self.changed.emit()

    def _not_restarted(self, failure: Any) -> None:
        self._restarting, self._error = False, failure.message
        self.changed.emit()

    def _status_changed(self) -> None:
        if self._restarting and self._link.status == "failed":  # it has ended, on purpose: nobody else starts it
            self._restarting = False
            self._link.retry()
        self.changed.emit()

    # Small things of the pages

    @Slot()
    def countSizes(self) -> None:
        """Count how large the folders are, in a thread."""
        place = self._places
        self._count.start({"data": place.data, "cache": place.cache, "logs": place.logs})

    def _counted(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes
        self.changed.emit()

    @Slot(str)
    def openFolder(self, path: str) -> None:
        """Show a folder, or the folder of a file, in the system's file manager."""
        folder = Path(path) if Path(path).is_dir() else Path(path).parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    @Slot(str)
    def copy(self, text: str) -> None:
        """Put ``text`` on the clipboard."""
        QGuiApplication.clipboard().setText(text)

    def retranslate(self) -> None:
        """The language is another one: say everything again."""
        for form in self._forms.values():
            form.refresh()
        self._shortcuts.retranslate()
        self._diagnostics.changed.emit()
        self.translated.emit()
        self.changed.emit()
