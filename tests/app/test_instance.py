"""One window per home: the race for it, what a second start hands over, and what strangers do at its socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import settle, spin
from hypothesis import given
from hypothesis import strategies as st

from meadow_app import instance
from meadow_app.deeplink import Link, parse_link
from meadow_app.instance import Asked, Instance, Unreachable, decode, encode, meeting_folder


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("meadow://", Link("show")),
        ("MEADOW:///", Link("show")),
        ("meadow://demo", Link("demo")),
        ("meadow://demo/", Link("demo")),
        ("meadow://open/Qwen/Qwen3-8B", Link("open", "Qwen/Qwen3-8B")),
        ("meadow://open/demo-model", Link("open", "demo-model")),
        ("meadow://join?swarm=abc#x", Link("later")),
        ("meadow://join/?a", Link("later")),
    ],
)
def test_links_that_are_known(text: str, link: Link) -> None:
    assert parse_link(text) == link


@pytest.mark.parametrize(
    "text",
    [
        "", "demo", "http://demo", "meadow:demo", " meadow://demo", "meadow://demo ", "meadow://demo\n",
        "meadow://open", "meadow://open/", "meadow://open//etc/passwd", "meadow://open/../..", "meadow://open/a/../b",
        "meadow://open/a..b", "meadow://open/a/b/c", "meadow://open/%2e%2e", "meadow://open/a?b", "meadow://open/a#b",
        "meadow://open/-flag", "meadow://open/~/x", "meadow://open/C:\\x", "meadow://open/a b", "meadow://open/ä",
        "meadow://open/a\u202eb", "meadow://open/<b>x", "meadow://share", "meadow://demo?x=1", "meadow://demo/x",
        "meadow://user@demo", "meadow://open/" + "a" * 97, "meadow://join?" + "a" * 3000,
    ],
)  # fmt: skip
def test_anything_else_is_unknown(text: str) -> None:
    assert parse_link(text) == Link("unknown")


@given(st.text(max_size=80) | st.text(max_size=40).map("meadow://open/".__add__))
def test_no_text_breaks_it(text: str) -> None:
    link = parse_link(text)
    assert link.model == "" or (link.action == "open" and text.endswith(link.model))


def test_what_is_handed_over_comes_back() -> None:
    sent = encode(["meadow://demo", "meadow://" + "x" * 5000, *["meadow://"] * 40], "token")
    assert decode(sent) == Asked((Link("demo"), Link("unknown"), *[Link("show")] * 14), "token")
    for link in ("\0" * 2048, "\U0001f331" * 2048, '"' * 2048, "x" * 100_000):
        longest = encode([link] * 100, '"' * 9999)
        assert len(longest) <= instance.MAX_MESSAGE and decode(longest) is not None


@pytest.mark.parametrize(
    "line",
    [
        b"", b"[]", b"{}", b"\xff", b"[" * 50_000, b'{"links": []}', b'{"links": [1], "activation": ""}',
        b'{"links": [], "activation": 1}', b'{"links": [], "activation": "a\\nb"}',
        b'{"links": "meadow://demo", "activation": ""}',
        b'{"links": [], "activation": "", "home": "/x"}', json.dumps({"links": ["a"] * 17, "activation": ""}).encode(),
        json.dumps({"links": [], "activation": "x" * 513}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_message_is_none(line: bytes) -> None:
    assert decode(line) is None


@pytest.fixture
def first(home: Path) -> Iterator[Instance]:
    one = Instance(str(home / "h"), folder=home)
    assert one.claim()
    spin(lambda: one._server is not None)
    yield one
    one.release()


SECOND = """
import sys
from pathlib import Path
from meadow_app.instance import Instance, Unreachable
from PySide6.QtCore import QCoreApplication
app = QCoreApplication([])
one = Instance(sys.argv[1], folder=Path(sys.argv[2]))
try:
    first = one.claim(sys.argv[4:], seconds=float(sys.argv[3]))
except Unreachable as error:
    print("unreachable", flush=True)
    raise SystemExit(1)
print("first" if first else "told", flush=True)
if first:
    one.asked.connect(lambda asked: print("asked", len(asked.links), flush=True))
    app.exec()
