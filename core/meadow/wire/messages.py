"""The messages of a session, and how they become bytes. docs/protocol.md says when each is sent and why.

A message is ``u16 header length | msgpack map | body``; on a stream a 4-byte length comes in front. Only Step and
Result have a body; it is never parsed with the header, so a server can hand on the parts that are not its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgpack

from meadow.errors import ProtocolError
from meadow.wire import fields as f
from meadow.wire.limits import (
    FINGERPRINT,
    FRAME_PREFIX,
    MAX_BLOCKS,
    MAX_EPOCH,
    MAX_FRAME,
    MAX_HEADER,
    MAX_LENGTH,
    MAX_OPS,
    MAX_PREFIXES,
    MAX_RECORD,
    MAX_REPLAYED,
    MAX_ROWS,
    MAX_SECTIONS,
    MAX_SEQ,
    MAX_STEP,
    NONCE,
    PREFIX_NAME,
    PROTOCOL_MAX,
    PROTOCOL_MIN,
    SESSION_ID,
)
from meadow.wire.ops import CacheOp
from meadow.wire.prefix import Prefix
from meadow.wire.tensors import DTYPE_NAMES, Buffer, unpack_map_or_list

PROBLEMS = (
    "full",  # no room in the cache budget; params: tokens needed, tokens free
    "too_many",  # a quota of this peer is used up
    "wrong_model",  # another fingerprint, or another dtype
    "wrong_blocks",  # the server does not host these blocks
    "update_needed",  # no common protocol version
    "draining",  # takes no new sessions
    "unknown_session",  # never opened here, or timed out
    "evicted",  # idle, and its room was needed
    "stale_epoch",  # the session has moved on to a newer route
    "gap",  # params: last sequence number here
    "window",  # more frames under way than allowed
    "position",  # params: length here
    "bad_step",  # tensors or positions that do not fit the model
    "cannot_roll_back",
    "not_finite",  # NaN or infinity; params: 0 in the input, 1 in the output
    "log_dropped",  # a repeat or replay was asked for that is no longer stored
    "protocol",
    "internal",  # the pass failed on the server's side
)
"""Every code a Problem can have. There is no free text: what a person reads is written on their own machine."""

KEEP = 0
"""Open.rebuild: the session goes on where it stands; a server that does not hold it refuses."""
REJOIN = 1
"""Open.rebuild: the same, but a server that does not hold it begins an empty one."""
ANEW = 2
"""Open.rebuild: an empty session, whatever the server holds."""

_seq = f.integer(0, MAX_SEQ)
_epoch = f.integer(0, MAX_EPOCH)
_length = f.integer(0, MAX_LENGTH)
_block = f.integer(0, MAX_BLOCKS)
_seconds = f.number(0.0, 1e6)
_count = f.integer(0, MAX_SEQ)
_hop = f.optional(f.group(f.peer, f.server_id))

_prefix = f.group(f.integer(1, MAX_LENGTH), f.integer(1, MAX_SEQ), f.raw(PREFIX_NAME, PREFIX_NAME))
_prefixes = f.listing(_prefix, MAX_PREFIXES)

_OPS = ("crop", "reorder", "repeat", "select", "record_past", "reset")
_op_count = f.integer(0, MAX_LENGTH)
_op_rows = f.listing(f.integer(0, MAX_ROWS - 1), MAX_ROWS)


def _read_op(value: Any) -> CacheOp:
    if type(value) is not list or len(value) != 3 or type(value[0]) is not int or not 0 <= value[0] < len(_OPS):
        raise ProtocolError("a cache operation is malformed")
    return CacheOp(_OPS[value[0]], _op_count(value[1]), _op_rows(value[2]))


def _write_ops(ops: Sequence[CacheOp]) -> list[list[Any]]:
    return [[_OPS.index(op.kind), op.count, op.indices] for op in ops]


@dataclass(frozen=True, slots=True)
class Hello:
    """First message in both directions. ``clock`` is Unix time in seconds and proves nothing."""

    nonce: bytes = f.field("n", f.raw(NONCE, NONCE))
    echo: bytes = f.field("x", f.raw(0, NONCE), b"")
    oldest: int = f.field("v0", f.integer(0, 0xFFFF), PROTOCOL_MIN)
    newest: int = f.field("v1", f.integer(0, 0xFFFF), PROTOCOL_MAX)
    meadow: str = f.field("m", f.word(32), "")
    numeric_class: str = f.field("c", f.word(256), "")
    clock: float = f.field("k", f.number(0.0, 1e11), 0.0)
    proof: bytes = f.field("p", f.raw(0, 64), b"")


@dataclass(frozen=True, slots=True)
class Open:
    """The owner opens a session, opens it again after a break, or moves it to a new route (higher epoch).

    ``previous`` is ``(peer id, server id)`` of the hop that will send the steps (None: the owner itself), ``next`` the
    signed record of the hop that gets the output (None: this server answers the owner). ``answered`` is the last
    sequence number whose result the owner has. ``rebuild``: what becomes of a session that the server does not hold, or
    holds (``KEEP``, ``REJOIN``, ``ANEW``); the steps that it lacks come from the hop before it. ``made``: the last step
    made for an older route; until a hop has computed it, answers that the owner has say nothing about that hop.
    ``prefixes``: names of the beginnings of a new session (wire/prefix.py); a server that holds one of them, of the
    same owner, may begin the session with it, and says so in Opened.
    """

    session: bytes = f.field("s", f.raw(SESSION_ID, SESSION_ID))
    epoch: int = f.field("e", _epoch)
    fingerprint: bytes = f.field("f", f.raw(FINGERPRINT, FINGERPRINT))
    start: int = f.field("b0", _block)
    end: int = f.field("b1", _block)
    rows: int = f.field("r", f.integer(1, MAX_ROWS))
    dtype: str = f.field("d", f.choice(*DTYPE_NAMES))
    expected_length: int = f.field("h", _length, 0)
    reproducible: bool = f.field("x", f.boolean, False)
    want_carry: bool = f.field("c", f.boolean, False)
    previous: tuple[str, str] | None = f.field("p", _hop, None)
    next: bytes | None = f.field("q", f.optional(f.raw(1, MAX_RECORD)), None)
    answered: int = f.field("a", _seq, 0)
    rebuild: int = f.field("u", f.integer(0, 2), KEEP)
    made: int = f.field("z", _seq, 0)
    prefixes: tuple[Prefix, ...] = f.field("y", _prefixes, ())


@dataclass(frozen=True, slots=True)
class Attach:
    """A server attaches to its next hop as the announced predecessor of ``owner``'s session."""

    session: bytes = f.field("s", f.raw(SESSION_ID, SESSION_ID))
    epoch: int = f.field("e", _epoch)
    owner: str = f.field("o", f.peer)
    server_id: str = f.field("i", f.server_id)


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer to Open and Attach: where the session stands here, and how long its steps take.

    ``step_seconds`` is a step of one position, ``position_seconds`` each further position of a longer one,
    ``queue_seconds`` the wait before it; a client makes its deadlines from these. ``log_first``: the oldest frame that
    this server could send to a replacement of its next hop.
    """

    session: bytes = f.field("s", f.raw(SESSION_ID, SESSION_ID))
    epoch: int = f.field("e", _epoch)
    last_seq: int = f.field("q", _seq, 0)
    length: int = f.field("l", _length, 0)
    can_roll_back: bool = f.field("r", f.boolean, False)
    step_seconds: float = f.field("ts", _seconds, 0.0)
    position_seconds: float = f.field("tp", _seconds, 0.0)
    queue_seconds: float = f.field("tq", _seconds, 0.0)
    log_first: int = f.field("l1", _seq, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """New positions for the session of this stream.

    ``sections`` are the sizes (bytes) of the body's sections: first the hidden states and carry for the receiver, then
    one section for each server that is still to come (the receiver's own first), last the one that all share.
    ``keep`` positions at the end are returned to the owner; ``answer`` asks for a Result even with keep = 0.
    ``acked`` is the last sequence number whose result the owner has: credit for every hop at once. ``stands_for``: how
    many sequence numbers this frame replaces, itself included: in a replay, steps of few positions travel together.
    ``again``: it is sent once more, so whoever computes it gives credit for it.
    """

    epoch: int = f.field("e", _epoch)
    seq: int = f.field("q", f.integer(1, MAX_SEQ))
    position: int = f.field("p", _length)
    count: int = f.field("n", f.integer(1, MAX_STEP))
    sections: tuple[int, ...] = f.field("b", f.listing(f.integer(0, MAX_FRAME), MAX_SECTIONS))
    keep: int = f.field("k", f.integer(0, MAX_STEP), 1)
    answer: bool = f.field("w", f.boolean, True)
    acked: int = f.field("a", _seq, 0)
    ops: tuple[CacheOp, ...] = f.field("o", f.listing(_read_op, MAX_OPS), (), write=_write_ops)
    stands_for: int = f.field("m", f.integer(1, MAX_REPLAYED), 1)
    again: bool = f.field("g", f.boolean, False)
    body: Buffer = b""


@dataclass(frozen=True, slots=True)
class Result:
    """The last server's answer to a step; the body is one section: hidden states of ``keep`` positions, then carry."""

    epoch: int = f.field("e", _epoch)
    seq: int = f.field("q", f.integer(1, MAX_SEQ))
    body: Buffer = b""


@dataclass(frozen=True, slots=True)
class Credit:
    """Everything up to ``seq`` is computed here."""

    epoch: int = f.field("e", _epoch)
    seq: int = f.field("q", _seq)


@dataclass(frozen=True, slots=True)
class Status:
    """Where this server is. ``log_first`` is the oldest frame it could still replay.

    ``step_seconds`` and ``wait_seconds``: what this session's steps of one position took here and waited before, on
    average; 0 while there was none. People are shown where the time of an answer goes.
    """

    epoch: int = f.field("e", _epoch)
    last_seq: int = f.field("q", _seq)
    state: str = f.field("s", f.choice("idle", "queued", "computing", "waiting"))
    queue_seconds: float = f.field("tq", _seconds, 0.0)
    log_first: int = f.field("l", _seq, 1)
    step_seconds: float = f.field("ts", _seconds, 0.0)
    wait_seconds: float = f.field("tw", _seconds, 0.0)


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks for a Status at once."""

    epoch: int = f.field("e", _epoch)


@dataclass(frozen=True, slots=True)
class Lost:
    """This server cannot reach its next hop."""

    epoch: int = f.field("e", _epoch)
    last_seq: int = f.field("q", _seq)


@dataclass(frozen=True, slots=True)
class Draining:
    """This server leaves in ``seconds``."""

    seconds: float = f.field("s", _seconds)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something was refused. ``final`` means that the session is gone here."""

    code: str = f.field("c", f.choice(*PROBLEMS))
    params: tuple[int, ...] = f.field("p", f.listing(f.integer(-1, MAX_SEQ), 4), ())
    final: bool = f.field("f", f.boolean, True)


@dataclass(frozen=True, slots=True)
class Close:
    """The owner is done; the receiver frees everything. With ``prefixes`` it may keep what has these names for a while,
    for the same owner's next sessions, if it has computed exactly the steps up to ``seq``."""

    epoch: int = f.field("e", _epoch)
    seq: int = f.field("q", _seq, 0)
    prefixes: tuple[Prefix, ...] = f.field("y", _prefixes, ())


@dataclass(frozen=True, slots=True)
class Info:
    """Asks for the figures that change too fast for a record; needs no session."""


@dataclass(frozen=True, slots=True)
class InfoReply:
    """The answer to Info: load now. Tokens are rows x positions x blocks of KV cache."""

    sessions: int = f.field("s", _count)
    queued: int = f.field("q", _count)
    free_tokens: int = f.field("f", _count)
    total_tokens: int = f.field("n", _count)
    step_seconds: float = f.field("ts", _seconds, 0.0)
    position_seconds: float = f.field("tp", _seconds, 0.0)
    queue_seconds: float = f.field("tq", _seconds, 0.0)
    draining: bool = f.field("d", f.boolean, False)


Message = (
    Hello | Open | Attach | Opened | Step | Result | Credit | Status | Probe
    | Lost | Draining | Problem | Close | Info | InfoReply
)  # fmt: skip

_TYPES: tuple[type[Any], ...] = (
    Hello, Open, Attach, Opened, Step, Result, Credit, Status, Probe, Lost, Draining, Problem, Close, Info, InfoReply,
)  # fmt: skip
_CODECS = tuple(f.Codec(cls) for cls in _TYPES)
_CODES = {cls: code for code, cls in enumerate(_TYPES)}
_WITH_BODY = (Step, Result)

M = TypeVar("M")


def encode(message: Message, body: Sequence[Buffer] = ()) -> bytes:
    """The message as it goes onto a stream, length prefix included, in one copy.

    ``body``: buffers of a Step's or Result's body (then the message's own ``body`` is not used). Raises ValueError if
    it is larger than a frame may be: our own data, so the caller has to send less at once.
    """
    code = _CODES[type(message)]
    header_map = _CODECS[code].to_map(message)
    header_map[f.KIND] = code
    header = msgpack.packb(header_map)
    if not body and isinstance(message, _WITH_BODY) and len(message.body):
        body = (message.body,)
    size = 2 + len(header) + sum(len(buffer) for buffer in body)
    if len(header) > MAX_HEADER or size > MAX_FRAME:
        raise ValueError(f"a message of {size} bytes is more than a frame may hold ({MAX_FRAME}); send fewer positions")
    return b"".join((size.to_bytes(FRAME_PREFIX, "big"), len(header).to_bytes(2, "big"), header, *body))


def decode(data: Buffer) -> Message:
    """Read a message (without its length prefix). Raises :class:`ProtocolError` for anything malformed.

    The body of a Step or Result is a view of ``data``, not a copy.
    """
    view = memoryview(data)
    if len(view) < 2 or len(view) > MAX_FRAME:
        raise ProtocolError("a message has an impossible size")
    start = 2 + int.from_bytes(view[:2], "big")
    if start > len(view):
        raise ProtocolError("a message is cut short")
    header = unpack_map_or_list(view[2:start])
    if type(header) is not dict:
        raise ProtocolError("a message's header is not a map")
    code = header.get(f.KIND)
    if type(code) is not int or not 0 <= code < len(_CODECS):
        raise ProtocolError("a message of an unknown kind")
    arguments = _CODECS[code].from_map(header)
    cls = _TYPES[code]
    if cls in _WITH_BODY:
        arguments["body"] = view[start:]
    elif start != len(view):
        raise ProtocolError("bytes after the end of a message")
    message: Message = cls(**arguments)
    if isinstance(message, Step):
        if sum(message.sections) != len(view) - start or len(message.sections) < 3:
            raise ProtocolError("a step's sections do not match its size")
        if message.keep > message.count:
            raise ProtocolError("a step wants more positions back than it has")
    return message


def restamped(frame: bytes, epoch: int) -> bytes:
    """One of our own Step or Result frames, for another epoch. A Step then says of no answer that the owner has it, and
    asks for credit: it is sent again, to somebody who may be far behind.
    """
    start = FRAME_PREFIX + 2
    end = start + int.from_bytes(frame[FRAME_PREFIX:start], "big")
    header = msgpack.unpackb(frame[start:end])
    header["e"] = epoch
    if header[f.KIND] == _CODES[Step]:
        header["g"] = True
        header.pop("a", None)
    packed = msgpack.packb(header)
    size = 2 + len(packed) + len(frame) - end
    return b"".join((size.to_bytes(FRAME_PREFIX, "big"), len(packed).to_bytes(2, "big"), packed, frame[end:]))


def expect(message: Message, cls: type[M]) -> M:
    """The message if it is of this kind, else :class:`ProtocolError`."""
    if not isinstance(message, cls):
        raise ProtocolError("another message was expected here")
    return message


def common_version(hello: Hello) -> int | None:
    """The newest protocol version that both sides speak, or None."""
    version = min(hello.newest, PROTOCOL_MAX)
    return version if version >= max(hello.oldest, PROTOCOL_MIN) else None
