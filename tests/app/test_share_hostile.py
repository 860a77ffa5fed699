"""Nothing that a peer or a model can name is rendered rich, breaks a line, or stops a page (security.md S8)."""

from __future__ import annotations

from typing import Any

import pytest
import trees
from fakes import settle, spin
from hostile import HOSTILE
from page_window import PageWindow
from PySide6.QtQml import QQmlProperty
from test_share_page import node

from meadow_app.share.words import SHAPES

_SEEN = ("\u202e", "\u2066", "\x1b", "\x00", "\u200b")


def poisoned(text: str) -> dict:
    """A tree with ``text`` wherever somebody else can put one; as JSON carries it."""
    text = text.encode("utf-8", "replace").decode()
    server = {**trees.server(0, 0, 4, 5.0), "name": text, "peer_id": text, "state": text}
    mine = trees.server(1, 4, 8, 7.0, mine=True)
    models = [
        {**trees.model("a/b", 8, [server, mine], fingerprint="a" * 64), "hub_id": text, "name": text},
        {**trees.model("c/d", 8, [mine], fingerprint="c" * 64), "hub_id": text},
    ]
    problem = trees.problem("x", text, text, "retry", server_id="00000002")
    swarm = {**trees.swarm(*models), "message": text, "addresses": [text]}
    tree = trees.base(swarm=swarm, problems={text[:200]: problem})
    tree["share"] = {**tree["share"], "state": "problem", "reason": text, "text": text, "model": text, "wanted": "on"}
    tree["servers"] = {"00000002": trees.hosted("failed", model=text, last_failure=text, device=text, dtype=text)}
    session = {"server_id": "00000002", "peer_id": text, "name": text, "count": 1, "since": 1.0}
    tree["sessions"] = {"s": session}
    return tree


def check(window: PageWindow, name: str) -> int:
    """No text that holds a strange one is anything but plain; returns how many texts held one."""
    held = 0
    for item in window.items():
        text, has_format = item.property("text"), QQmlProperty(item, "textFormat").isValid()
        if isinstance(text, str) and text:
            assert not any(mark in text for mark in _SEEN), (name, text[:80])
            assert len(text) < 5000, (name, len(text))
            if has_format and "mw" in text:
                held += 1
                assert window.evaluate(item, "textFormat") == 0, f"{name}: not plain: {text[:80]!r}"
    return held


PAGES: dict[str, dict[str, Any]] = {
    "share/SharePage.qml": {"height": 1400},
    "share/ShareCard.qml": {"card": 240, "width": 260, "height": 300},
    "swarm/SwarmPage.qml": {},
}


@pytest.mark.parametrize("file", PAGES)
def test_pages_show_strange_names_as_plain_text(file: str) -> None:
    window = PageWindow(node(trees.base()), file, **PAGES[file])
    if file.startswith("swarm"):
        window.click("Addresses for others")
    held = 0
    for name, text in HOSTILE.items():
        window.app.link.tell(poisoned(text))
        settle()
        held += check(window, name)
        assert window.app.share.state in SHAPES
    if file.startswith("swarm"):
        window.click("As a table")
        for name, text in HOSTILE.items():
            window.app.link.tell(poisoned(text))
            settle()
            held += check(window, name)
    assert held > 2 * len(HOSTILE) // 3, "the strings did not reach the screen"
    assert window.warnings == []
    window.close()


def test_the_plan_and_the_model_picker_show_strange_names_as_plain_text() -> None:
    current = {"text": ""}

    def models(_: Any) -> dict:
        text = current["text"]
        swarm = {"complete": True, "num_servers": 3}
        return {"swarm": [{"id": text, "name": text, **swarm}], "local": [{"model": f"/x/{text}", "bytes": 5}]}

    def info(_: Any) -> dict:
        return {**trees.INFO, "dtype": current["text"], "reason": current["text"]}

    link = node(trees.base(), plan=lambda _: {**trees.PLAN, "device_name": current["text"], "model": current["text"]})
    link.api.on("GET", "/api/models", models)
    link.api.on("GET", "/api/models/info", info)
    window = PageWindow(link, "share/SharePage.qml")
    spin(lambda: window.shows("Choose a model to share"))
    window.click("Choose a model to share")
    spin(lambda: window.shows("Hub token…"))
    picker, held = window.app.models.picker("share"), 0
    for name, text in HOSTILE.items():
        current["text"] = text.encode("utf-8", "replace").decode()
        window.app.models.refresh()
        window.app.share.plan.look("")
        picker.look(current["text"])
        spin(lambda: not picker.busy and not window.app.share.plan.busy)
        settle()
        held += check(window, name)
    assert held > len(HOSTILE)
    assert window.warnings == []
    window.close()
