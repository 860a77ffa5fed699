"""A stream of events stays: over interruptions, silence, garbage and a node that moves. It ends when it should."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest
from fakes import settle, spin
from PySide6.QtCore import Qt
from raw_server import EVENTS_HEAD, Asked, RawServer, chunk, events, raw_server, reply

from meadow_app.link import sse
from meadow_app.link.api import Api, EventStream
from meadow_app.link.mirror import Mirror, merge

FAST = b"retry: 100\n\n"


class Heard:
    """All that a stream says."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream
        self.events: list[tuple[str, str, Any]] = []
        self.troubles: list[str] = []
        self.failures: list[str] = []
        self.opened = self.ended = 0
        stream.event.connect(lambda *event: self.events.append(event))
        stream.interrupted.connect(lambda failure: self.troubles.append(failure.code))
        stream.failed.connect(lambda failure: self.failures.append(failure.code))
        stream.opened.connect(self._opened)
        stream.ended.connect(self._ended)

    def _opened(self) -> None:
        self.opened += 1

    def _ended(self) -> None:
        self.ended += 1


def listen(server: RawServer, **options: Any) -> Heard:
    api = Api()
    api.set_target(server.url, "t")
    heard = Heard(api.events("/api/events", **options))
    heard.api = api  # type: ignore[attr-defined]  # keeps it
    return heard


def test_it_comes_back_with_the_last_id_and_misses_nothing() -> None:
    read = threading.Event()
    answers = [
        events(FAST, b'id: 1\nevent: text\ndata: "a"\n\nid: 2\nevent: te', b'xt\ndata: "b"\n\nid: 3\ndata', then=read),
        reply("{}", "503 Service Unavailable"),
        events(b'id: 3\nevent: text\ndata: "c"\n\nid: 4\nevent: ended\ndata: {}\n\nid: 5\nevent: text\ndata: "x"\n\n'),
    ]  # fmt: skip
    with raw_server(*answers) as server:
        heard = listen(server, until="ended")
        spin(lambda: len(heard.events) == 2)
        read.set()
        spin(lambda: heard.ended)
        settle()
    # Qt now and then asks once more by itself, with the old headers; that must not be mistaken for the rest.
    assert [asked.headers.get("last-event-id") for asked in server.asked] in ([None, "2", "2"], [None, None, "2"])
    assert server.asked[0].headers["accept"] == "text/event-stream"
    assert heard.events == [("text", "1", "a"), ("text", "2", "b"), ("text", "3", "c"), ("ended", "4", {})]
    assert (heard.opened, heard.ended, heard.failures) == (2, 1, [])
    assert heard.troubles[0] == "node_ended"


def test_a_proper_end_is_an_interruption_too_unless_it_was_the_last_event() -> None:
    with raw_server(events(FAST, b"id: 1\ndata: 1\n\n"), events(b"id: 2\ndata: 2\n\n", then="stay")) as server:
        heard = listen(server, last_id="0")
        spin(lambda: len(heard.events) == 2)
        heard.stream.stop()
    assert [asked.headers["last-event-id"] for asked in server.asked] == ["0", "1"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply('{"error": {"code": "unknown_message", "message": "Gone."}}', "404 Not Found"), "unknown_message"),
        (reply('{"error": {"code": "invalid_api_key", "message": "No."}}', "401 Unauthorized"), "invalid_api_key"),
        (reply("{}"), "not_a_node"),
        (events(b"data: no json\n\n", then="stay"), "bad_answer"),
        (events(b"data: " + b"[" * 100_000 + b"\n\n", then="stay"), "bad_answer"),
    ],
)
def test_what_trying_again_does_not_mend(answer: Any, code: str) -> None:
    with raw_server(answer) as server:
        heard = listen(server)
        spin(lambda: heard.failures)
        settle()
        assert len(server.asked) == 1
    assert (heard.failures, heard.events, heard.troubles, heard.ended) == ([code], [], [], 0)


