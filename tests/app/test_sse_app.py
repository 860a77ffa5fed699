"""The parser of event streams says the same however the bytes are cut, follows the standard, and has bounds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow_app.link.sse import Event, Parser, TooLarge
from meadow_app.link.stream import delay


def parse(data: bytes, sizes: list[int] | None = None, **options: int) -> tuple[list[Event], Parser]:
    parser, events, at = Parser(**options), [], 0
    for size in sizes or []:
        events += parser.feed(data[at : at + size])
        at += size
    events += parser.feed(data[at:])
    return events, parser


def by_the_standard(data: bytes) -> tuple[list[Event], str]:
    """The same, written down from the standard in the plainest way: whole text, one line after the other."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    lines, line, position = [], "", 0
    while position < len(text):
        if text[position] in "\r\n":
            position += text[position : position + 2] == "\r\n"
            lines.append(line)
            line = ""
        else:
            line += text[position]
        position += 1
    events: list[Event] = []
    name, datas, last = "", [], ""
    for line in lines:
        if line == "":
            if datas:
                events.append(Event(name or "message", last, "\n".join(datas)))
            name, datas = "", []
            continue
        field, colon, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            name = value
        elif field == "data":
            datas.append(value)
        elif field == "id" and "\0" not in value:
            last = value
    return events, last


PIECES = [
    b"data: 1", b"data:2", b"data", b"data:", b"event: patch", b"event:", b"id: 7", b"id", b"id: \0", b"id: 8:9",
    b": comment", b"retry: 250", b"retry: x", b"unknown: 1", b"\xef\xbb\xbf", "data: grün 🌱".encode(),
    b"data: \xff\xfe",
    b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join), st.lists(st.integers(0, 9), max_size=60))
def test_however_the_bytes_are_cut(data: bytes, sizes: list[int]) -> None:
    events, parser = parse(data, sizes)
    # An id counts only when its event is dispatched, so the reference's last id may be ahead.
    assert events == by_the_standard(data)[0]
    assert parse(data)[0] == events
    whole = Parser()
    assert [event for index in range(len(data)) for event in whole.feed(data[index : index + 1])] == events
    assert whole.last_id == parser.last_id


@given(st.binary(max_size=400), st.lists(st.integers(0, 40), max_size=20))
def test_noise_is_no_danger(data: bytes, sizes: list[int]) -> None:
    assert parse(data, sizes)[0] == by_the_standard(data)[0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["state", "patch", "text"]),
            st.integers(0, 2**53),
            st.recursive(
                st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
            ),
        ),
        max_size=8,
    ),
    st.lists(st.integers(1, 50), max_size=40),
)
def test_what_the_node_writes_comes_back(sent: list[tuple[str, int, object]], sizes: list[int]) -> None:
    data = "".join(
        f"id: {number}\nevent: {name}\ndata: {json.dumps(value)}\n\n" for name, number, value in sent
    ).encode()
    events, _ = parse(data, sizes)
    assert [(event.name, int(event.id), json.loads(event.data)) for event in events] == sent


def test_the_id_stays_and_moves_also_without_data() -> None:
    events, parser = parse(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\n\nid: 3\n")
    assert [event.id for event in events] == ["1", "1"]
    assert parser.last_id == "2"  # 3 has not been dispatched: asking for what follows it would lose an event
    assert Parser(last_id="9").last_id == "9"


def test_retry_is_seconds_and_only_digits_count() -> None:
    assert parse(b"retry: 250\n")[1].retry == 0.25
    for wrong in (b"retry: -1\n", b"retry: 1.5\n", b"retry:\n", b"retry: " + b"9" * 400 + b"\n", "retry: ²\n".encode()):
        assert parse(wrong)[1].retry is None


@pytest.mark.parametrize("data", [b"x" * 2000, b"data: " + b"x" * 2000, b"data: 1234567\n" * 200, b": " + b"c" * 2000])
@pytest.mark.parametrize("size", [1, 7, 1000, 100000])
def test_what_has_no_end_is_given_up(data: bytes, size: int) -> None:
    parser = Parser(max_event=1000)
    with pytest.raises(TooLarge):
        for start in range(0, len(data), size):
            parser.feed(data[start : start + size])


def test_many_small_events_are_no_large_one() -> None:
    events, _ = parse(b"data: 1\n\n" * 1000, max_event=100)
    assert len(events) == 1000


def test_a_large_line_in_many_pieces_costs_no_more_than_its_length() -> None:
    """Sixteen megabytes in 512-byte pieces: were each piece searched from the beginning, this would take minutes."""
    parser = Parser()
    piece = b"x" * 512
    parser.feed(b"data: ")
    for _ in range((16 << 20) // 512 - 8):
        assert parser.feed(piece) == []
    (event,) = parser.feed(b"\n\n")
    assert len(event.data) == (16 << 20) - 8 * 512


def test_attempts_become_rarer_up_to_a_bound_and_the_node_can_ask_for_more_time() -> None:
    waits = [delay(None, failures, 0.0) for failures in range(8)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0]
    assert delay(0.2, 1, 0.0) == 0.4
    assert delay(0.0, 0, 0.0) == 0.1
    assert delay(1e9, 0, 0.0) == 30.0
    assert delay(None, 10**9, 0.5) == pytest.approx(16.5)
