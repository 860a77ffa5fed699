"""The token file: made once, whole, readable by its owner only; refused when somebody else could have seen it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meadow.errors import MeadowError
from meadow.node.http.token import load_or_create_token, read_token


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "api-token"


def test_made_once_and_kept(file: Path) -> None:
    before = os.umask(0)
    try:
        token = load_or_create_token(file)
    finally:
        os.umask(before)
    assert len(token) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert load_or_create_token(file) == read_token(file) == token
    assert [path.name for path in file.parent.iterdir()] == ["api-token"]


def test_two_homes_have_two_tokens(tmp_path: Path) -> None:
    assert load_or_create_token(tmp_path / "a" / "t") != load_or_create_token(tmp_path / "b" / "t")


def test_many_at_once_agree(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(load_or_create_token, [file] * 32))) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_refused_when_others_could_read_or_write_it(mode: int, file: Path) -> None:
    token = load_or_create_token(file)
    file.chmod(mode)
    with pytest.raises(MeadowError, match="Others can read") as caught:
        load_or_create_token(file)
    assert caught.value.code == "token_file"
    assert token not in str(caught.value)


def test_refused_when_it_is_a_link(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    token = load_or_create_token(real)
    file.parent.mkdir()
    file.symlink_to(real)
    with pytest.raises(MeadowError, match="is a link"):
        load_or_create_token(file)
    assert read_token(real) == token


def test_a_dangling_link_is_not_followed_to_make_a_file(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.symlink_to(tmp_path / "victim")
    with pytest.raises(MeadowError, match="is a link"):
        load_or_create_token(file)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n"])
def test_an_empty_one_says_what_to_do(content: bytes, file: Path) -> None:
    load_or_create_token(file)
    file.write_bytes(content)
    with pytest.raises(MeadowError, match="is empty.*Delete it; the node makes a new one at its next start"):
        read_token(file)


@pytest.mark.parametrize("content", [b"short", b"x" * 200, b"with a space" * 4, b"\xff" * 40])
def test_refused_when_damaged(content: bytes, file: Path) -> None:
    load_or_create_token(file)
    file.write_bytes(content)
    with pytest.raises(MeadowError, match="is damaged"):
        read_token(file)


def test_refused_when_it_is_no_file(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    os.mkfifo(file, 0o600)
    with pytest.raises(MeadowError, match="no ordinary file"):
        read_token(file)


def test_another_user_cannot_read_it(file: Path) -> None:
    """A process of another user tries; only root can start one, so elsewhere the mode has to be enough."""
    load_or_create_token(file)
    for folder in (file.parent, *file.parent.parents):
        if folder != file.parent and stat.S_IMODE(folder.stat().st_mode) & 0o001 == 0 and os.getuid() == 0:
            folder.chmod(folder.stat().st_mode | 0o001)
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    if os.getuid() == 0:
        code = (
            "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "try: open(sys.argv[1]).read()\n"
            "except PermissionError: sys.exit(7)"
        )
        assert subprocess.run([sys.executable, "-c", code, str(file)], check=False).returncode == 7
        file.parent.chmod(0o755)  # also the file alone is closed
        assert subprocess.run([sys.executable, "-c", code, str(file)], check=False).returncode == 7
