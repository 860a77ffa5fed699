"""Every message survives the wire, and no bytes whatever do anything but raise ProtocolError."""

from __future__ import annotations

import random
import time
import tracemalloc

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meadow.errors import ProtocolError
from meadow.wire import messages as m
from meadow.wire.body import read_result, read_step
from meadow.wire.limits import FRAME_PREFIX, MAX_EPOCH, MAX_LENGTH, MAX_ROWS, MAX_SEQ
from meadow.wire.ops import CacheOp
from meadow.wire.tensors import unpack_section

PEER = "12D3KooWBN44Ggcw4NXQbTQfFqTsVhn5pvrfRECQu6LraUE6sLMv"

seqs = st.integers(1, MAX_SEQ)
epochs = st.integers(0, MAX_EPOCH)
seconds = st.floats(0, 1e6)
rows = st.lists(st.integers(0, MAX_ROWS - 1), max_size=8).map(tuple)
hops = st.none() | st.just((PEER, "0123abcd"))
sessions = st.binary(min_size=16, max_size=16)
ops = st.lists(
    st.one_of(
        st.builds(CacheOp.crop, st.integers(0, MAX_LENGTH)),
        st.builds(CacheOp.reorder, rows),
        st.builds(CacheOp.select, rows),
        st.builds(CacheOp.repeat, st.integers(1, 8)),
        st.just(CacheOp.record_past()),
        st.just(CacheOp.reset()),
    ),
    max_size=5,
).map(tuple)


@st.composite
def steps(draw: st.DrawFn) -> m.Step:
    sizes = tuple(draw(st.lists(st.integers(0, 40), min_size=3, max_size=6)))
    count = draw(st.integers(1, 1000))
    return m.Step(
        draw(epochs),
        draw(seqs),
        draw(st.integers(0, MAX_LENGTH)),
        count,
        sizes,
        keep=draw(st.integers(0, count)),
        answer=draw(st.booleans()),
        acked=draw(st.integers(0, MAX_SEQ)),
        ops=draw(ops),
        body=draw(st.binary(min_size=sum(sizes), max_size=sum(sizes))),
    )


MESSAGES = st.one_of(
    st.builds(
        m.Hello,
        sessions,
        echo=st.binary(max_size=16),
        meadow=st.just("0.1.0"),
        numeric_class=st.just("torch-2.13"),
        clock=st.floats(0, 1e10),
    ),
    st.builds(
        m.Open,
        sessions,
        epochs,
        st.binary(min_size=32, max_size=32),
        st.integers(0, 1024),
        st.integers(0, 1024),
        st.integers(1, MAX_ROWS),
        st.sampled_from(["float32", "bfloat16", "float16"]),
        st.integers(0, MAX_LENGTH),
        st.booleans(),
        st.booleans(),
        hops,
        st.none() | st.binary(min_size=1, max_size=512),
        st.integers(0, MAX_SEQ),
    ),
    st.builds(m.Attach, sessions, epochs, st.just(PEER), st.just("0123abcd")),
    st.builds(m.Opened, sessions, epochs, seqs, st.integers(0, MAX_LENGTH), st.booleans(), seconds, seconds, seconds),
    steps(),
    st.builds(m.Result, epochs, seqs, st.binary(max_size=64)),
    st.builds(m.Credit, epochs, seqs),
    st.builds(m.Status, epochs, seqs, st.sampled_from(["idle", "queued", "computing", "waiting"]), seconds, seqs),
    st.builds(m.Probe, epochs),
    st.builds(m.Lost, epochs, seqs),
    st.builds(m.Draining, seconds),
    st.builds(m.Problem, st.sampled_from(m.PROBLEMS), st.lists(st.integers(-1, 9), max_size=4).map(tuple)),
    st.builds(m.Close, epochs),
    st.just(m.Info()),
    st.builds(m.InfoReply, seqs, seqs, seqs, seqs, seconds, seconds, seconds, st.booleans()),
)


