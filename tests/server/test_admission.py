"""A server dials only what its owner signed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from meadow.errors import ProtocolError
from meadow.server.admission import Inflow, ServerLimits, next_hop
from meadow.swarm.identity import Identity
from meadow.swarm.records import ServerRecord, sign_record
from meadow.wire.messages import Open

FINGERPRINT = b"f" * 32
OURSELVES = ("12D3KooWBN44Ggcw4NXQbTQfFqTsVhn5pvrfRECQu6LraUE6sLMv", "00000000")


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity.temporary(tmp_path)


def request(encoded: bytes | None) -> Open:
    return Open(b"s" * 16, 1, FINGERPRINT, 0, 4, 1, "float32", next=encoded)


def record(identity: Identity, **changes: object) -> ServerRecord:
    made = ServerRecord(
        identity.peer_id, "0123abcd", FINGERPRINT, 4, 8, "online",
        addresses=("/ip4/127.0.0.1/tcp/4001",), expires=time.time() + 60,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_valid_record_is_taken(identity: Identity) -> None:
    made = record(identity)
    assert next_hop(request(sign_record(made, identity).encoded), FINGERPRINT, OURSELVES) == made
    assert next_hop(request(None), FINGERPRINT, OURSELVES) is None


def test_clocks_may_differ_by_minutes(identity: Identity) -> None:
    for seconds in (-200, 800):
        made = record(identity, expires=time.time() + seconds)
        assert next_hop(request(sign_record(made, identity).encoded), FINGERPRINT, OURSELVES) == made


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": b"g" * 32},
        {"start": 5},
        {"start": 0, "end": 4},
        {"expires": 1000.0},
        {"expires": 4e9},
    ],
)
def test_what_does_not_fit_is_refused(identity: Identity, changes: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        next_hop(request(sign_record(record(identity, **changes), identity).encoded), FINGERPRINT, OURSELVES)


def test_a_forged_record_or_oneself_is_refused(identity: Identity) -> None:
    encoded = bytearray(sign_record(record(identity), identity).encoded)
    encoded[3] ^= 1
    with pytest.raises(ProtocolError):
        next_hop(request(bytes(encoded)), FINGERPRINT, OURSELVES)
    encoded[3] ^= 1
    with pytest.raises(ProtocolError):
        next_hop(request(bytes(encoded)), FINGERPRINT, (identity.peer_id, "0123abcd"))


def test_one_owner_has_so_many_bytes_waiting_and_others_go_on() -> None:
    inflow = Inflow(ServerLimits(waiting_per_owner=1_000_000, waiting=2_500_000))
    assert inflow.take("a", 900_000) and not inflow.take("a", 200_000)
    assert inflow.take("b", 1_000_000) and not inflow.take("b", 1)
    assert inflow.take("c", 500_000) and not inflow.take("c", 200_000)  # all together are full now
    assert inflow.take("c", 20_000)  # and still a decode step goes through
    assert inflow.total == 2_420_000
    inflow.release("b", 1_000_000)
    assert inflow.take("c", 400_000)
    for owner, size in (("a", 900_000), ("c", 920_000)):
        inflow.release(owner, size)
    assert inflow.total == 0
