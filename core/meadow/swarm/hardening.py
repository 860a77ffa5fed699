"""Closes the holes of hivemind 1.1.12 that strangers could use. ``install()`` must run before anything listens.

Every patch checks first that it meets what it was written for; another hivemind is refused, not half patched.

====  =====================================================================  ======================================
hole  what a stranger could do                                               how it is closed
====  =====================================================================  ======================================
H1    nested msgpack extension types overflow the C stack: SIGSEGV           nesting limited, here
H2    a stream message announces any length and fills the memory             length and time limited, here
H3    a tensor names any numpy dtype: 512 bytes become 7.5 GB                 dtypes and sizes checked, here
H4    records that never expire, NaN that stops all expiry                   ``dht`` and ``store`` check and count
H5    records that anybody can forge                                         ``records`` are signed, ``dht`` verifies
H6    clocks that differ by three seconds keep a node out                    ``dht`` measures and tolerates
H8    streams that are opened and left open                                  ``streams`` and ``listener`` limit them
H9    calls that are cancelled in time stay in memory for ever, and refused  cleaned up and counted, here; who fails
      ones cost more than they cost who makes them                           often is kept waiting
relay every node relays for anyone                                           ``daemon`` switches it off
====  =====================================================================  ======================================
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.metadata
import logging
import math
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from meadow.errors import SwarmError
from meadow.swarm.patience import Failures

HIVEMIND_VERSION = "1.1.12"
MAX_NESTING = 4
MAX_STREAM_MESSAGE = 8 << 20
STREAM_MESSAGE_SECONDS = 30.0
MAX_CALLS_IN_FLIGHT = 256
MAX_CALLS_OF_ONE = 64
"""In flight for one peer; ours has at most as many under way to all others together."""
MAX_TENSOR_RANK = 4
_ITEM_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip

# What is patched here or overridden elsewhere in this package. If one of these is gone, hivemind has changed.
_EXPECTED: dict[str, tuple[str, ...]] = {
    "hivemind.utils.serializer": ("MSGPackSerializer._decode_ext_types", "MSGPackSerializer._ext_type_codes"),
    "hivemind.p2p.p2p_daemon": (
        "P2P.create", "P2P.replicate", "P2P.receive_raw_data", "P2P.HEADER_LEN", "P2P._UNIX_SOCKET_PREFIX",
        "P2P._make_process_args", "P2P._read_outputs", "P2P._terminate",
    ),
    "hivemind.p2p.p2p_daemon_bindings.control": (
        "ControlClient._handle_persistent_request", "ControlClient._read_from_persistent_conn",
        "ControlClient.call_unary_handler", "ControlClient.add_unary_handler",
    ),
    "hivemind.compression.serialization": ("deserialize_torch_tensor", "_BASE_COMPRESSION_TYPES"),
    "hivemind.dht.node": ("DHTProtocol", "DHTNode.create", "DHTNode.store_many", "DHTNode.get_many"),
    "hivemind.dht.protocol": (
        "DHTProtocol.create", "DHTProtocol.rpc_ping", "DHTProtocol.rpc_store", "DHTProtocol.rpc_find",
        "DHTProtocol.call_ping", "DHTProtocol.call_store", "DHTProtocol.call_find",
    ),
    "hivemind.dht.routing": ("RoutingTable.add_or_update_node", "KBucket.add_or_update_node"),
}  # fmt: skip

_installed = False
_install_lock = threading.Lock()


def install() -> None:
    """Patch hivemind in this process. Doing it again changes nothing.

    Raises SwarmError when hivemind is missing, is another version, or lacks something that is patched.
    """
    global _installed
    with _install_lock:
        if _installed:
            return
        check_hivemind()
        _limit_nesting()
        _limit_stream_messages()
        _check_tensors()
        _clean_up_calls()
        _use_own_dht()
        # hivemind logs what peers send and p2pd logs every peer it cannot reach; neither is for our users' eyes.
        logging.getLogger("hivemind").setLevel(logging.CRITICAL)
        _installed = True


def check_hivemind() -> None:
    """Raise SwarmError unless the hivemind that is installed is exactly the one that the patches were written for."""
    try:
        version = importlib.metadata.version("hivemind")
    except importlib.metadata.PackageNotFoundError as error:
        raise SwarmError("hivemind is not installed. Install Meadow with its dependencies.") from error
    if version != HIVEMIND_VERSION:
        raise SwarmError(
            f"Meadow needs hivemind {HIVEMIND_VERSION}, whose security holes it closes, but found {version}. "
            f"Install that version: pip install hivemind=={HIVEMIND_VERSION}"
        )
    for module_name, paths in _EXPECTED.items():
        module = importlib.import_module(module_name)
        for path in paths:
            try:
                functools.reduce(getattr, path.split("."), module)
            except AttributeError as error:
                raise SwarmError(
                    f"This hivemind lacks {module_name}.{path}, which has to be secured. Reinstall hivemind "
                    f"{HIVEMIND_VERSION}."
                ) from error


def _limit_nesting() -> None:
    """H1. Each level takes about 43 kB of C stack, so a thread with a small stack dies after a dozen."""
    from hivemind.utils.serializer import MSGPackSerializer

    original = MSGPackSerializer._decode_ext_types.__func__
    depth = threading.local()

    def decode(cls: type, type_code: int, data: bytes) -> object:
        level = getattr(depth, "level", 0)
        if level >= MAX_NESTING:
            raise ValueError("extension types are nested too deeply")
        depth.level = level + 1
        try:
            return original(cls, type_code, data)
        finally:
            depth.level = level

    MSGPackSerializer._decode_ext_types = classmethod(decode)


def _limit_stream_messages() -> None:
    """H2. The announced length is checked before the first byte of the message is read."""
    from hivemind.p2p.p2p_daemon import P2P

    async def receive(reader: asyncio.StreamReader) -> bytes:
        size = int.from_bytes(await reader.readexactly(P2P.HEADER_LEN), P2P.BYTEORDER)
        if size > MAX_STREAM_MESSAGE:
            raise ValueError(f"a stream message may have {MAX_STREAM_MESSAGE} bytes")
        async with asyncio.timeout(STREAM_MESSAGE_SECONDS):
            return await reader.readexactly(size)

    P2P.receive_raw_data = staticmethod(receive)


def check_tensor(message: Any) -> None:
    """Raise ValueError unless a hivemind Tensor message says what it really holds (H3)."""
    if message.dtype not in _ITEM_BYTES:
        raise ValueError("this tensor dtype is not accepted")
    if len(message.size) > MAX_TENSOR_RANK or any(side < 0 for side in message.size):
        raise ValueError("this tensor shape is not accepted")
    items = math.prod(message.size)
    stored = len(message.buffer)
    # NONE stores items as they are (bfloat16 also as float32), FLOAT16 two bytes each. The other codecs carry tables
    # whose size the peer chooses; nothing in Meadow uses them.
    name = type(message).DESCRIPTOR.fields_by_name["compression"].enum_type.values_by_number[message.compression].name
    item = _ITEM_BYTES[message.dtype]
    allowed = {
        "NONE": {items * item, items * 4} if message.dtype == "bfloat16" else {items * item},
        "FLOAT16": {items * 2} if message.dtype in ("float64", "float32", "float16") else set(),
    }
    if stored not in allowed.get(name, set()):
        raise ValueError("this tensor's size or compression is not accepted")


def _check_tensors() -> None:
    """H3. Meadow has its own tensor format and never decodes these; whoever calls hivemind's decoder is safe too."""
    from hivemind.compression.serialization import _BASE_COMPRESSION_TYPES

    def guarded(extract: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(extract)
        def checked(serialized_tensor: Any) -> Any:
            check_tensor(serialized_tensor)
            return extract(serialized_tensor)

        return checked

    for codec in _BASE_COMPRESSION_TYPES.values():
        codec.extract = guarded(codec.extract)


def _clean_up_calls() -> None:
    """H9. hivemind keeps the task of every call that its caller cancels, and runs any number of calls at a time.

    Also: when p2pd ends, calls that wait for an answer would wait for ever; and they would after an answer that is late
    by a hair.
    """
    from hivemind.p2p.p2p_daemon_bindings.control import ControlClient, P2PDaemonError
    from hivemind.proto import p2pd_pb2

    handle = ControlClient._handle_persistent_request
    read = ControlClient._read_from_persistent_conn

    in_flight: Counter[bytes] = Counter()

    async def handle_and_forget(self: Any, call_id: Any, request: Any) -> None:
        peer = request.peer
        in_flight[peer] += 1
        try:
            if len(self._handler_tasks) > MAX_CALLS_IN_FLIGHT or in_flight[peer] > MAX_CALLS_OF_ONE:
                busy = p2pd_pb2.CallUnaryResponse(error=b"busy")
                await self._pending_messages.put(
                    p2pd_pb2.PersistentConnectionRequest(callId=call_id.bytes, unaryResponse=busy)
                )
            else:
                await handle(self, call_id, request)
        finally:
            self._handler_tasks.pop(call_id, None)
            in_flight[peer] -= 1
            if in_flight[peer] <= 0:
                del in_flight[peer]

    async def read_and_fail(self: Any, reader: asyncio.StreamReader) -> None:
        try:
            with suppress(OSError):
                while True:
                    try:
                        await read(self, reader)
                        break
                    except asyncio.InvalidStateError:
                        # The answer to a call that was given up in this very moment: hivemind would stop to listen to
                        # p2pd over it, and every later call of this process would wait in vain.
                        continue
        finally:
            for call in list(self._pending_calls.values()):
                if not call.done():
                    call.set_exception(P2PDaemonError("p2pd has ended"))

    add = ControlClient.add_unary_handler

    async def add_patient(self: Any, proto: str, handler: Any, balanced: bool = False) -> None:
        failures = Failures()

        async def patient(data: bytes, remote_id: Any) -> bytes:
            try:
                answer: bytes = await handler(data, remote_id)
                return answer
            except Exception:
                # A refusal costs us more than it costs who asks for it without end; so that waits, and we do not.
                await asyncio.sleep(failures.wait(remote_id.to_bytes()))
                raise

        await add(self, proto, patient, balanced)

    ControlClient.add_unary_handler = add_patient
    ControlClient._handle_persistent_request = handle_and_forget
    ControlClient._read_from_persistent_conn = read_and_fail


def _use_own_dht() -> None:
    """H4, H5, H6. hivemind's DHTNode takes its protocol from this name."""
    import hivemind.dht.node

    from meadow.swarm.dht import MeadowDHT

    hivemind.dht.node.DHTProtocol = MeadowDHT
