"""The chat view-models against a real node with a real two-server swarm: what a person does in an evening."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import settle, spin
from live_node import LiveNode, live_node
from PySide6.QtCore import QUrl

from meadow_app.chat.chats import Chats
from meadow_app.chat.conversation import Conversation
from meadow_app.link.node import NodeLink

# So hot that any token may come: the end of the text is one of very many, so these answers are long.
LONG = {"max_tokens": 1800, "temperature": 20.0, "seed": 5}


@pytest.fixture(scope="module")
def node() -> Iterator[LiveNode]:
    with live_node() as node:
        node.wait_until_up()
        yield node


@pytest.fixture
def link(node: LiveNode) -> Iterator[NodeLink]:
    link = NodeLink(str(node.home))
    link.start()
    spin(lambda: link.status == "connected" and link.mirror.tree)
    yield link
    link.close()
    settle()


@pytest.fixture
def chats(link: NodeLink) -> Iterator[Chats]:
    chats = Chats(link)
    spin(lambda: not chats.loading and chats.availability.upKind == "up")
    yield chats


def ask(chats: Chats, text: str, **settings: float) -> Conversation:
    """Ask in the open chat, and wait until the answer has begun."""
    conversation = chats.current
    if settings and not conversation.chatId:
        conversation.sampling.wanted.emit(settings)
    conversation.draft = text
    conversation.send()
    spin(lambda: conversation.writing or conversation.problem)
    assert not conversation.problem
    return conversation


def answered(conversation: Conversation) -> str:
    spin(lambda: not conversation.writing, 120)
    return conversation.messages[-1].text


def test_an_evening_of_chatting(chats: Chats, node: LiveNode, tmp_path: Path) -> None:
    assert chats.availability.private and not chats.availability.noModel
    chat = ask(chats, "Why is the sky zorbled?", temperature=0.0, max_tokens=24)
    first = answered(chat)
    message = chat.messages[-1]
    assert first and message.state == "complete" and chat.draft == ""
    assert message.hasRoute and "tok/s" in message.speedText and message.firstTokenText
    stored = node.client.get(f"/api/chats/{chat.chatId}/messages").json()["messages"]
    assert [one["content"] for one in stored] == ["Why is the sky zorbled?", first]
    spin(lambda: chat.title == "Why is the sky zorbled?" and chats.rows.at(0)["title"] == chat.title)
    spin(lambda: " of " in chat.contextText or not chat.contextSize)

    chat.regenerate(message)
    spin(lambda: chat.writing)
    answered(chat)
    assert chat.messages[-1].branchText == "2 of 2"
    chat.choose(chat.messages[-1], -1)
    spin(lambda: chat.messages[-1].branch == 1 and not chat.busy)
    assert chat.messages[-1].text == first

    chat.edit(chat.messages[0], "Why is the grass zorbled?")
    spin(lambda: chat.writing)
    answered(chat)
    assert chat.messages[0].text == "Why is the grass zorbled?" and chat.messages[0].branch == 2

    chat.remove(chat.messages[-1])
    spin(lambda: len(chat.messages) == 1)
    chats.undo.take()
    spin(lambda: len(chat.messages) == 2)

    searching = chats.searching
    searching.query = "zorb"
    spin(lambda: searching.found.count >= 2)
    assert any(piece["hit"] and "zorbled" in piece["text"] for piece in searching.found.at(0)["pieces"])
    rows: list[int] = []
    chat.found.connect(rows.append)
    old = next(one for one in stored if one["role"] == "user")
    chats.openAt(chat.chatId, str(old["id"]))  # it is on the branch that was left
    spin(lambda: rows)
    assert chat.messages[rows[0]].text == "Why is the sky zorbled?"

    said: list[str] = []
    chats.files.done.connect(said.append)
    target = tmp_path / "chat.json"
    chats.files.exportChat(chat.chatId, "json", QUrl.fromLocalFile(str(target)))
    spin(lambda: said)
    assert json.loads(target.read_text())["format"] == "meadow.chats"
    chats.files.importFile(QUrl.fromLocalFile(str(target)))
    spin(lambda: len(said) == 2)
    spin(lambda: chats.currentId != chat.chatId and len(chats.current.messages) == 2)

    key = chats.currentId
    chats.remove(key)
    spin(lambda: chats.rows.find(key) < 0 and chats.currentId == "")
    chats.undo.take()
    spin(lambda: chats.rows.find(key) >= 0 and chats.currentId == key)


def test_a_stopped_answer_keeps_its_text(chats: Chats) -> None:
    chats.newChat()
    chat = ask(chats, "Count to a thousand.", **LONG)
    spin(lambda: len(chat.messages[-1].text) > 20)
    assert chats.isWriting(chat.chatId) and chats.rows.at(0)["writing"]
    chat.stop()
    text = answered(chat)
    assert text and chat.messages[-1].state in ("stopped", "complete")
    spin(lambda: chat.canWriteAnew and not chats.rows.at(0)["writing"])  # the list hears of it from the tree


def test_settings_that_the_node_refuses_are_told_at_the_field(chats: Chats) -> None:
    chats.newChat()
    chat = ask(chats, "Hello.", max_tokens=4)
    answered(chat)
    chat.sampling.choose("precise")
    spin(lambda: chat.sampling.settings.get("temperature") == 0.2)
    chat.sampling.wanted.emit({"top_p": 7})
    spin(lambda: any(field["error"] for field in chat.sampling.fields) or chat.sampling.trouble)


@pytest.mark.full
def test_the_node_is_killed_in_the_middle_and_comes_back() -> None:
    with live_node() as node:
        node.wait_until_up()
        link = NodeLink(str(node.home))
        link.start()
        chats = Chats(link)
        spin(lambda: chats.availability.upKind == "up")
        chat = ask(chats, "Count to a thousand.", **LONG)
        spin(lambda: len(chat.messages[-1].text) > 40)
        chat.draft = "half a thought"
        children = node.processes("meadow.")
        os.kill(node.process.pid, signal.SIGKILL)
        message, heard = chat.messages[-1], chat.messages[-1].text
        spin(lambda: link.status != "connected" and message.notice, 60)
        assert message.text.startswith(heard[:20]) and not chat.canSend and chats.nodeText

        # The link starts another node for the same home; what was kept comes from it.
        spin(lambda: link.status == "connected" and not message.writing, 120)
        assert message.state == "interrupted" and message.text.startswith(heard)  # nothing is taken away
        assert "stay" in message.outcome and chat.messages[-1] is message
        assert chat.draft == "half a thought"
        stopped: list[object] = []
        link.stop_node().then(stopped.append).otherwise(stopped.append)
        spin(lambda: stopped)
        link.close()
        del children
