"""The person's hub token: in a file of its own that only they can read, and in no sentence."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meadow.errors import MeadowError
from meadow.models.hub_token import forget_hub_token, read_hub_token, write_hub_token

TOKEN = "hf_" + "aB3" * 11


def test_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "hub-token"
    assert read_hub_token(file) is None and read_hub_token(None) is None
    before = os.umask(0)
    try:
        write_hub_token(file, "hf_firstfirst")
        write_hub_token(file, f" {TOKEN}\n")
    finally:
        os.umask(before)
    assert read_hub_token(file) == TOKEN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["hub-token"]
    forget_hub_token(file)
    forget_hub_token(file)
    assert read_hub_token(file) is None


@pytest.mark.parametrize(
    "bad", ["", "short", "two words of it", "hf_\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", "x" * 513, "hf_aaaaaaa\nHost: b"]
)
def test_what_is_no_token_is_refused_and_not_repeated(tmp_path: Path, bad: str) -> None:
    with pytest.raises(MeadowError) as caught:
        write_hub_token(tmp_path / "hub-token", bad)
    assert caught.value.code == "invalid_value"
    assert not bad or bad not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_file_that_others_could_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "hub-token"
    write_hub_token(file, TOKEN)
    file.chmod(0o644)
    with pytest.raises(MeadowError, match="Others can read") as caught:
        read_hub_token(file)
    assert TOKEN not in str(caught.value)
    file.chmod(0o600)
    file.write_text("not a token")
    with pytest.raises(MeadowError, match="damaged"):
        read_hub_token(file)
