"""Tensors arrive as they were sent, or not at all."""

from __future__ import annotations

import tracemalloc

import msgpack
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from meadow.errors import ProtocolError
from meadow.wire import messages as m
from meadow.wire.body import Extra, forward_step, pack_step, read_result, read_step, result_frame
from meadow.wire.framelog import FrameLog, SendWindow
from meadow.wire.ops import CacheOp, Extent, after_ops
from meadow.wire.tensors import Part, is_finite, pack_section, unpack_section

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.bool]


def section(*parts: Part | None) -> bytes:
    return b"".join(pack_section(parts))


def made(dtype: torch.dtype, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, 2, shape, generator=generator).to(dtype)


@given(
    st.lists(
        st.none()
        | st.builds(
            lambda dtype, shape, numbers, seed: Part("x", tuple(numbers), made(dtype, tuple(shape), seed)),
            st.sampled_from(DTYPES),
            st.lists(st.integers(0, 4), max_size=5),
            st.lists(st.integers(0, 1000), max_size=3),
            st.integers(0, 99),
        ),
        max_size=5,
    )
)
def test_tensors_survive_the_wire(parts: list[Part | None]) -> None:
    back = unpack_section(section(*parts))
    assert len(back) == len(parts)
    for sent, got in zip(parts, back, strict=True):
        if sent is None or got is None:
            assert sent is got
            continue
        assert (got.name, got.numbers) == (sent.name, sent.numbers)
        assert got.tensor.dtype == sent.tensor.dtype
        assert torch.equal(got.tensor, sent.tensor)
        assert got.tensor.data_ptr() % got.tensor.element_size() == 0


def test_views_are_sent_as_what_they_show() -> None:
    base = torch.arange(24.0).view(2, 3, 4)
    got = unpack_section(section(Part("x", (), base.transpose(0, 2)[1:])))[0]
    assert got is not None
    assert torch.equal(got.tensor, base.transpose(0, 2)[1:])


def test_a_decoded_tensor_is_nobody_elses_memory() -> None:
    data = bytearray(section(Part("x", (), torch.zeros(8))))
    got = unpack_section(data)[0]
    data[-32:] = b"\xff" * 32
    assert got is not None
    assert torch.equal(got.tensor, torch.zeros(8))
    got.tensor.add_(1)


def raw_section(table: object, data: bytes = b"") -> bytes:
    header = msgpack.packb(table)
    return len(header).to_bytes(2, "big") + header + data


@pytest.mark.parametrize(
    "table",
    [
        [["x", [], 0, [1 << 24, 1 << 24, 1 << 24]]],
        [["x", [], 0, [2**62]]],
        [["x", [], 0, [-1]]],
        [["x", [], 0, [1, 1, 1, 1, 1, 1]]],
        [["x", [], 6, [1]]],
        [["x", [], "float32", [1]]],
        [["x", [], "(9999,9999)f4", [1]]],
        [["not a name", [], 0, [1]]],
        [["x" * 65, [], 0, [1]]],
        [["x", [-1], 0, [1]]],
        [["x", [True], 0, [1]]],
        [["x", [], 0]],
        [7],
        {"x": 1},
        [["x", [], 0, [0]]] * 600,
    ],
)
def test_an_impossible_tensor_is_refused_before_memory_is_spent(table: object) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            unpack_section(raw_section(table, b"abcd"))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_bool_is_zero_or_one_whatever_byte_came() -> None:
    got = unpack_section(raw_section([["x", [], 5, [4]]], bytes([0, 1, 2, 255])))[0]
    assert got is not None
    assert got.tensor.tolist() == [False, True, True, True]
    assert got.tensor.view(torch.uint8).max() == 1


@pytest.mark.parametrize("dtype", DTYPES[:3])
def test_one_bad_number_is_found(dtype: torch.dtype) -> None:
    good = made(dtype, (1, 3, 64))
    assert is_finite(good)
    assert is_finite(torch.full((4,), torch.finfo(dtype).max, dtype=dtype))  # large is not infinite
    for bad in (float("nan"), float("inf"), float("-inf")):
        spoilt = good.clone()
        spoilt[0, 1, 7] = bad
        assert not is_finite(spoilt)
        assert not is_finite(spoilt.transpose(1, 2))
    assert is_finite(torch.tensor([1, 2]))
    assert is_finite(torch.empty(0))


