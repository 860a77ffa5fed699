"""A header that passes describes the file exactly; everything else is refused with a message that names the file."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.torch import save_file

from meadow.errors import DamagedCheckpoint
from meadow.models.safetensors_header import DTYPES, MAX_HEADER_BYTES, TensorInfo, header_end, parse_header

FILE = "model.safetensors"


def encode(table: Any) -> bytes:
    return json.dumps(table).encode()


def parse(table: Any, data_bytes: int) -> dict[str, TensorInfo]:
    header = table if isinstance(table, bytes) else encode(table)
    return parse_header(header, FILE, 8 + len(header) + data_bytes)


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_a_file_of_the_safetensors_library_is_read_alike(tmp_path: Any) -> None:
    path = tmp_path / FILE
    made = {
        "b": torch.ones(3, 2, dtype=torch.bfloat16),
        "scalar": torch.tensor(1.5),
        "empty": torch.empty(0, 4),
        "i": torch.arange(5),
        "f8": torch.ones(3).to(torch.float8_e4m3fn),
        "flag": torch.tensor([True]),
    }
    save_file(made, path, metadata={"format": "pt"})
    raw = path.read_bytes()
    end = header_end(raw[:8], FILE, len(raw))
    infos = parse_header(raw[8:end], FILE, len(raw))
    assert {name: (info.dtype, info.shape) for name, info in infos.items()} == {
        name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in made.items()
    }
    assert sum(info.nbytes for info in infos.values()) == len(raw) - end


BAD_TABLES: dict[str, tuple[Any, int]] = {
    "not a table": ([1], 0),
    "entry is a number": ({"a": 1}, 0),
    "unknown dtype": ({"a": entry("F4", [2], 0, 1)}, 1),
    "dtype is a list": ({"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}, 4),
    "negative size": ({"a": entry("F32", [-1], 0, 4)}, 4),
    "size is a bool": ({"a": entry("U8", [True], 0, 1)}, 1),
    "size is a float": ({"a": {"dtype": "U8", "shape": [1.0], "data_offsets": [0, 1]}}, 1),
    "huge shape": ({"a": entry("U8", [2**62, 2**62], 0, 1)}, 1),
    "rank 40": ({"a": entry("U8", [1] * 40, 0, 1)}, 1),
    "offsets backwards": ({"a": entry("F32", [1], 4, 0)}, 4),
    "three offsets": ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}, 1),
    "too small for its shape": ({"a": entry("F32", [2], 0, 4)}, 4),
    "overlap": ({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 2, 6)}, 6),
    "the same bytes twice": ({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 0, 4)}, 4),
    "gap": ({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 5, 9)}, 9),
    "gap at the start": ({"a": entry("U8", [4], 4, 8)}, 8),
    "file too short": ({"a": entry("U8", [4], 0, 4)}, 3),
    "file too long": ({"a": entry("U8", [4], 0, 4)}, 5),
    "empty name": ({"": entry("U8", [4], 0, 4)}, 4),
    "name with a newline": ({"a\nb": entry("U8", [4], 0, 4)}, 4),
    "missing key": ({"a": {"dtype": "U8", "shape": [4]}}, 4),
    "a name twice": (
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
    ),
    "not utf-8": (b'{"\xff": 1}', 0),
    "deeply nested": (b"[" * 100_000, 0),
    "a number with a million digits": (b'{"a":' + b"9" * 1_000_000 + b"}", 0),
    "cut": (b'{"a": {"dtype"', 0),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_header_is_refused(case: str) -> None:
    table, size = BAD_TABLES[case]
    with pytest.raises(DamagedCheckpoint, match=FILE):
        parse(table, size)


@pytest.mark.parametrize(
    ("prefix", "size"),
    [
        (b"", 0),
        (b"\0" * 7, 7),
        ((0).to_bytes(8, "little"), 100),
        ((93).to_bytes(8, "little"), 100),
        ((MAX_HEADER_BYTES + 1).to_bytes(8, "little"), 1 << 40),
        ((2**64 - 1).to_bytes(8, "little"), 1 << 40),
    ],
)
def test_an_impossible_header_length_is_refused(prefix: bytes, size: int) -> None:
    with pytest.raises(DamagedCheckpoint, match=FILE):
        header_end(prefix, FILE, size)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 20) | st.floats() | st.sampled_from(["F32", "U8", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*DTYPES, "?"]) | JSON,
        "shape": st.lists(st.integers(-1, 5), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(-1, 40), min_size=2, max_size=2) | JSON,
    }
)


@given(st.dictionaries(st.text(max_size=4), ENTRY | JSON, max_size=4) | JSON, st.integers(0, 60))
def test_any_header_is_refused_or_describes_the_file_exactly(table: Any, size: int) -> None:
    try:
        infos = parse(table, size)
    except DamagedCheckpoint:
        return
    at = 8 + len(encode(table))
    for info in infos.values():
        assert info.start == at and info.nbytes == torch.Size(info.shape).numel() * info.dtype.itemsize
        at = info.end
    assert at == 8 + len(encode(table)) + size


@given(st.binary(max_size=200))
def test_random_bytes_never_pass_as_something_else(raw: bytes) -> None:
    try:
        assert parse(raw, 0) == {} or raw.lstrip().startswith(b"{")
    except DamagedCheckpoint:
        pass


@given(st.lists(st.tuples(st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 4), max_size=3)), max_size=5))
def test_what_passes_here_opens_in_the_safetensors_library(layout: list[tuple[str, list[int]]]) -> None:
    at, table = 0, {}
    for number, (dtype, shape) in enumerate(layout):
        end = at + torch.Size(shape).numel() * DTYPES[dtype].itemsize
        table[f"t{number}"] = entry(dtype, shape, at, end)
        at = end
    header = encode(table)
    theirs = dict(deserialize(len(header).to_bytes(8, "little") + header + bytes(at)))
    ours = parse(table, at)
    assert {name: list(info.shape) for name, info in ours.items()} == {name: it["shape"] for name, it in theirs.items()}


def test_the_library_refuses_a_gap_too(tmp_path: Any) -> None:
    """Our rules are the format's own: what we refuse for its layout, the reference library refuses."""
    header = encode({"a": entry("U8", [4], 4, 8)})
    (tmp_path / FILE).write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(SafetensorError):
        safe_open(tmp_path / FILE, "pt")
