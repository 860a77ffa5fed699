"""One chat: sending, the stream, stopping, branching, deleting, and what stays when something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chat_node import CHAT, PEER, Node, answer, chat, opened, question
from fakes import FakeStream, settle, spin
from PySide6.QtCore import QLocale
from PySide6.QtGui import QGuiApplication

from meadow_app.chat.chats import Chats
from meadow_app.chat.conversation import Conversation
from meadow_app.chat.history import PAGE

TALK = [question(1, "Why?"), answer(2, "Because.", 1)]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    yield
    QLocale.setDefault(before)


def texts(conversation: Conversation) -> list[str]:
    return [message.text for message in conversation.messages]


def asked(node: Node, chats: Chats, text: str = "And?") -> tuple[Conversation, FakeStream]:
    """A question was sent, and its answer is being written."""
    node.sends()
    conversation = chats.current
    conversation.draft = text
    conversation.send()
    settle()
    return conversation, node.api.stream(f"/api/chats/{CHAT}/messages/11/events")


def test_a_first_message_begins_the_chat_and_a_refusal_loses_nothing() -> None:
    node = Node()
    chats = opened(node)
    conversation = chats.current
    assert conversation.fresh and not conversation.canSend
    conversation.setSystemPrompt("Be brief.")
    conversation.sampling.choose("precise")
    conversation.draft = "Why is the sky dark?"
    assert conversation.canSend
    node.refuses("POST", "/api/chats", "disk_full", "The disk is full.", 503)
    conversation.send()
    settle()
    assert conversation.problem == "The disk is full." and conversation.draft == "Why is the sky dark?"

    node.chats[CHAT] = chat()
    node.api.on("POST", "/api/chats", lambda request: node.chats[CHAT])
    node.sends()
    conversation.send()
    settle()
    body = node.api.asked("POST", "/api/chats")[-1].body
    assert body == {"system_prompt": "Be brief.", "settings": {"temperature": 0.2, "top_p": 0.9}}
    assert conversation.chatId == CHAT and chats.currentId == CHAT and not conversation.problem
    assert texts(conversation) == ["Why is the sky dark?", ""] and conversation.draft == ""
    assert conversation.writing and not conversation.canSend
    assert chats.rows.at(0)["writing"]


def test_an_answer_grows_by_code_points_whatever_is_repeated() -> None:
    node = Node(chat(), messages=TALK)
    conversation, stream = asked(node, opened(node))
    message = conversation.messages[-1]
    stream.push("started", {"prompt_tokens": 3, "reused_tokens": 0})
    stream.push("text", {"offset": 0, "text": "a😀"}, "2")
    stream.push("text", {"offset": 2, "text": "𝒳b"}, "4")
    stream.push("text", {"offset": 1, "text": "😀𝒳bc"}, "5")  # as after an interruption: some of it again
    stream.push("text", {"offset": 9, "text": "from nowhere"}, "9")
    spin(lambda: message.text == "a😀𝒳bc")
    stream.push("ended", answer(11, "a😀𝒳bc.", 10, facts={"tokens_per_second": 6.2, "completion_tokens": 9}))
    assert message.text == "a😀𝒳bc." and message.state == "complete" and not conversation.writing


def test_many_pieces_are_few_changes() -> None:
    node = Node(chat(), messages=TALK)
    conversation, stream = asked(node, opened(node))
    message, changes = conversation.messages[-1], []
    message.textChanged.connect(lambda: changes.append(message.text))
    for number in range(1000):
        stream.push("text", {"offset": 2 * number, "text": "x "}, str(2 * number + 2))
    assert changes == []  # nothing before the frame is due
    spin(lambda: len(message.text) == 2000)
    assert len(changes) == 1


def test_a_node_that_was_killed_ends_the_answer_with_what_it_kept() -> None:
    node = Node(chat(), messages=TALK)
    chats = opened(node)
    conversation, stream = asked(node, chats)
    message = conversation.messages[-1]
    stream.push("text", {"offset": 0, "text": "The night is"}, "12")
    spin(lambda: message.text == "The night is")
    stream.interrupt()
    node.become("lost", "It ended.")
    conversation.draft = "half a thought"
    assert message.text == "The night is" and "does not answer" in message.notice and chats.nodeText
    assert not conversation.canSend and conversation.writing

    node.path = [*TALK, question(10, "And?", 2), answer(11, "The night", 10, "interrupted")]
    node.become("connected")
    stream.opened.emit()
    stream.push("text", {"offset": 0, "text": "The night"}, "9")  # the last moment was lost with the node
    stream.push("ended", node.path[-1])
    settle()
    # What the person has read is not taken off the screen; that it was not stored is said.
    assert message.text == "The night is" and message.notice == "" and "last words were not stored" in message.outcome
    assert conversation.messages[-1] is message and conversation.draft == "half a thought" and conversation.canSend


def test_a_chat_of_the_demo_offers_to_start_it() -> None:
    """After a restart the demo is off, and its chats are there."""
    error = {"error": {"code": "demo_off", "message": "The demo is off."}}
    node = Node(chat(model="small"), messages=[question(1, "Hi"), answer(2, "", 1, "failed", error)])
    node.patch(demo={"status": "off", "model": "small"})
    chats = opened(node)
    conversation, availability = chats.current, chats.availability
    assert availability.demoMissing and not availability.demoBusy
    availability.startDemo()
    node.patch(demo={"status": "starting", "step": 1, "steps": 4})
    assert availability.demoMissing and availability.demoBusy and availability.demoFraction == 0.25
    small = {"fingerprint": "aa", "name": "small", "complete": True, "demo": True}
    node.patch(demo={"status": "ready"}, swarm={"models": {"aa": small}})
    assert not availability.demoMissing and not availability.demoBusy and conversation.canWriteAnew
    conversation.regenerate(conversation.messages[1])
    assert node.api.asked("POST", f"/api/chats/{CHAT}/messages/2/regenerate")
    assert conversation.model == "small"


def test_a_chat_that_is_too_long_is_not_called_nearly_empty() -> None:
    told = "The prompt has 40000 tokens, and 10 more were asked for; this model can hold 32768 in all."
    error = {"error": {"code": "too_long", "message": told}}
    short = answer(2, "Yes", 1, facts={"prompt_tokens": 240, "completion_tokens": 8})
    node = Node(
        chat(), messages=[question(1, "Hi"), short, question(3, "x" * 99, 2), answer(4, "", 3, "failed", error)]
    )
    conversation = opened(node).current
    assert conversation.contextText
    settle()
    assert conversation.contextText == "40,010 of 32,768 tokens" and conversation.contextUsed > conversation.contextSize
    rows: list[int] = []
    conversation.editWanted.connect(rows.append)
    conversation.editQuestion(conversation.messages[3])
    assert rows == [2]
    error["error"]["message"] = "The prompt is far longer than the 32768 tokens that this model can hold."
    conversation.messages[3].update(answer(4, "", 3, "failed", error))
    assert conversation.contextText == "more than 32,768 tokens"
    assert conversation.contextUsed == conversation.contextSize


def test_stopping_keeps_the_text_and_is_told_once() -> None:
    node = Node(chat(), messages=TALK)
    conversation, stream = asked(node, opened(node))
    stream.push("text", {"offset": 0, "text": "So far"}, "6")
    spin(lambda: conversation.messages[-1].text)
    conversation.stop()
    conversation.stop()
    stops = node.api.asked("POST", f"/api/chats/{CHAT}/stop")
    assert [stop.body for stop in stops] == [{"message_id": 11}] and conversation.stopping
    stream.push("ended", answer(11, "So far", 10, "stopped"))
    assert "stopped" in conversation.messages[-1].outcome and conversation.messages[-1].outcomeKind == "quiet"


def test_regenerate_edit_and_choose_go_to_the_branch() -> None:
    node = Node(chat(), messages=TALK)
    chats = opened(node)
    conversation = chats.current
    node.api.on(
        "POST",
        f"/api/chats/{CHAT}/messages/2/regenerate",
        {"question": None, "answer": answer(3, "", 1, "streaming", siblings=[2, 3])},
    )
    conversation.regenerate(conversation.messages[1])
    settle()
    new = conversation.messages[1]
    assert len(conversation.messages) == 2 and new.number == 3 and (new.branchText, new.branches) == ("2 of 2", 2)
    node.api.stream(f"/api/chats/{CHAT}/messages/3/events").push("ended", answer(3, "Else.", 1, siblings=[2, 3]))
    settle()

    node.path = [TALK[0], answer(2, "Because.", 1, siblings=[2, 3]), question(8, "More", 2)]
    node.api.on("POST", f"/api/chats/{CHAT}/messages/2/choose", node.path[1])
    conversation.choose(conversation.messages[1], 1)  # there is none after the last
    assert not conversation.busy
    conversation.choose(conversation.messages[1], -1)
    settle()
    assert texts(conversation) == ["Why?", "Because.", "More"] and conversation.messages[1].branch == 1

    edited = {"question": question(20, "Why then?", None, siblings=[1, 20]), "answer": answer(21, "", 20, "streaming")}
    node.api.on("POST", f"/api/chats/{CHAT}/messages/1/edit", edited)
    conversation.edit(conversation.messages[0], "Why?")  # nothing was changed, so nothing is asked
    assert not node.api.asked("POST", f"/api/chats/{CHAT}/messages/1/edit")
    conversation.edit(conversation.messages[0], "Why then?")
    settle()
    assert texts(conversation) == ["Why then?", ""] and conversation.writing


def test_a_deleted_message_comes_back() -> None:
    node = Node(chat(), messages=TALK)
    chats = opened(node)
    conversation = chats.current
    path = f"/api/chats/{CHAT}/messages/2"

    def gone(_: Any) -> None:
        node.path = TALK[:1]

    def back(_: Any) -> dict[str, Any]:
        node.path = list(TALK)
        return TALK[1]

    node.api.on("DELETE", path, gone)
    node.api.on("POST", f"{path}/restore", back)
    conversation.remove(conversation.messages[1])
    settle()
    settle()
    assert texts(conversation) == ["Why?"] and "deleted" in chats.undo.text
    chats.undo.take()
    settle()
    settle()
    assert texts(conversation) == ["Why?", "Because."] and chats.undo.text == ""


def test_history_comes_page_by_page_and_blocks_are_let_go() -> None:
    many: list[dict[str, Any]] = [question(1, "0")]
    many += [question(n, str(n - 1), n - 1) for n in range(2, 301)]
    node = Node(chat(), messages=many)
    conversation = opened(node).current
    assert len(conversation.messages) == PAGE and conversation.moreAbove
    kept = conversation.messages[0]
    conversation.loadOlder()
    conversation.loadOlder()  # one page at a time
    settle()
    assert len(conversation.messages) == 2 * PAGE and conversation.messages[PAGE] is kept
    while conversation.moreAbove:
        conversation.loadOlder()
        settle()
    assert texts(conversation) == [str(n) for n in range(300)]

    shown = list(conversation.messages)
    for message in shown:
        message.shown()
        assert message.document is not None
        message.hidden()
    assert sum(message.document is not None for message in shown) == 40 and shown[-1].document is not None


def test_settings_are_checked_here_and_there() -> None:
    node = Node(chat(settings={"seed": 7, "temperature": 0.2, "top_p": 0.9}), messages=TALK)
    sampling = opened(node).current.sampling
    path = f"/api/chats/{CHAT}"
    assert sampling.preset == "precise"
    sampling.choose("creative")
    settle()
    assert node.api.asked("PATCH", path)[-1].body == {"settings": {"seed": 7, "temperature": 1.1, "top_p": 0.98}}
    assert sampling.preset == "creative"

    def error(name: str) -> str:
        return next(field["error"] for field in sampling.fields if field["name"] == name)

    before = len(node.api.asked("PATCH", path))
    for name, text in (
        ("top_p", "0"),
        ("top_p", "x"),
        ("top_k", "1.5"),
        ("presence_penalty", "3"),
        ("temperature", "nan"),
    ):
        sampling.write(name, text)
        assert error(name), (name, text)
    assert len(node.api.asked("PATCH", path)) == before
    sampling.write("temperature", "0,7")
    settle()
    assert node.api.asked("PATCH", path)[-1].body["settings"]["temperature"] == 0.7 and not error("temperature")
    assert sampling.preset == "custom"
    node.refuses("PATCH", path, "invalid_value", "settings.max_tokens: too much for this model")
    sampling.write("max_tokens", "9")
    settle()
    assert "too much" in error("max_tokens")


def test_the_line_under_an_answer_and_who_could_read() -> None:
    facts = {
        "tokens_per_second": 6.21,
        "completion_tokens": 30,
        "prompt_tokens": 1174,
        "first_token_seconds": 0.81,
        "pass_seconds": 0.15,
        "route": [
            {"peer_id": PEER, "server_id": "a", "start": 0, "end": 40, "step_seconds": 0.08, "queue_seconds": 0.02},
            {
                "peer_id": "12D3KooWstranger",
                "server_id": "b",
                "start": 40,
                "end": 80,
                "step_seconds": 0.04,
                "name": "Tidy Rush",
            },
        ],
    }
    node = Node(chat(), messages=[TALK[0], answer(2, "Because.", 1, facts=facts)])
    chats = opened(node)
    message = chats.current.messages[1]
    assert (message.speedText, message.firstTokenText) == ("6.2 tok/s over 2 peers", "first token 0.8 s")
    rows = [(row["who"], row["what"], row["time"]) for row in message.hops]
    assert rows == [
        ("You", "embeddings, head", "11 ms"),
        ("Plain Oak", "blocks 1–40", "100 ms"),
        ("Tidy Rush", "blocks 41–80", "40 ms"),
        ("Between them", "network", "10 ms"),
    ]
    assert chats.current.contextText == "1,204 tokens"  # the model's context is asked for
    settle()
    assert chats.current.contextText == "1,204 of 32,768 tokens"
    assert [row["name"] for row in chats.current.readers] == ["Plain Oak", "Tidy Rush"]
    assert chats.availability.upText == "80 of 80 blocks up · 2 servers"
    assert "Plain Oak" in chats.availability.privacy and "Quiet Fern" not in chats.availability.privacy

    bare = {"tokens_per_second": 3.0, "completion_tokens": 5, "route": [{"peer_id": PEER, "start": 0, "end": 80}]}
    message.update(answer(2, "Because.", 1, facts=bare))
    assert [row["time"] for row in message.hops] == [""]  # what was not measured is not shown


@pytest.mark.parametrize(
    ("state", "facts", "kind", "words"),
    [
        ("failed", {"error": {"code": "blocks_missing", "message": "Blocks 3-5 are gone."}}, "error", "Blocks 3-5"),
        ("interrupted", {}, "warn", "ended while"),
        ("complete", {"finish_reason": "length"}, "quiet", "greatest length"),
        ("complete", {"finish_reason": "stop"}, "", ""),
    ],
)
def test_an_answer_says_how_it_ended(state: str, facts: dict[str, Any], kind: str, words: str) -> None:
    node = Node(chat(), messages=[TALK[0], answer(2, "So far", 1, state, facts)])
    message = opened(node).current.messages[1]
    assert message.outcomeKind == kind and words in message.outcome


def test_copying_takes_the_text_as_it_was_written() -> None:
    node = Node(chat(), messages=[TALK[0], answer(2, "**bold** <b>", 1), question(3, "x" * 9000, 2)])
    conversation = opened(node).current
    conversation.copyLast()
    assert QGuiApplication.clipboard().text() == "**bold** <b>"
    long = conversation.messages[2]
    assert long.folded and len(long.plain) < 9000
    conversation.copy(long)
    assert QGuiApplication.clipboard().text() == "x" * 9000
    long.unfold()
    assert len(long.plain) == 9000


def test_news_of_the_own_answer_that_come_before_the_reply_do_no_harm() -> None:
    """The state tree is often faster than the reply to the command that began the answer."""
    node = Node(chat(), messages=TALK)
    chats = opened(node)
    conversation = chats.current
    conversation.draft = "And?"
    conversation.load()  # and a page from before may still be on its way
    conversation.send()
    sent = node.api.last
    node.path = [*TALK, question(10, "And?", 2), answer(11, "", 10, "streaming")]
    node.running = 11
    node.patch(chats={"r": {"id": "r", "conversation": CHAT, "status": "waiting"}})
    settle()
    sent.answer({"question": node.path[2], "answer": node.path[3]})
    settle()
    settle()
    assert texts(conversation) == ["Why?", "Because.", "And?", ""] and conversation.writing
    assert len(node.api.streams) == 1
    node.api.streams[0].push("text", {"offset": 0, "text": "Well"}, "4")
    spin(lambda: conversation.messages[-1].text == "Well")


def test_an_answer_that_another_program_asked_for_is_followed() -> None:
    node = Node(chat(), messages=TALK)
    chats = opened(node)
    conversation = chats.current
    node.path = [*TALK, question(10, "From elsewhere", 2), answer(11, "So ", 10, "streaming")]
    node.running = 11
    node.patch(chats={"r": {"id": "r", "conversation": CHAT, "status": "writing"}})
    settle()
    settle()
    stream = node.api.stream(f"/api/chats/{CHAT}/messages/11/events")
    assert stream.last_id == "3" and conversation.writing
    stream.push("text", {"offset": 3, "text": "it is"}, "8")
    spin(lambda: conversation.messages[-1].text == "So it is")


# What waits for the demo, and what is up


def test_what_is_written_while_the_demo_starts_is_sent_when_it_is_ready() -> None:
    node = Node(chat(model=None), messages=[])
    node.sends()
    node.patch(swarm={"models": None}, demo={"status": "off", "model": "toy"})
    chats = opened(node)
    up = chats.availability
    up.startDemo()
    node.patch(demo={"status": "starting", "step": 1, "steps": 6})
    chats.current.draft = "How are you?"
    assert up.canAsk
    up.send()
    settle()
    assert up.queued == "Your message is sent as soon as the demo is ready." and not up.canAsk
    assert not node.api.asked("POST", f"/api/chats/{CHAT}/messages")
    up.keep()
    assert up.queued == "" and chats.current.draft == "How are you?"
    up.send()
    toy = {"fingerprint": "t", "name": "toy", "num_blocks": 2, "complete": True, "missing": [], "num_servers": 2}
    node.patch(demo={"status": "ready"}, swarm={"models": {"demo:t": {**toy, "servers": {}, "demo": True}}})
    settle()
    assert node.api.asked("PATCH", f"/api/chats/{CHAT}")[-1].body == {"model": "toy"}, "first it asks the demo"
    sent = node.api.asked("POST", f"/api/chats/{CHAT}/messages")
    assert [one.body for one in sent] == [{"content": "How are you?"}]
    order = [(one.method, one.path) for one in node.api.requests]
    assert order.index(("PATCH", f"/api/chats/{CHAT}")) < order.index(("POST", f"/api/chats/{CHAT}/messages"))
    assert up.queued == "" and chats.current.draft == ""


def test_a_demo_that_fails_leaves_the_text() -> None:
    node = Node(chat(model=None), messages=[])
    node.patch(swarm={"models": None}, demo={"status": "starting", "model": "toy"})
    chats = opened(node)
    chats.current.draft = "How are you?"
    chats.availability.send()
    assert chats.availability.queued
    node.patch(demo={"status": "failed", "message": "There is no room."})
    settle()
    assert not chats.availability.queued and chats.current.draft == "How are you?"
    assert not node.api.asked("POST", f"/api/chats/{CHAT}/messages")


def test_what_is_written_before_the_node_is_there_is_sent_then() -> None:
    node = Node(chat(), messages=[], status="starting")
    chats = opened(node)
    chats.newChat()
    chats.current.draft = "Hello"
    chats.availability.send()
    assert chats.availability.looking and chats.availability.queued == (
        "Your message is sent as soon as Meadow is ready."
    )
    node.become("connected")
    settle()
    assert node.api.asked("POST", "/api/chats") and not chats.availability.queued
    assert chats.availability.canAnswer and not chats.availability.looking


def test_a_demo_that_ended_with_meadow_is_said_where_it_answered() -> None:
    node = Node(chat(model=None), messages=[question(1, "q"), answer(2, "a", 1)])
    node.patch(swarm={"models": None}, demo={"status": "off", "model": "toy"})
    up = opened(node).availability
    assert not up.demoMissing
    node.patch(demo={"interrupted": True})
    assert up.demoMissing and up.demoText == "The demo was on when Meadow ended. It does not start again by itself."
    node.patch(demo={"interrupted": None, "status": "starting"})
    assert "ended" not in up.demoText


def test_models_with_the_same_last_part_are_told_apart_by_their_owners() -> None:
    node = Node(chat(), messages=[])
    conversation = opened(node).current
    assert conversation.modelName == "big"
    twin = {"fingerprint": "ee", "name": "big", "hub_id": "someone/big", "num_blocks": 8, "servers": {}}
    node.patch(swarm={"models": {"ee": twin}})
    assert conversation.modelName == "big (owner)"