def test_each_server_takes_its_section_and_hands_the_rest_on_untouched() -> None:
    hidden = torch.randn(1, 3, 8)
    shift, scale = torch.randn(1, 3, 8), torch.randn(1, 3, 2)
    frame = pack_step(
        m.Step(2, 7, 10, 3, (), keep=2, acked=6),
        hidden,
        [[Extra("shift", (0, 1), shift)], [Extra("scale", (3,), scale)], []],
        carry=(None, torch.arange(3)),
        positions=torch.tensor([[4, 5, 6]]),
        mask=(9, torch.ones(1, 4, dtype=torch.int64)),
    )
    first = m.expect(m.decode(frame[4:]), m.Step)
    content = read_step(first)
    assert set(content.extras) == {0, 1}
    assert torch.equal(content.extras[1]["shift"], shift)
    assert content.carry[0] is None and torch.equal(content.carry[1], torch.arange(3))

    second = m.expect(m.decode(forward_step(first, hidden * 2, ())[4:]), m.Step)
    content = read_step(second)
    assert set(content.extras) == {3}
    assert torch.equal(content.extras[3]["scale"], scale)
    assert torch.equal(content.hidden, hidden * 2)
    assert (second.seq, second.keep, second.acked, second.position) == (7, 2, 6, 10)

    third = m.expect(m.decode(forward_step(second, hidden * 3, ())[4:]), m.Step)
    content = read_step(third)
    assert content.extras == {}
    assert content.positions is not None and content.positions.tolist() == [[4, 5, 6]]
    assert content.mask is not None and content.mask[0] == 9
    fourth = m.expect(m.decode(forward_step(third, hidden, ())[4:]), m.Step)  # a replacement may be two servers
    assert fourth.sections[1:] == third.sections[1:] and fourth.sections[1] == 0
    own = m.expect(m.decode(pack_step(first, hidden, [[Extra("scale", (3,), scale)]])[4:]), m.Step)
    with pytest.raises(ProtocolError):
        forward_step(own, hidden, ())  # it is for the last one: there is nobody to hand on to

    answer = m.expect(m.decode(result_frame(third, hidden * 4, (), axis=1)[4:]), m.Result)
    assert torch.equal(read_result(answer)[0], hidden[:, -2:] * 4)


def test_cache_operations_change_rows_and_length() -> None:
    extent = Extent(2, 10)
    assert after_ops(extent, [CacheOp.crop(3)]) == (Extent(2, 7), 2)
    assert after_ops(extent, [CacheOp.repeat(3), CacheOp.select([0, 5])]) == (Extent(2, 10), 6)
    assert after_ops(extent, [CacheOp.reorder([1, 1])]) == (Extent(2, 10), 2)
    assert after_ops(extent, [CacheOp.reset(), CacheOp.record_past()]) == (Extent(2, 0), 2)


@pytest.mark.parametrize(
    "op",
    [
        CacheOp.crop(11),
        CacheOp.reorder([0]),
        CacheOp.reorder([0, 2]),
        CacheOp.select([]),
        CacheOp.select([2]),
        CacheOp.repeat(0),
        CacheOp.repeat(200),
        CacheOp("format_disk"),
    ],
)
def test_operations_that_do_not_fit_are_refused(op: CacheOp) -> None:
    with pytest.raises(ProtocolError):
        after_ops(Extent(2, 10), [op])


def test_a_recurrent_cache_does_not_roll_back() -> None:
    with pytest.raises(ProtocolError) as caught:
        after_ops(Extent(1, 10), [CacheOp.crop(1)], can_roll_back=False)
    assert caught.value.code == "cannot_roll_back"
    assert after_ops(Extent(1, 10), [CacheOp.crop(0)], can_roll_back=False)[0] == Extent(1, 10)


def test_the_window_sends_no_further_than_four_ahead() -> None:
    log = FrameLog()
    window = SendWindow(log)
    for seq in range(1, 8):
        log.append(seq, bytes([seq]))
    assert window.take() == [(1, b"\1"), (2, b"\2"), (3, b"\3"), (4, b"\4")]
    assert window.take() == [] and window.unsent == 3
    window.credit(2)
    assert window.take() == [(5, b"\5"), (6, b"\6")]
    with pytest.raises(ProtocolError):
        window.credit(7)  # not sent yet
    window.resume(3)  # a new stream: the receiver has three
    assert window.take() == [(4, b"\4"), (5, b"\5"), (6, b"\6"), (7, b"\7")]
    with pytest.raises(ProtocolError):
        window.resume(8)
    assert log.drop_before(5) == 4
    assert log.get(4) is None and log.get(5) == b"\5"
    with pytest.raises(ProtocolError) as caught:
        window.resume(3)  # what it lacks was dropped
    assert caught.value.code == "log_dropped"
    with pytest.raises(ValueError, match="cannot follow"):
        log.append(9, b"")
