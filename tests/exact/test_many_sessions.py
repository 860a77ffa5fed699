"""Several people on one real server at the same time: each gets what they get alone, whatever shares a pass."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch
from exact.swarms import swarm
from families import zoo

from meadow.client.remote_sequential import RemoteSequential
from meadow.errors import Refused
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


def test_a_full_server_refuses_and_keeps_serving(tmp_path: Path) -> None:
    """Room for 256 positions. How long a refusal takes is printed here and judged by ``benchmarks batch``."""
    torch.set_num_threads(1)
    path = tmp_path / "qwen3"
    zoo.save("qwen3", path)
    span = Span(load_span(open_checkpoint(path, cache_dir=tmp_path), 0, 4), 0, 4)
    generator = torch.Generator().manual_seed(0)
    said = [torch.randn(span.hidden_shape(1, count), generator=generator) for count in (30, *[1] * 24)]
    large = torch.randn(span.hidden_shape(1, 250), generator=generator)
    got: list[torch.Tensor] = []
    failures: list[BaseException] = []
    seconds: list[float] = []
    with swarm(path, [0, 4], "float32", extra=("--kv-tokens", "256")) as peers:
        blocks = RemoteSequential.from_pretrained(path, initial_peers=peers, dtype="float32", home=tmp_path / "home")
        try:
            begun = threading.Event()

            def talk() -> None:
                try:
                    with blocks.session(rows=1) as session:
                        for number, hidden in enumerate(said):
                            got.append(session.step(hidden))
                            if number == 2:
                                begun.set()
                except BaseException as error:
                    failures.append(error)
                    begun.set()

            thread = threading.Thread(target=talk)
            thread.start()
            assert begun.wait(60)
            for _ in range(5):
                began = time.monotonic()
                with pytest.raises(Refused) as caught, blocks.session(rows=1) as greedy:
                    greedy.step(large)
                seconds.append(time.monotonic() - began)
                assert caught.value.code == "full"
            with pytest.raises(Refused) as hinted:
                blocks.session(rows=1, expected_length=257)
            assert hinted.value.code == "full"
            thread.join(60)
            assert not failures and len(got) == len(said)
            with blocks.session(rows=1) as later:  # whoever was refused holds nothing
                after = later.step(large[:, :120])
        finally:
            blocks.close()
    print(f"refused after {', '.join(f'{one * 1000:.0f}' for one in seconds)} ms")
    cache = span.open(0, 4)
    for hidden, output in zip(said, got, strict=True):
        wanted = span.step(cache, hidden).hidden
        assert (output - wanted).abs().max() <= CLOSE * (wanted - hidden).abs().max()
    wanted = span.step(span.open(0, 4), large[:, :120]).hidden
    assert (after - wanted).abs().max() <= CLOSE * (wanted - large[:, :120]).abs().max()
