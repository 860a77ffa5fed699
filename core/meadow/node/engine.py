"""The node's side of the chat engine: requests in, events out, for any number of requests at a time.

    handle = EngineHandle(find_servers=..., find_models=...)
    handle.attach_child(child)        # with every new life of the engine
    async for event in handle.generate(request): ...

Asyncio only; nothing here blocks and nothing imports torch.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from meadow.chat.messages import NAMES, from_message
from meadow.chat.request import Done, GenerationEvent, GenerationRequest
from meadow.errors import MeadowError, SwarmError

if TYPE_CHECKING:
    from meadow.swarm.records import ModelRecord, SignedRecord

logger = logging.getLogger(__name__)

START_SECONDS = 90.0
"""How long a request waits for an engine that is starting, or starting again."""
MAX_UNREAD = 4096
"""Events of one request that its reader may leave unread. A reader that stops reading is given up: memory is finite."""

FindServers = Callable[[bytes, int], "Awaitable[Sequence[SignedRecord]]"]
FindModels = Callable[[], "Awaitable[Sequence[ModelRecord]]"]


class Child(Protocol):
    """What is needed of the engine's process (:class:`meadow.node.child.EngineChild` has it)."""

    def send(self, command: Mapping[str, Any]) -> None:
        """Send one command; dropped if it cannot arrive any more."""
        ...


@dataclass(slots=True)
class _Swarm:
    """One swarm of the node: how to search it, and where its p2pd is."""

    find_servers: FindServers
    find_models: FindModels
    attached: Mapping[str, Any] | None = None
    left: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Running:
    """A request under way."""

    swarm: str
    conversation: str | None = None
    events: asyncio.Queue[GenerationEvent | MeadowError] = field(default_factory=asyncio.Queue)


class SwarmSide:
    """One more swarm of an engine, as its supervisor sees it: where p2pd is."""

    def __init__(self, handle: EngineHandle, name: str) -> None:
        self._handle, self._name = handle, name

    def attach_swarm(self, daemon_maddr: str, initial_peers: Sequence[str] = ()) -> None:
        """p2pd runs (again) at this address."""
        self._handle.attach_swarm(daemon_maddr, initial_peers, swarm=self._name)

    def detach_swarm(self) -> None:
        """p2pd has ended."""
        self._handle.detach_swarm(swarm=self._name)


