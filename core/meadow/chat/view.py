"""The swarm as the chat engine sees it: streams through the node's p2pd, records by asking the node.

It stands in the place of :class:`meadow.client.swarm.Swarm`, so sessions are opened as in any program. When p2pd is
started anew, the node says where (``attach``); whoever needs the swarm meanwhile waits for that.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from meadow.client.loop import BackgroundLoop
from meadow.client.swarm import FIND_SECONDS, JOIN_SECONDS
from meadow.errors import MeadowError, ProtocolError, SwarmError
from meadow.swarm.node import SwarmNode
from meadow.swarm.records import ModelRecord, SignedRecord, decode_record
from meadow.swarm.streams import MessageReader, MessageWriter

Tell = Callable[..., None]
"""``tell(event, **fields)``: one event to the node; from any thread."""


class Lookups:
    """Questions to the node that wait for its answer."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._waiting: dict[str, Future[Mapping[str, Any]]] = {}
        self._numbers = itertools.count()

    async def ask(self, event: str, **fields: Any) -> Mapping[str, Any]:
        """Raises SwarmError when the node has no answer, or none in time."""
        name = f"l{next(self._numbers)}"
        answer: Future[Mapping[str, Any]] = Future()
        self._waiting[name] = answer
        try:
            # Writing to the pipe may have to wait for the node; the loop that carries all streams must not.
            await asyncio.to_thread(self._tell, event, id=name, **fields)
            async with asyncio.timeout(FIND_SECONDS + 5):
                found = await asyncio.wrap_future(answer)
        except TimeoutError:
            raise SwarmError("The node does not answer. Try again.") from None
        finally:
            self._waiting.pop(name, None)
        if "code" in found:
            raise SwarmError(found["message"], code=found["code"])
        return found

    def answered(self, command: Mapping[str, Any]) -> None:
        """A "records" command came; from any thread. One that nobody waits for any more is dropped."""
        answer = self._waiting.get(command["id"])
        if answer is not None and answer.set_running_or_notify_cancel():
            answer.set_result(command)


class AttachedNode:
    """What sessions need of a node: streams (ours), records (the node's)."""

    def __init__(self, node: SwarmNode, lookups: Lookups) -> None:
        self._node, self._lookups = node, lookups
        self.peer_id, self.died = node.peer_id, node.died

    async def open_stream(
        self, peer_id: str, addresses: Iterable[str], protocol: str
    ) -> tuple[MessageReader, MessageWriter]:
        """See :meth:`SwarmNode.open_stream`."""
        return await self._node.open_stream(peer_id, addresses, protocol)

    async def find_servers(self, fingerprint: bytes, num_blocks: int) -> list[SignedRecord]:
        """See :meth:`SwarmNode.find_servers`."""
        found = await self._lookups.ask("lookup", fingerprint=fingerprint.hex(), num_blocks=num_blocks)
        try:
            # The node has verified them.
            return [decode_record(base64.b64decode(record), verify=False) for record in found["records"]]
        except (ProtocolError, binascii.Error, KeyError) as error:
            raise SwarmError("The node's answer about servers cannot be read. Update Meadow.") from error

    async def find_models(self) -> list[ModelRecord]:
        """See :meth:`SwarmNode.find_models`."""
        found = await self._lookups.ask("lookup_models")
        try:
            return [
                ModelRecord(**{**fields, "fingerprint": bytes.fromhex(fields["fingerprint"])})
                for fields in found["models"]
            ]
        except (TypeError, ValueError, KeyError) as error:
            raise SwarmError("The node's answer about models cannot be read. Update Meadow.") from error

    async def close(self) -> None:
        """Leave the daemon alone; it is the node's."""
        await self._node.close()


class SwarmView:
    """Any thread may call; methods block until there is an answer."""

    def __init__(self, tell: Tell) -> None:
        self.loop = BackgroundLoop("meadow-chat")
        self.lookups = Lookups(tell)
        self.initial_peers: list[str] = []
        self._node: AttachedNode | None = None
        self._there = threading.Condition()

    def attach(self, daemon_maddr: str, initial_peers: Iterable[str] = ()) -> None:
        """Use this p2pd from now on. Raises DaemonDied when it is not there."""
        node = self.loop.run(SwarmNode.attach(daemon_maddr), timeout=JOIN_SECONDS)
        with self._there:
            before, self._node = self._node, AttachedNode(node, self.lookups)
            self.initial_peers = list(initial_peers)
            self._there.notify_all()
        if before is not None:
            self.loop.start(before.close())

    def detach(self) -> None:
        """p2pd has ended: wait for the next one."""
        with self._there:
            before, self._node = self._node, None
        if before is not None:
            self.loop.start(before.close())

    @property
    def is_attached(self) -> bool:
        """Whether there is a p2pd, as far as is known."""
        return self._node is not None

    def join(self) -> AttachedNode:
        """The node, once there is one whose p2pd lives. Raises SwarmError when there is none for half a minute."""

        def alive() -> bool:
            return self._node is not None and not self._node.died.done()

        with self._there:
            # A p2pd that died is not told to this condition: look again now and then.
            for _ in range(int(JOIN_SECONDS)):
                if self._there.wait_for(alive, timeout=1.0):
                    assert self._node is not None
                    return self._node
        raise SwarmError(
            "This node is not connected to a swarm at the moment. Try again when it has joined.", code="not_joined"
        )

    def find_servers(self, fingerprint: bytes, num_blocks: int) -> list[SignedRecord]:
        """The valid records of all servers of a model."""
        return self.loop.run(self.join().find_servers(fingerprint, num_blocks), timeout=FIND_SECONDS + 10)

    def find_models(self) -> list[ModelRecord]:
        """What is up in this swarm."""
        return self.loop.run(self.join().find_models(), timeout=FIND_SECONDS + 10)

    def close(self) -> None:
        """End all streams."""
        try:
            if self._node is not None:
                self.loop.run(self._node.close(), timeout=5.0)
        except (MeadowError, TimeoutError):
            return
        finally:
            self.loop.close()