@given(MESSAGES)
def test_a_message_survives_the_wire(message: m.Message) -> None:
    frame = m.encode(message)
    assert int.from_bytes(frame[:FRAME_PREFIX], "big") == len(frame) - FRAME_PREFIX
    back = m.decode(frame[FRAME_PREFIX:])
    assert back == message
    assert m.encode(back) == frame


@given(MESSAGES, st.dictionaries(st.sampled_from(["zz", "future", "y1"]), st.integers() | st.none(), max_size=3))
def test_fields_of_a_later_version_are_ignored(message: m.Message, more: dict[str, object]) -> None:
    frame = m.encode(message)[FRAME_PREFIX:]
    size = int.from_bytes(frame[:2], "big")
    header = {**msgpack.unpackb(frame[2 : 2 + size]), **{k: 1 if v is None else v % 7 for k, v in more.items()}}
    raw = msgpack.packb(header)
    back = m.decode(len(raw).to_bytes(2, "big") + raw + frame[2 + size :])
    assert m.encode(back)[FRAME_PREFIX:] == frame


def read_all(data: bytes) -> None:
    """Whatever a server does with bytes before it trusts them."""
    message = m.decode(data)
    if isinstance(message, m.Step):
        read_step(message)
    elif isinstance(message, m.Result):
        read_result(message)


@given(st.binary(max_size=300))
@settings(max_examples=500)
def test_random_bytes_are_a_protocol_error_or_a_message(data: bytes) -> None:
    for read in (read_all, unpack_section):
        try:
            read(data)
        except ProtocolError:
            continue


@given(MESSAGES, st.data())
def test_a_cut_message_is_a_protocol_error(message: m.Message, data: st.DataObject) -> None:
    frame = m.encode(message)[FRAME_PREFIX:]
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]
    try:
        back = m.decode(cut)
    except ProtocolError:
        return
    assert isinstance(back, m.Result)  # the one message whose body may have any length


@pytest.mark.parametrize(
    "header",
    [
        {"t": 99},
        {"t": True},
        {"t": "4"},
        {},
        {"t": 6, "e": 1},
        {"t": 6, "e": -1, "q": 1},
        {"t": 6, "e": 1.0, "q": 1},
        {"t": 6, "e": True, "q": 1},
        {"t": 6, "e": 2**40, "q": 1},
        {"t": 6, "e": None, "q": 1},
        {"t": 10, "t2": 0, "c": "x"},
        {"t": 11, "c": "<b>you have been hacked</b>"},
        {"t": 11, "c": "full", "p": [2**60] * 5},
        {"t": 7, "e": 1, "q": 1, "s": "idle", "tq": float("nan")},
        {"t": 7, "e": 1, "q": 1, "s": "idle", "tq": float("inf")},
        {"t": 2, "s": b"x" * 16, "e": 1, "o": "not base58 0OIl", "i": "0123abcd"},
        {"t": 2, "s": b"x" * 17, "e": 1, "o": PEER, "i": "0123abcd"},
        {"t": 4, "e": 1, "q": 1, "p": 0, "n": 0, "b": [0, 0, 0]},
        {"t": 4, "e": 1, "q": 1, "p": 0, "n": 1, "b": [0, 0]},
        {"t": 4, "e": 1, "q": 1, "p": 0, "n": 1, "b": [9, 9, 9]},
        {"t": 4, "e": 1, "q": 1, "p": 0, "n": 1, "k": 2, "b": [0, 0, 0]},
        {"t": 4, "e": 1, "q": 0, "p": 0, "n": 1, "b": [0, 0, 0]},
        {"t": 4, "e": 1, "q": 1, "p": 0, "n": 1, "b": [0, 0, 0], "o": [[9, 0, []]]},
        {"t": 4, "e": 1, "q": 1, "p": 0, "n": 1, "b": [0, 0, 0], "o": [[1, 0, [-1]]]},
        {"t": 4, "e": 1, "q": 1, "p": 0, "n": 1, "b": [0, 0, 0], "o": [[0, -1, []]]},
        [1, 2],
        "text",
        7,
    ],
)
def test_a_malformed_header_is_a_protocol_error(header: object) -> None:
    raw = msgpack.packb(header)
    with pytest.raises(ProtocolError):
        m.decode(len(raw).to_bytes(2, "big") + raw)