def test_no_more_to_come() -> None:
    with raw_server(reply(b"", "204 No Content", "")) as server:
        heard = listen(server)
        spin(lambda: heard.ended)
        assert heard.failures == []


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.Parser.__init__, "__kwdefaults__", {"last_id": "", "max_event": 10_000})

    with raw_server(events(b"data: ", *[b"x" * 5000] * 4, then="stay")) as server:
        heard = listen(server)
        spin(lambda: heard.failures)
    assert heard.failures == ["too_large"]


def test_comments_break_the_silence() -> None:
    comment = threading.Event()

    def answer(connection: socket.socket, _: Asked) -> None:
        connection.sendall(EVENTS_HEAD + chunk(FAST))
        comment.wait(60)
        connection.sendall(chunk(b": still here\n\n"))

    with raw_server(answer) as server:
        heard = listen(server)
        left = heard.stream._silent
        left.setTimerType(Qt.TimerType.PreciseTimer)  # the usual kind is up to a twentieth off
        spin(lambda: heard.opened)
        assert 0 < left.remainingTime() <= 40_000
        spin(lambda: left.remainingTime() < 39_800)
        comment.set()
        spin(lambda: left.remainingTime() > 39_800)
        heard.stream.stop()
    assert (heard.troubles, heard.events) == ([], [])


def test_silence_is_noticed() -> None:
    with raw_server(events(FAST, then="stay"), events(b"data: 1\n\n", then="stay")) as server:
        api = Api()
        api.set_target(server.url, "t")
        heard = Heard(EventStream(api, "/x", silence=0.5))
        spin(lambda: heard.events)
        assert "node_silent" in heard.troubles
        heard.stream.stop()


def test_a_node_that_never_answers_counts_as_silent() -> None:
    def nothing(connection: socket.socket, _: Asked) -> None:
        pass

    with raw_server(nothing) as server:
        api = Api()
        api.set_target(server.url, "t")
        heard = Heard(EventStream(api, "/x", silence=0.2))
        spin(lambda: heard.troubles)
        assert heard.troubles == ["node_silent"]
        heard.stream.stop()


def test_it_follows_the_node_to_another_address() -> None:
    with raw_server() as gone:
        pass
    with raw_server(events(b"id: 8\ndata: 1\n\n", then="stay")) as new:
        api = Api()
        api.set_target(gone.url, "t")
        stream = api.events("/x", last_id="7")
        heard = Heard(stream)
        spin(lambda: len(heard.troubles) >= 1)
        api.set_target(new.url, "u")
        spin(lambda: heard.events)
        assert new.asked[0].headers["last-event-id"] == "7"
        assert new.asked[0].headers["authorization"] == "Bearer u"
        stream.stop()


def test_stopped_is_stopped() -> None:
    """Also from inside of the event that is being heard, with more of them waiting."""
    with raw_server(events(b"data: 1\n\ndata: 2\n\n", then="stay")) as server:
        heard = listen(server)
        heard.stream.event.connect(lambda *_: heard.stream.stop())
        spin(lambda: heard.events)
        settle()
        heard.stream.stop()
    settle()
    assert [event[2] for event in heard.events] == [1]
    assert (heard.troubles, heard.failures, heard.ended) == ([], [], 0)


def test_rfc_7396_examples() -> None:
    for target, patch, result in [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]:
        before = json.dumps(target)
        assert merge(target, patch) == result
        assert json.dumps(target) == before


def test_the_mirror_says_what_changed_and_nothing_else() -> None:
    mirror, heard = Mirror(), list[set[str]]()
    mirror.changed.connect(lambda keys: heard.append(set(keys)))
    assert mirror.part("share") == {}
    mirror.replace({"share": {"state": "off"}, "node": {"pid": 1}})
    mirror.patch({"share": {"state": "off"}})  # nothing
    mirror.patch({"share": {"state": "sharing"}, "node": {"pid": 1}, "peers": None})
    mirror.patch({"share": None, "peers": {"a": {}}})
    mirror.replace({"node": {"pid": 1}, "peers": {"b": {}}})
    mirror.replace({"node": {"pid": 1}, "peers": {"b": {}}})
    assert heard == [{"share", "node"}, {"share"}, {"share", "peers"}, {"peers"}]
    mirror.replace({"share": "a text where an object should be"})
    assert mirror.part("share") == {}