class EngineHandle:
    """See the module's text. Use from one asyncio loop."""

    def __init__(
        self,
        *,
        find_servers: FindServers,
        find_models: FindModels,
        on_event: Callable[[Mapping[str, Any]], None] = lambda event: None,
    ) -> None:
        """``find_servers`` and ``find_models``: those of the node's SwarmNode; they may raise MeadowError.
        ``on_event`` gets what is not part of a request: loading, progress, loaded, sessions, ..."""
        self._swarms = {"": _Swarm(find_servers, find_models)}
        self._on_event = on_event
        self._child: Child | None = None
        self._ready = asyncio.Event()
        self._running: dict[str, _Running] = {}
        self._numbers = itertools.count(1)
        self._lookups: set[asyncio.Task[None]] = set()
        self._failure: MeadowError | None = None

    # What the supervisor tells

    def attach_child(self, child: Child) -> None:
        """A new engine process was started."""
        self._child, self._failure = child, None
        self._ready.clear()
        for swarm in self._swarms.values():
            if swarm.attached is not None:
                child.send(swarm.attached)

    def attach_swarm(self, daemon_maddr: str, initial_peers: Sequence[str] = (), *, swarm: str = "") -> None:
        """p2pd runs (again) at this address."""
        attach = {"command": "attach", "daemon_maddr": daemon_maddr, "initial_peers": list(initial_peers)}
        if swarm in self._swarms:
            self._swarms[swarm].attached = attach | _naming(swarm)
            self._send(attach | _naming(swarm))

    def detach_swarm(self, *, swarm: str = "") -> None:
        """p2pd has ended; requests wait for the next one."""
        if swarm in self._swarms:
            self._swarms[swarm].attached = None
            self._send({"command": "detach"} | _naming(swarm))

    def enter(self, name: str, *, find_servers: FindServers, find_models: FindModels) -> SwarmSide:
        """One more swarm, apart from the joined one: requests name it (:attr:`GenerationRequest.swarm`)."""
        self._swarms[name] = _Swarm(find_servers, find_models)
        return SwarmSide(self, name)

    async def leave(self, name: str, why: MeadowError, *, seconds: float) -> None:
        """Leave a swarm that was entered: its requests fail with ``why``, its sessions are closed, its models dropped.
        Returns when the engine has done so, after ``seconds`` at the latest."""
        for request_id, running in self._running.items():
            if running.swarm == name:
                running.events.put_nowait(why)
                self._send({"command": "cancel", "id": request_id})
        swarm = self._swarms.get(name)
        if swarm is None:
            return
        swarm.attached = None
        self._send({"command": "leave", "swarm": name})
        with contextlib.suppress(TimeoutError):
            if self._child is not None:
                await asyncio.wait_for(swarm.left.wait(), seconds)
        del self._swarms[name]

    def died(self, error: MeadowError | None = None, *, for_good: bool = False) -> None:
        """The engine process has ended: every running request fails with the code "engine_died".

        ``for_good``: it will not be started again, so later requests fail with ``error`` instead of waiting.
        """
        self._child = None
        self._ready.clear()
        for swarm in self._swarms.values():
            swarm.left.set()  # no session of it is open any more
        why = MeadowError(
            "The chat engine ended while it wrote this answer. It is started again; ask once more.", code="engine_died"
        )
        for running in self._running.values():
            running.events.put_nowait(why)
        if for_good:
            self._failure = error or MeadowError("The chat engine cannot be started.", code="engine_died")
            self._ready.set()

    def hear(self, event: Mapping[str, Any]) -> None:
        """One event of the engine process, as a dict."""
        name = event["event"]
        if name in NAMES or name == "failed":
            self._hear_of_request(event)
        elif name in ("lookup", "lookup_models"):
            task = asyncio.get_running_loop().create_task(self._look_up(event))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)
        elif name == "left":
            if (swarm := self._swarms.get(event["swarm"])) is not None:
                swarm.left.set()
        else:
            if name == "ready":
                self._ready.set()
            self._on_event(event)

    # What the rest of the node asks

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """The events of one request, Done last. Closing the iterator cancels the request.

        Raises MeadowError; its code says why ("engine_died", "too_long", "bad_request", ...).
        """
        await self._wait_until_ready()
        request_id = f"r{next(self._numbers)}"
        if request.swarm not in self._swarms:
            raise MeadowError("This model's swarm was left a moment ago. Ask again.", code="unknown_model")
        events = (running := _Running(request.swarm, request.conversation)).events
        self._running[request_id] = running
        over = False
        try:
            self._send({"command": "generate", "id": request_id, **request.to_dict()})
            while not over:
                event = await events.get()
                if isinstance(event, MeadowError):
                    over = True
                    raise event
                over = isinstance(event, Done)
                yield event
        finally:
            self._running.pop(request_id, None)
            if not over:
                self._send({"command": "cancel", "id": request_id})

    async def end(self, conversation: str) -> bool:
        """End the request of this conversation at its next token; its last events tell how it came about, as always.
        False: there is none."""
        found = [name for name, running in self._running.items() if running.conversation == conversation]
        for request_id in found:
            self._send({"command": "cancel", "id": request_id})
        return bool(found)

    async def forget(self, conversation: str) -> None:
        """Close the session that is kept for this conversation."""
        self._send({"command": "forget", "conversation": conversation})

    async def load(self, model: str, *, swarm: str = "") -> None:
        """Get a model's client part into memory; events tell how it goes."""
        await self._wait_until_ready()
        self._send({"command": "load", "model": model} | _naming(swarm))

    async def unload(self, model: str) -> None:
        """Cancel that, or drop the model when nobody uses it."""
        self._send({"command": "unload", "model": model})

    async def fetch(self, model: str) -> None:
        """Get a model's client part onto the disk; events tell how it goes. Raises MeadowError when no engine is up."""
        if self._failure is not None:
            raise self._failure
        if not self.is_ready:
            raise MeadowError("The chat engine is starting. Try again in a moment.", code="node_starting")
        self._send({"command": "fetch", "model": model})

    async def cancel_download(self, model: str) -> None:
        """End that, or the loading of a model; what is loaded stays."""
        self._send({"command": "cancel_download", "model": model})

    @property
    def running(self) -> int:
        """Requests that are being answered."""
        return len(self._running)

    @property
    def is_ready(self) -> bool:
        """Whether a request would be answered at once."""
        return self._ready.is_set() and self._failure is None

    # Inside

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise MeadowError("The chat engine does not start. See `meadow doctor`.", code="engine_died") from None
        if self._failure is not None:
            raise self._failure

    def _send(self, command: Mapping[str, Any]) -> None:
        if self._child is not None:
            self._child.send(command)

    def _hear_of_request(self, event: Mapping[str, Any]) -> None:
        running = self._running.get(event["id"])
        if running is None:
            return  # cancelled; its last events come later
        events = running.events
        if event["event"] == "failed":
            events.put_nowait(MeadowError(event["message"], code=event["code"]))
        elif events.qsize() < MAX_UNREAD or event["event"] != "delta":
            events.put_nowait(from_message(event))
        else:
            self._send({"command": "cancel", "id": event["id"]})
            events.put_nowait(MeadowError("The answer was not read, so it was ended.", code="not_read"))
            self._running.pop(event["id"], None)

    async def _look_up(self, event: Mapping[str, Any]) -> None:
        name = event.get("swarm", "")
        answer: dict[str, Any] = {"command": "records", "id": event["id"]} | _naming(name)
        swarm = self._swarms.get(name)
        try:
            if swarm is None:
                raise SwarmError("This swarm was left a moment ago.")
            if event["event"] == "lookup":
                servers = await swarm.find_servers(bytes.fromhex(event["fingerprint"]), event["num_blocks"])
                answer["records"] = [base64.b64encode(signed.encoded).decode() for signed in servers]
            else:
                models = await swarm.find_models()
                answer["models"] = [
                    {
                        "peer_id": model.peer_id,
                        "server_id": model.server_id,
                        "fingerprint": model.fingerprint.hex(),
                        "name": model.name,
                        "hub_id": model.hub_id,
                        "num_blocks": model.num_blocks,
                    }
                    for model in models
                ]
        except MeadowError as error:
            answer |= {"code": error.code, "message": str(error)}
        except Exception:  # a defect; the engine must not wait for an answer that never comes
            logger.exception("a lookup for the chat engine failed")
            answer |= {"code": "internal", "message": "The swarm could not be searched. Try again."}
        self._send(answer)


def _naming(swarm: str) -> dict[str, Any]:
    """Only what is not the joined swarm is named."""
    return {"swarm": swarm} if swarm else {}
