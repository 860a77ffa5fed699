"""The list of chats: order and headings, pages, search, delete with undo, drafts, files, who writes, hostile text."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chat_node import CHAT, OTHER, TREE, Node, answer, chat, opened, question
from fakes import settle, spin
from PySide6.QtCore import QUrl

from meadow_app.chat.chats import Chats
from meadow_app.chat.files import file_name
from meadow_app.chat.groups import heading
from meadow_app.chat.searching import marked
from meadow_app.chat.undo import Undo
from meadow_app.link.call import Failure


def ago(**past: float) -> float:
    return time.time() - timedelta(**past).total_seconds()


def test_headings_follow_the_calendar() -> None:
    now = datetime(2026, 3, 1, 0, 10)

    def of(*moment: int) -> str:
        return heading(datetime(*moment).timestamp(), now.timestamp())  # type: ignore[arg-type, misc]

    assert of(2026, 3, 1, 0, 5) == "Today" and of(2026, 3, 2) == "Today"
    assert of(2026, 2, 28, 23, 59) == "Yesterday"
    assert of(2026, 2, 22) == "Previous 7 days"
    assert of(2026, 2, 21) == "February"
    assert of(2025, 2, 21) == "February 2025"


def test_the_last_used_chat_comes_first_and_pages_follow() -> None:
    many = [chat(f"{n:032x}", f"Chat {n}", ago(days=n)) for n in range(1, 121)]
    chats = opened(Node(*many))
    titles = [row["title"] for row in chats.rows.rows]
    assert titles == [f"Chat {n}" for n in range(1, 51)] and chats.more
    chats.loadMore()
    settle()
    chats.loadMore()
    settle()
    assert chats.rows.count == 120 and not chats.more
    assert chats.rows.at(0)["group"] == "Yesterday" and chats.rows.at(3)["group"] == "Previous 7 days"


def test_rename_delete_and_undo() -> None:
    node = Node(chat(used=ago(hours=1)), chat(OTHER, "Bread", ago(hours=2)))
    chats = opened(node)
    chats.rename(CHAT, "  Night sky ")
    settle()
    assert node.api.last.body == {"title": "Night sky"} and chats.rows.at(0)["title"] == "Night sky"
    assert chats.current.title == "Night sky"

    kept = node.chats[CHAT]
    chats.remove(CHAT)
    settle()
    assert chats.rows.find(CHAT) < 0 and chats.currentId == "" and "Night sky" in chats.undo.text
    node.chats[CHAT] = kept
    node.api.on("POST", f"/api/chats/{CHAT}/restore", kept)
    chats.undo.take()
    settle()
    settle()
    assert chats.rows.at(0)["key"] == CHAT and chats.currentId == CHAT


def test_an_offer_to_undo_ends_by_itself() -> None:
    undo, taken = Undo(seconds=0.02), []
    undo.offer("chat", "Deleted", lambda: taken.append(1))
    assert undo.text == "Deleted"
    spin(lambda: undo.text == "")
    undo.take()
    assert taken == []


def test_each_chat_keeps_its_draft() -> None:
    chats = opened(Node(chat(), chat(OTHER, "Bread", 900.0)))
    chats.current.draft = "half"
    chats.open(OTHER)
    settle()
    chats.current.draft = "other half"
    chats.newChat()
    chats.current.draft = "new"
    chats.open(CHAT)
    assert chats.current.draft == "half"
    chats.newChat()
    assert chats.current.draft == "new"


def test_chats_in_the_background_go_on_and_the_list_shows_them() -> None:
    node = Node(chat(used=2000.0), chat(OTHER, "Bread", 1000.0), messages=[question(1, "Why?"), answer(2, "So.", 1)])
    chats = opened(node)
    ended: list[tuple[str, str, bool]] = []
    chats.answerFinished.connect(lambda *told: ended.append(told))
    node.sends()
    chats.current.draft = "More"
    chats.current.send()
    settle()
    writing = chats.current
    chats.open(OTHER)
    settle()
    assert [row["writing"] for row in chats.rows.rows] == [True, False] and chats.isWriting(CHAT)
    node.api.stream(f"/api/chats/{CHAT}/messages/11/events").push("ended", answer(11, "Well.", 10))
    settle()
    assert [message.text for message in writing.messages][-1] == "Well."
    assert ended == [(CHAT, "Stars", False)] and not chats.rows.at(0)["writing"]

    # Another program asks in a chat that is not open here.
    node.patch(chats={"r1": {"id": "r1", "conversation": OTHER, "status": "writing"}})
    assert chats.rows.at(chats.rows.find(OTHER))["writing"]
    node.patch(chats={"r1": None})
    assert not chats.rows.at(chats.rows.find(OTHER))["writing"]


def test_only_few_chats_stay_in_memory() -> None:
    many = [chat(f"{n:032x}", f"Chat {n}", 1000.0 + n) for n in range(1, 20)]
    node = Node(*many)
    for one in many:
        page: dict[str, Any] = {"messages": [], "next": None, "running": None}
        node.api.on("GET", f"/api/chats/{one['id']}/messages", page)
    chats = opened(node)
    for one in many:
        chats.open(one["id"])
        settle()
    assert len(chats._open) <= 8 and chats.currentId == many[-1]["id"]
    assert not chats.current.moreAbove and chats.current.fresh


def test_search_shows_where_the_words_are() -> None:
    node = Node(chat())
    chats = opened(node)
    searching = chats.searching
    snippet = "😀 every line of sight ends on a star, and a star is bright"
    places = [[snippet.find("star"), snippet.find("star") + 4], [snippet.rfind("star"), snippet.rfind("star") + 4]]
    found = {
        "found": [
            {"chat_id": CHAT, "title": "Stars", "message_id": None, "snippet": "Stars", "highlights": [[0, 5]]},
            {
                "chat_id": CHAT, "title": "Stars", "message_id": 2**40, "role": "assistant",
                "snippet": snippet, "highlights": places,
            },
        ],
        "next": 2**40,
    }  # fmt: skip
    node.api.on("GET", "/api/chats/search", found)
    searching.query = "sta"
    searching.query = "star"
    spin(lambda: searching.found.count == 2)
    assert [request.query["q"] for request in node.api.asked("GET", "/api/chats/search")] == ["star"]
    title, hit = searching.found.rows
    assert title["isTitle"] and hit["message"] == str(2**40)
    assert [piece["text"] for piece in hit["pieces"] if piece["hit"]] == ["star", "star"]
    assert "".join(piece["text"] for piece in hit["pieces"]).startswith("…")
    searching.more()
    assert node.api.last.query["before"] == 2**40
    searching.query = " "
    assert not searching.active and searching.found.count == 0

    node.api.on("GET", "/api/chats/search", {"found": [], "next": None})
    searching.query = "zebra"
    spin(lambda: searching.nothing)


@pytest.mark.parametrize("places", [[[5, 2]], [[-3, 99]], [["a", None]], [[0, 1], [0, 1]], "x", [[3, 4], [1, 2]]])
def test_wrong_places_of_highlights_do_no_harm(places: Any) -> None:
    pieces = marked("some text", places)
    assert pieces and "".join(piece["text"] for piece in pieces).startswith(("some text", "…"))


def test_files_go_out_and_come_in(tmp_path: Path) -> None:
    node = Node(chat())
    files = opened(node).files
    said: list[str] = []
    files.done.connect(said.append)
    files.failed.connect(said.append)
    target = tmp_path / "a.md"
    node.api.on("GET", f"/api/chats/{CHAT}/export", 12)
    files.exportChat(CHAT, "markdown", QUrl.fromLocalFile(str(target)))
    settle()
    assert node.api.saved == {str(target): f"/api/chats/{CHAT}/export"} and node.api.last.query == {
        "format": "markdown"
    }
    assert "a.md" in said.pop()

    source = tmp_path / "all.ndjson"
    source.write_text('{"format":"meadow.chats","chats":[1]}\n{"format":"meadow.chats","chats":[2]}\n')
    node.api.on("POST", "/api/chats/import", lambda request: {"chats": [chat(OTHER, "Came in", ago(minutes=1))]})
    files.importFile(QUrl.fromLocalFile(str(source)))
    settle()
    settle()
    bodies = [request.body for request in node.api.asked("POST", "/api/chats/import")]
    assert [body["format"] for body in bodies] == ["json", "json"] and "[2]" in bodies[1]["content"]
    assert "2 chats" in said.pop()

    source.write_text("# A talk\n\n## You\n\nWhy?\n")
    node.refuses("POST", "/api/chats/import", "bad_import", "There is no message in it.")
    files.importFile(QUrl.fromLocalFile(str(source)))
    settle()
    assert node.api.last.body["format"] == "markdown" and said.pop() == "There is no message in it."
    source.write_bytes(b"\xff\xfe\x00")
    files.importFile(QUrl.fromLocalFile(str(source)))
    files.importFile(QUrl.fromLocalFile(str(tmp_path / "none")))
    assert "UTF-8" in said[0] and "cannot be read" in said[1]
    assert file_name('a/b: "c"\u202e?', "json") == "a-b- -c.json" and file_name("…", "markdown") == "Chat.md"


def test_no_model_is_up_until_the_demo_is() -> None:
    node = Node()
    node.tell({**TREE, "swarm": {"status": "joined"}, "demo": {"status": "off", "model": "demo-model"}})
    chats = opened(node)
    up = chats.availability
    assert up.noModel and up.upKind == "down"
    node.api.on("POST", "/api/demo", {})
    up.startDemo()
    assert up.demoBusy and up.demoText
    settle()
    node.patch(demo={"status": "starting", "step": 1, "steps": 4})
    assert up.demoFraction == 0.25
    demo = {
        "fingerprint": "dd",
        "name": "demo-model",
        "num_blocks": 4,
        "complete": True,
        "num_servers": 2,
        "demo": True,
    }
    node.patch(demo={"status": "ready"}, swarm={"models": {"demo:dd": demo}})
    assert not up.noModel and not up.demoBusy and chats.current.model == "demo-model"
    assert up.private and "nothing that you write leaves it" in up.privacy

    node.api.on("POST", "/api/demo", Failure("memory", "There is not enough memory.", 503))
    up.startDemo()
    settle()
    assert up.demoText == "There is not enough memory." and not up.demoBusy


def test_the_list_says_why_it_is_empty() -> None:
    node = Node()
    node.refuses("GET", "/api/chats", "chats_damaged", "The file is damaged.", 503)
    chats: Chats = opened(node)
    assert chats.problem == "The file is damaged." and not chats.none
    node.api.on("GET", "/api/chats", {"chats": [], "next": None})
    node.become("lost")
    assert "gone" in chats.nodeText
    node.become("connected")
    settle()
    assert chats.problem == "" and chats.none and chats.nodeText == ""


def test_hostile_names_are_plain() -> None:
    evil = "<b>x</b>\u202e\x00<img src=file:///etc/passwd>\n" + "y" * 1_000_000
    tree = {**TREE, "peers": {"p": {"peer_id": "p", "name": evil}}}
    facts = {"route": [{"peer_id": "p", "start": 0, "end": 1, "name": evil}], "model": evil, "error": {"message": evil}}
    node = Node(chat(title=evil, model=evil), messages=[question(1, evil), answer(2, evil, 1, "failed", facts)])
    node.tell(tree)
    chats = opened(node)
    message = chats.current.messages[1]
    shown = [
        chats.rows.at(0)["title"], chats.rows.at(0)["model"], chats.current.title, chats.current.modelName,
        message.outcome, message.model, message.hops[0]["who"], chats.current.readers[0]["name"],
        chats.availability.privacy, chats.current.messages[0].plain,
    ]  # fmt: skip
    for text in shown:
        assert len(text) < 5000 and "\u202e" not in text and "\x00" not in text


def test_a_found_message_is_gone_to_also_on_another_branch() -> None:
    many = [question(1, "0")] + [question(n, str(n - 1), n - 1) for n in range(2, 301)]
    node = Node(chat(), messages=many)
    chats = Chats(node)  # type: ignore[arg-type]
    settle()
    rows: list[int] = []
    chats.openAt(CHAT, "12")
    chats.current.found.connect(rows.append)
    spin(lambda: rows)
    assert chats.current.messages[rows[0]].number == 12

    def choose(_: Any) -> dict[str, Any]:
        node.path = [many[0], question(900, "elsewhere", 1)]
        return node.path[1]

    node.api.on("POST", f"/api/chats/{CHAT}/messages/900/choose", choose)
    chats.openAt(CHAT, "900")
    spin(lambda: len(rows) == 2)
    assert chats.current.messages[rows[1]].text == "elsewhere"
