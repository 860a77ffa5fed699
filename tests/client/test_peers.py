"""Where a client finds its first peers, and what it says when it cannot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from meadow.client import peers
from meadow.errors import MeadowError, NoPeers

CALLER, SETTINGS, BUILT_IN = (f"/ip4/203.0.113.{last}/tcp/4001/p2p/12D3" for last in (1, 2, 3))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


@pytest.fixture
def built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "built-in.json"
    monkeypatch.setattr(peers, "resource", lambda name: path)
    return path


def write(path: Path, *listed: str) -> None:
    path.write_text(json.dumps({"initial_peers": listed}))


@pytest.mark.parametrize(
    ("given", "in_settings", "expected"),
    [
        ([CALLER], [SETTINGS], [CALLER]),
        ([CALLER], None, [CALLER]),
        (None, [SETTINGS], [SETTINGS]),
        (None, [], [BUILT_IN]),
        (None, None, [BUILT_IN]),
    ],
)
def test_caller_before_settings_before_built_in(
    given: list[str] | None, in_settings: list[str] | None, expected: list[str], settings: Path, built_in: Path
) -> None:
    write(built_in, BUILT_IN)
    if in_settings is not None:
        write(settings, *in_settings)
    assert peers.initial_peers(given, settings) == expected


@pytest.mark.parametrize("given", [None, []])
def test_nobody_is_known(given: list[str] | None, settings: Path, built_in: Path) -> None:
    write(built_in)
    with pytest.raises(NoPeers, match="--initial-peers"):
        peers.initial_peers(given, settings)


def test_a_caller_who_names_nobody_means_it(settings: Path, built_in: Path) -> None:
    write(built_in, BUILT_IN)
    write(settings, SETTINGS)
    with pytest.raises(NoPeers):
        peers.initial_peers([], settings)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b'{"initial_peers": "/ip4"}', b'{"initial_peers": null}', b"\xff\xfe", b"[" * 100_000],
)
def test_damaged_settings(content: bytes, settings: Path, built_in: Path) -> None:
    write(built_in, BUILT_IN)
    settings.write_bytes(content)
    with pytest.raises(MeadowError) as caught:
        peers.initial_peers(None, settings)
    assert caught.value.code == "settings"
    assert str(settings) in str(caught.value)
    assert peers.initial_peers([CALLER], settings) == [CALLER], "nobody asked the settings"


@pytest.mark.parametrize("entry", [7, None, "localhost:4001", ""])
def test_an_entry_that_is_no_address(entry: object, settings: Path, built_in: Path) -> None:
    settings.write_text(json.dumps({"initial_peers": [SETTINGS, entry]}))
    with pytest.raises(NoPeers, match="looks like /ip4/"):
        peers.initial_peers(None, settings)


def test_settings_that_are_a_folder(settings: Path, built_in: Path) -> None:
    settings.mkdir()
    with pytest.raises(MeadowError) as caught:
        peers.initial_peers(None, settings)
    assert caught.value.code == "settings"


def test_settings_that_may_not_be_read(settings: Path, built_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(settings, SETTINGS)

    def refuse(self: Path, **kwargs: object) -> str:
        raise PermissionError(13, os.strerror(13), str(self))  # chmod would not keep root from reading

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(MeadowError, match=os.strerror(13)) as caught:
        peers.initial_peers(None, settings)
    assert caught.value.code == "settings"
