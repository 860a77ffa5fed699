"""What a parent says about the end of its server process, and where it sends a person for more."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from meadow.errors import MeadowError
from meadow.node.child import ServerChild
from meadow.server.spec import ServerSpec


async def end_of(code: str, log: Path) -> MeadowError:
    """The error after a process that runs ``code`` instead of serving."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    with pytest.raises(MeadowError) as caught:
        await ServerChild(ServerSpec("model", "01234567", 1, 3), process, log).watch(lambda child, event: None)
    return caught.value


def saying(code: str) -> str:
    return f"print({json.dumps(json.dumps({'event': 'error', 'code': code, 'message': 'It failed.'}))})"


@pytest.mark.parametrize(("code", "with_log"), [("internal", True), ("unknown_model", False)])
async def test_only_what_nobody_can_explain_sends_a_person_to_the_log(
    code: str, with_log: bool, tmp_path: Path
) -> None:
    log = tmp_path / "server.log"
    log.write_text("Traceback")
    error = await end_of(saying(code), log)
    assert error.code == code
    assert str(error) == (f"It failed. Details: {log}" if with_log else "It failed.")


async def test_a_death_without_a_word_sends_a_person_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("Segmentation fault")
    error = await end_of("import os; os._exit(3)", log)
    assert error.code == "server_died"
    assert "server of blocks 1:3" in str(error)
    assert str(error).endswith(f"ended with exit status 3. Its blocks are no longer served from here. Details: {log}")


async def test_a_log_without_a_word_is_not_named(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.touch()
    assert str(log) not in str(await end_of(saying("internal"), log))
