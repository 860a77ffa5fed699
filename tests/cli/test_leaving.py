"""``meadow serve`` takes its leave: open sessions end or move first, for as long as was said, and nobody else waits."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from real_processes import Command, Processes
from transformers import AutoModelForCausalLM

from meadow import AutoDistributedModelForCausalLM
from meadow.client.failover import machine
from meadow.errors import MeadowError

PROMPT = torch.arange(5, 17)[None]
NEW = 40
PATIENCE = 90.0


def serve(processes: Processes, model: Path, blocks: str, peers: list[str] | None, drain: float) -> Command:
    return processes.serve(model, blocks, peers=peers, extra=("--drain-seconds", str(drain)))


@contextmanager
def client(processes: Processes, model: Path, peers: list[str]) -> Iterator[Any]:
    with closing(
        AutoDistributedModelForCausalLM.from_pretrained(model, initial_peers=peers, home=processes.home / "client")
    ) as remote:
        yield remote


class Interrupted:
    """A streamer that does something once, after so many tokens, while ``generate()`` runs."""

    def __init__(self, after: int, act: Callable[[], None], each: Callable[[], None] = lambda: None) -> None:
        self.count, self.after, self.act, self.each = 0, after, act, each

    def put(self, value: torch.Tensor) -> None:
        self.count += 1
        if self.count == self.after:
            self.act()
        elif self.count > self.after:
            self.each()

    def end(self) -> None:
        pass


def undisturbed(model: Path) -> list[int]:
    with torch.no_grad():
        plain = AutoModelForCausalLM.from_pretrained(model)
        return plain.generate(PROMPT, max_new_tokens=NEW, do_sample=False)[0].tolist()


def generate(remote: Any, streamer: Interrupted | None = None, cache: Any = None) -> list[int]:
    with torch.no_grad():
        output = remote.generate(
            PROMPT, max_new_tokens=NEW, do_sample=False, streamer=streamer, past_key_values=cache or remote.new_cache()
        )
    return output[0].tolist()


def ended(command: Command) -> bool:
    return command.process.poll() is not None


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_a_chat_moves_to_a_replica_and_loses_no_token(processes: Processes, endless_chat_model: Path) -> None:
    front = serve(processes, endless_chat_model, "0:2", None, 600)
    peers = front.wait_for("online")["initial_peers"]
    backs = [serve(processes, endless_chat_model, "2:4", peers, 600) for _ in range(2)]
    by_peer = {back.wait_for("online")["peer_id"]: back for back in backs}
    with client(processes, endless_chat_model, peers) as remote:
        seen: list[str] = []
        with closing(remote.new_cache()) as cache:

            def used() -> str:
                return cache.session.route[-1].server.peer_id

            def end_it() -> None:
                seen.append(used())
                by_peer[seen[0]].signal(signal.SIGTERM)
                leaving = by_peer[seen[0]].wait_for("leaving")
                assert (leaving["sessions"], leaving["seconds"]) == (1, 600.0)

            def each() -> None:
                if streamer.count == 25:  # half of what is left is generated after the server is gone
                    wait_until(lambda: ended(by_peer[seen[0]]), "it still waits, long after everybody could have moved")

            streamer = Interrupted(10, end_it, each)
            tokens = generate(remote, streamer, cache)
            assert tokens == undisturbed(endless_chat_model)
            assert used() != seen[0], "the route changed"
            assert by_peer[seen[0]].exit_status() == 0


def test_without_a_replica_sessions_end_first_and_nobody_new_comes(
    processes: Processes, endless_chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "NO_REPLICA_SECONDS", 1.0)
    server = serve(processes, endless_chat_model, "0:4", None, 600)
    peers = server.wait_for("online")["initial_peers"]
    with client(processes, endless_chat_model, peers) as remote:

        def end_it() -> None:
            server.signal(signal.SIGTERM)
            server.wait_for("draining")
            with pytest.raises(MeadowError) as caught, closing(remote.new_cache()) as other:
                generate(remote, None, other)
            assert caught.value.code in ("draining", "blocks_missing")

        with closing(remote.new_cache()) as cache:
            tokens = generate(remote, Interrupted(10, end_it), cache)
            assert tokens == undisturbed(endless_chat_model)
            assert not ended(server), "this session is still open"
        assert server.exit_status(PATIENCE) == 0


@pytest.mark.full
@pytest.mark.timeout(300)
def test_at_the_limit_it_ends_and_the_client_is_told_which_blocks_are_gone(
    processes: Processes, endless_chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "NO_REPLICA_SECONDS", 1.0)
    front = serve(processes, endless_chat_model, "0:2", None, 600)
    peers = front.wait_for("online")["initial_peers"]
    back = serve(processes, endless_chat_model, "2:4", peers, 1.5)
    back.wait_for("online")
    with client(processes, endless_chat_model, peers) as remote:

        def end_it() -> None:
            back.signal(signal.SIGINT)
            back.wait_for("leaving")
            assert back.exit_status(PATIENCE) == 0

        with closing(remote.new_cache()) as cache, pytest.raises(MeadowError) as caught:
            generate(remote, Interrupted(10, end_it), cache)
        assert "2:4" in str(caught.value), caught.value


@pytest.mark.full
@pytest.mark.timeout(300)
def test_told_twice_it_does_not_wait_and_without_sessions_not_at_all(
    processes: Processes, endless_chat_model: Path
) -> None:
    server = serve(processes, endless_chat_model, "0:4", None, 600)
    online = server.wait_for("online")
    with client(processes, endless_chat_model, online["initial_peers"]) as remote:

        def end_it() -> None:
            server.signal(signal.SIGTERM)
            server.wait_for("leaving")
            server.signal(signal.SIGTERM)
            assert server.exit_status(PATIENCE) == 0
            raise KeyboardInterrupt  # what becomes of this client is told above

        with closing(remote.new_cache()) as cache, pytest.raises(KeyboardInterrupt):
            generate(remote, Interrupted(10, end_it), cache)

    idle = serve(processes, endless_chat_model, "0:4", None, 600)
    idle.wait_for("online")
    idle.signal(signal.SIGINT)
    assert idle.exit_status(PATIENCE) == 0
    assert '"leaving"' not in idle.stdout, "there was nobody to wait for"
    processes.end()
    processes.assert_nothing_left()
