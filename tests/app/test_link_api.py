"""Calls to the node: what goes over the wire, what comes back as a result or a sentence, and what is refused."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from fakes import settle, spin
from PySide6.QtCore import QObject
from raw_server import Asked, RawServer, raw_server, reply

from meadow_app.link import api as api_module
from meadow_app.link.api import Api, Call, Failure, segment

TOKEN = "t" * 43


_apis: list[Api] = []


def made(server: RawServer) -> Api:
    """An Api that outlives its calls, as that of the app does."""
    api = Api()
    api.set_target(server.url, TOKEN)
    _apis.append(api)
    return api


def outcome(call: Call) -> Any:
    """The result or the Failure; fails if both come, or either twice."""
    found: list[Any] = []
    call.then(found.append).otherwise(found.append)
    assert not found, "an outcome before the event loop ran"
    spin(lambda: found)
    settle()
    assert len(found) == 1 and not call.running
    return found[0]


def test_what_goes_over_the_wire() -> None:
    with raw_server(reply('{"a": [1, null]}')) as server:
        api = made(server)
        assert outcome(api.get("/api/x", {"q": "a b&c=d/ä", "none": None, "yes": True, "n": 3})) == {"a": [1, None]}
        outcome(api.post("/api/chats"))
        outcome(api.put("/api/hub-token", {"token": "ü"}))
        outcome(api.patch("/api/settings", {"x": None}))
        outcome(api.delete("/api/problems/" + segment("server:a/b c?#%")))
    lines = [asked.line for asked in server.asked]
    assert lines == [
        "GET /api/x?q=a+b%26c%3Dd%2F%C3%A4&yes=true&n=3 HTTP/1.1",
        "POST /api/chats HTTP/1.1",
        "PUT /api/hub-token HTTP/1.1",
        "PATCH /api/settings HTTP/1.1",
        "DELETE /api/problems/server%3Aa%2Fb%20c%3F%23%25 HTTP/1.1",
    ]
    assert [json.loads(asked.body) if asked.body else None for asked in server.asked] == [
        None, {}, {"token": "ü"}, {"x": None}, None,
    ]  # fmt: skip
    for asked in server.asked:
        assert asked.headers["authorization"] == f"Bearer {TOKEN}"
        assert asked.headers["accept-encoding"] == "identity"
        assert "cookie" not in asked.headers and "origin" not in asked.headers
    assert [asked.headers.get("content-type") for asked in server.asked[1:4]] == ["application/json"] * 3


def test_no_answer_at_all_is_an_answer_too() -> None:
    with raw_server(reply(b"", "204 No Content", "")) as server:
        assert outcome(made(server).delete("/api/chats/1")) is None


def test_the_nodes_own_sentence_arrives() -> None:
    body = json.dumps({"error": {"code": "chat_busy", "message": "An answer runs."}})
    with raw_server(reply(body, "409 Conflict"), reply(body, "503 X", "Retry-After: 7\r\n")) as server:
        api = made(server)
        assert outcome(api.post("/api/x")) == Failure("chat_busy", "An answer runs.", 409)
        assert outcome(api.post("/api/x")) == Failure("chat_busy", "An answer runs.", 503, 7.0)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("<html>Not found</html>", "404 Not Found", "not_a_node"),
        ("[" * 100_000, "404 Not Found", "not_a_node"),
        ('{"error": "a"}', "500 X", "not_a_node"),
        ('{"error": {"code": 1}}', "500 X", "not_a_node"),
        ("hello", "200 OK", "bad_answer"),
        ("[" * 100_000, "200 OK", "bad_answer"),
        ("\xff", "200 OK", "bad_answer"),
        ('{"error": {"code": "invalid_api_key", "message": "x"}}', "401 Unauthorized", "invalid_api_key"),
    ],
)
def test_what_is_no_node_is_told_in_words(body: str, status: str, code: str) -> None:
    with raw_server(reply(body.encode("latin-1"), status)) as server:
        failure = outcome(made(server).get("/api/x"))
    assert isinstance(failure, Failure) and failure.code == code
    assert server.url in failure.message and failure.message.endswith(".")


def test_a_redirect_is_not_followed_and_the_token_stays_here() -> None:
    with raw_server(reply()) as other, raw_server(reply(b"", "302 Found", f"Location: {other.url}/x\r\n")) as server:
        failure = outcome(made(server).get("/api/x"))
    assert failure.code == "not_a_node" and failure.status == 302
    assert other.asked == []


def test_cookies_and_proxies_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(reply()) as proxy, raw_server(reply(b"{}", headers="Set-Cookie: a=b\r\n")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        api = made(server)
        outcome(api.get("/api/x"))
        outcome(api.get("/api/x"))
    assert "cookie" not in server.asked[1].headers
    assert proxy.asked == []


def cut(connection: socket.socket, _: Asked) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def half(connection: socket.socket, _: Asked) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a": 1}')
    connection.shutdown(socket.SHUT_RDWR)


def test_a_command_is_sent_once_though_its_answer_is_lost() -> None:
    with raw_server(reply(), cut) as server:
        api = made(server)
        outcome(api.get("/api/x"))  # a connection that is kept: the case in which a library may try again
        assert outcome(api.post("/api/chats/1/messages", {"content": "hello"})).code == "node_ended"
    assert len([asked for asked in server.asked if asked.line.startswith("POST")]) == 1


def test_half_an_answer_is_none() -> None:
    with raw_server(half) as server:
        assert outcome(made(server).get("/api/x")).code == "node_ended"


def test_nobody_there() -> None:
    with raw_server() as server:
        pass
    api = Api()
    assert outcome(api.get("/api/x")).code == "node_unreachable"  # no target yet
    api.set_target(server.url, TOKEN)
    assert outcome(api.get("/api/x")) == Failure("node_unreachable", f"Nothing answers at {server.url}.")


def silent(connection: socket.socket, _: Asked) -> None:
    pass


def test_silence_ends() -> None:
    with raw_server(silent) as server:
        assert outcome(made(server).get("/api/x", seconds=0.2)).code == "node_timeout"


def endless(connection: socket.socket, asked: Asked) -> None:
    status = b"200 OK" if "good" in asked.line else b"500 X"
    connection.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
    while True:  # until the other side has had enough
        connection.sendall(b" " * 65536)


@pytest.mark.parametrize("path", ["/good", "/bad"])
def test_an_answer_without_end_is_given_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "MAX_REPLY", 1 << 20)
    with raw_server(endless) as server:
        assert outcome(made(server).get(path)).code == "too_large"


def test_compression_is_not_taken() -> None:
    """A few bytes on the wire must not become gigabytes here: we ask for none, and decode none."""
    with raw_server(reply(b"\x1f\x8b\x08", headers="Content-Encoding: gzip\r\n")) as server:
        assert outcome(made(server).download("/x")) == b"\x1f\x8b\x08"


def test_a_download_is_bytes_and_a_file_is_whole_or_untouched(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    file = tmp_path / "chats.jsonl"
    file.write_text("before")
    with raw_server(reply(data), reply(data), half, reply(data, "404 X")) as server:
        api = made(server)
        assert outcome(api.download("/x")) == data
        assert outcome(api.save("/x", None, str(file))) == len(data)
        assert file.read_bytes() == data
        assert isinstance(outcome(api.save("/x", None, str(file))), Failure)
        assert isinstance(outcome(api.save("/x", None, str(file))), Failure)
        assert isinstance(outcome(api.save("/x", None, str(tmp_path / "none" / "f"))), Failure)
        assert outcome(api.download("/x", limit=0)).code == "not_a_node"
    assert file.read_bytes() == data
    settle()
    assert [path.name for path in tmp_path.iterdir()] == ["chats.jsonl"]


def test_a_cancelled_call_says_nothing_and_a_late_listener_still_hears() -> None:
    with raw_server(reply("1"), silent) as server:
        api, heard = made(server), list[Any]()
        early = api.get("/x")
        assert outcome(early) == 1
        early.then(heard.append).otherwise(heard.append)
        spin(lambda: heard == [1])
        cancelled = api.get("/x").then(heard.append).otherwise(heard.append)
        spin(lambda: len(server.asked) == 2)
        cancelled.cancel()
        cancelled.cancel()
        settle()
        assert heard == [1] and not cancelled.running
        early.cancel()


def test_a_call_lives_without_being_kept_and_dies_with_its_listener() -> None:
    with raw_server(reply("1")) as server:
        api, heard = made(server), list[Any]()

        class View(QObject):
            def got(self, answer: object) -> None:
                heard.append(answer)

        view = View()
        api.get("/x").then(view.got)
        api.get("/x").then(heard.append)
        shiboken6.delete(view)  # at once: an answer can be quicker than ``deleteLater``
        spin(lambda: heard)
        settle()
        assert heard == [1]


def test_many_calls_pass_many_open_streams() -> None:
    """Qt's own limit is six connections to a host; seven open streams would keep every command waiting for ever."""
    with raw_server(*[silent] * 12, reply("1")) as server:
        api = made(server)
        streams = [api.events(f"/events/{number}") for number in range(12)]
        spin(lambda: len(server.asked) == 12)
        assert outcome(api.get("/x")) == 1
        for stream in streams:
            stream.stop()