def test_extension_types_and_deep_nesting_are_refused() -> None:
    deep = b"\x91" * 5000 + b"\x00"
    for raw in (msgpack.packb(msgpack.ExtType(0x40, b"x")), b"\xd6\xff\x00\x00\x00\x00", deep, b"\x81\xa1t" + deep):
        with pytest.raises(ProtocolError):
            m.decode(len(raw).to_bytes(2, "big") + raw)


def test_versions() -> None:
    nonce = b"n" * 16
    assert m.common_version(m.Hello(nonce)) == 1
    assert m.common_version(m.Hello(nonce, oldest=0, newest=7)) == 1
    assert m.common_version(m.Hello(nonce, oldest=2, newest=7)) is None
    assert m.common_version(m.Hello(nonce, oldest=0, newest=0)) is None


def test_our_own_message_may_not_be_larger_than_a_frame() -> None:
    with pytest.raises(ValueError, match="fewer positions"):
        m.encode(m.Result(1, 1), [bytes(1 << 26)])


def test_hostile_bytes_cost_little_time_and_memory(request: pytest.FixtureRequest) -> None:
    """Valid frames with random damage: a bounded count in ./test, a long one with --full."""
    count = 100_000 if request.config.getoption("--full", default=False) else 5_000
    generator = random.Random(20261123)
    originals = [m.encode(message)[FRAME_PREFIX:] for message in _examples()]
    refused, slowest = 0, 0.0
    tracemalloc.start()
    try:
        for _ in range(count):
            data = bytearray(generator.choice(originals))
            for _ in range(generator.randint(1, 4)):
                kind = generator.randrange(4)
                at = generator.randrange(len(data)) if data else 0
                if kind == 0 and data:
                    data[at] = generator.randrange(256)
                elif kind == 1:
                    data[at:at] = generator.randbytes(generator.randint(1, 8))
                elif kind == 2:
                    del data[at : at + generator.randint(1, 8)]
                elif data:
                    data[at : at + 4] = b"\xff" * 4
            began = time.thread_time()  # of this thread alone: a busy machine is no finding
            try:
                read_all(bytes(data))
            except ProtocolError:
                refused += 1
            slowest = max(slowest, time.thread_time() - began)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused > count // 2
    assert peak < 32 << 20
    assert slowest < 1.0  # the promise of the issue: nothing over one second


def _examples() -> list[m.Message]:
    import torch

    from meadow.wire.body import Extra, pack_step

    step = pack_step(
        m.Step(1, 3, 5, 2, (), ops=(CacheOp.crop(1), CacheOp.reorder([1, 0]))),
        torch.randn(2, 2, 8),
        [[Extra("per_layer_input", (0, 1), torch.randn(2, 2, 3))], []],
        carry=(torch.arange(4), None),
        positions=torch.arange(2)[None],
        mask=(0, torch.ones(2, 7, dtype=torch.int64)),
    )
    return [
        m.decode(step[FRAME_PREFIX:]),
        m.Open(b"s" * 16, 1, b"f" * 32, 0, 4, 1, "bfloat16", previous=(PEER, "0123abcd"), next=b"r" * 200),
        m.Attach(b"s" * 16, 1, PEER, "0123abcd"),
        m.Hello(b"n" * 16, meadow="0.1.0", numeric_class="torch-2.13", clock=1.7e9),
        m.Status(1, 4, "computing", 0.25, 2, 0.0625, 0.125),
        m.Problem("gap", (3,), False),
    ]
