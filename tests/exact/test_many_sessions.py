"""Several people on one real server at the same time: each gets what they get alone, whatever shares a pass."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from exact.swarms import swarm
from families import zoo

from meadow.client.remote_sequential import RemoteSequential
from meadow.models.checkpoint import open_checkpoint
from meadow.models.parts import load_span
from meadow.server.span import Span

LENGTHS = (5, 600, 13, 64, 9, 130)
CLOSE = 2e-4  # of what the blocks add


@pytest.mark.parametrize("family", ["qwen3", pytest.param("qwen3_next", marks=pytest.mark.full)])
def test_six_sessions_at_once_are_what_they_are_alone(family: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    zoo.save(family, tmp_path / family)
    path = tmp_path / family
    span = Span(load_span(open_checkpoint(path, cache_dir=tmp_path), 0, 4), 0, 4)
    generator = torch.Generator().manual_seed(0)
    counts = [1, 1, 5, 1, 1, 5]
    said = [
        [torch.randn(span.hidden_shape(1, count), generator=generator) for count in (length, *counts)]
        for length in LENGTHS
    ]
    got: list[list[torch.Tensor]] = [[] for _ in LENGTHS]
    failures: list[BaseException] = []
    with swarm(path, [0, 4], "float32") as peers:
        blocks = RemoteSequential.from_pretrained(path, initial_peers=peers, dtype="float32", home=tmp_path / "home")
        try:
            together = threading.Barrier(len(LENGTHS))

            def talk(number: int) -> None:
                try:
                    with blocks.session(rows=1) as session:
                        for hidden in said[number]:
                            got[number].append(session.step(hidden))
                            together.wait(60)
                except BaseException as error:
                    failures.append(error)
                    together.abort()

            threads = [threading.Thread(target=talk, args=(number,)) for number in range(len(LENGTHS))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            blocks.close()
    assert not failures
    for steps, outputs in zip(said, got, strict=True):
        cache = span.open(0, 4)
        for hidden, output in zip(steps, outputs, strict=True):
            wanted = span.step(cache, hidden).hidden
            assert (output - wanted).abs().max() <= CLOSE * (wanted - hidden).abs().max()