"""


def start(home: Path, *links: str, seconds: float = 30, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SECOND, str(home / "h"), str(home), str(seconds), *links],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_a_second_start_hands_over_and_ends(first: Instance, home: Path) -> None:
    heard: list[Asked] = []
    first.asked.connect(heard.append)
    second = start(home, "meadow://open/a/b", "nonsense", XDG_ACTIVATION_TOKEN="abc-1")
    spin(lambda: second.poll() is not None)
    assert second.communicate()[0] == "told\n" and second.returncode == 0
    settle()
    assert heard == [Asked((Link("open", "a/b"), Link("unknown")), "abc-1")]


def test_another_home_has_its_own_window(first: Instance, home: Path) -> None:
    other = Instance(str(home / "other"), folder=home)
    assert other.claim()
    other.release()
    (home / "h").mkdir()
    (home / "link").symlink_to(home / "h")
    same = Instance(str(home / "link"), folder=home)
    with pytest.raises(Unreachable):  # the same folder by another name; its window is this process, which is busy here
        same.claim(seconds=0)


def test_eight_at_once_are_one_window(home: Path) -> None:
    started = [start(home, "meadow://demo") for _ in range(8)]
    try:
        said = [one.stdout.readline() for one in started if one.stdout]
        assert sorted(said) == ["first\n"] + ["told\n"] * 7
        winner = started[said.index("first\n")]
        assert winner.stdout is not None
        assert [winner.stdout.readline() for _ in range(7)] == ["asked 1\n"] * 7
        assert [one.wait(30) for one in started if one is not winner] == [0] * 7
    finally:
        for one in started:
            one.kill()
            one.communicate()


def test_what_a_killed_window_left_is_in_nobodys_way(home: Path) -> None:
    killed = start(home)
    assert killed.stdout is not None and killed.stdout.readline() == "first\n"
    spin(lambda: [path for path in home.iterdir() if path.suffix == ".sock"])
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert [path for path in home.iterdir() if path.suffix == ".sock"]  # it is still there
    one = Instance(str(home / "h"), folder=home)
    assert one.claim()
    second = start(home)
    spin(lambda: second.poll() is not None)
    assert second.communicate()[0] == "told\n"
    one.release()


def test_a_window_that_does_not_answer_is_told_in_words(home: Path) -> None:
    frozen = start(home)
    assert frozen.stdout is not None and frozen.stdout.readline() == "first\n"
    frozen.send_signal(signal.SIGSTOP)
    try:
        second = start(home, seconds=0)
        assert second.communicate(timeout=60)[0] == "unreachable\n"
    finally:
        frozen.kill()
        frozen.communicate()


@pytest.mark.parametrize("data", [b"hello\n", b"\xff" * 140_000, b'{"links": [], "activation": 3}\n', b"[" * 140_000])
def test_strangers_at_the_socket(first: Instance, home: Path, data: bytes) -> None:
    heard: list[Asked] = []
    first.asked.connect(heard.append)
    (path,) = [path for path in home.iterdir() if path.suffix == ".sock"]
    assert path.stat().st_mode & 0o077 == 0
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(path))
        stranger.setblocking(False)
        sent = 0

        def closed() -> bool:
            nonlocal sent
            try:
                if sent < len(data):
                    sent += stranger.send(data[sent:])
                return stranger.recv(10) == b""
            except BlockingIOError:
                return False
            except ConnectionError:
                return True

        spin(closed)
    settle()
    assert heard == [] and first._guests == {}


def test_guests_that_say_nothing_do_not_keep_others_out_for_ever(first: Instance, home: Path) -> None:
    (path,) = [path for path in home.iterdir() if path.suffix == ".sock"]
    guests = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for guest in guests:
        guest.settimeout(10)
        guest.connect(str(path))
        settle()
    spin(lambda: len(first._guests) == 16)
    for guest in guests:
        guest.close()
    spin(lambda: not first._guests)
    second = start(home)
    spin(lambda: second.poll() is not None)
    assert second.communicate()[0] == "told\n"


def test_the_folder_is_private(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    folder = meeting_folder()
    assert folder == home / "meadow-app" and folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert meeting_folder().stat().st_mode & 0o777 == 0o700
    folder.rmdir()
    folder.symlink_to("/tmp")  # a trap
    with pytest.raises((PermissionError, FileExistsError)):
        meeting_folder()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/" + "x" * 200)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(home))
    assert meeting_folder() == home / f"meadow-app-{os.getuid()}"
