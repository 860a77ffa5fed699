"""How a new member of a swarm by invitation gets its certificate, and how it is renewed: one question to the owner.

The one stream protocol of a private swarm that answers peers without a certificate. The proof of the secret comes
before it (``gate``), the peer id is proven by libp2p; the token in the question is the invitation, empty for a renewal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from meadow.errors import ProtocolError, Refused
from meadow.swarm.membership import MAX_CREDENTIAL, Certificate, Credential
from meadow.swarm.node import SwarmNode
from meadow.swarm.streams import StreamLimits, read_message, send_message

PROTOCOL = "meadow/1/admission"
MAX_TOKEN = 64
_ANSWER_SECONDS = 15.0
_LIMITS = StreamLimits(message_bytes=1024, first_message=10.0, idle=15.0, per_peer=2, pending_per_peer=2, total=64)

Decide = Callable[[str, bytes], Awaitable[Certificate | None]]
"""(peer id, token) -> its certificate, or None."""


async def answer_admissions(node: SwarmNode, decide: Decide) -> None:
    """On the owner's node: answer from now on. Raises SwarmError when another process does so already."""

    async def answer(peer_id: str, reader: object, writer: object) -> None:
        token = await read_message(reader, limit=MAX_TOKEN)  # type: ignore[arg-type]
        certificate = await decide(peer_id, token)
        await send_message(writer, b"" if certificate is None else Credential(certificate).encode())  # type: ignore[arg-type]

    await node.add_stream_handler(PROTOCOL, answer, limits=_LIMITS, certified=False)


async def ask_for_admission(node: SwarmNode, owner: str, addresses: Iterable[str], token: bytes) -> Credential:
    """Our certificate, from the owner. Raises Refused (the invitation is used up or too old, or we were sent away),
    ServerLost or ServerTimeout (the owner cannot be reached), ProtocolError."""
    reader, writer = await node.open_stream(owner, addresses, PROTOCOL)
    try:
        await send_message(writer, token)
        answer = await read_message(reader, limit=MAX_CREDENTIAL, timeout=_ANSWER_SECONDS)
    finally:
        writer.close()
    if not answer:
        raise Refused(
            "The owner of this swarm does not accept the invitation: it was used already, or is older than a week. Ask "
            "for a new one.",
            code="not_invited",
        )
    credential = Credential.decode(answer)
    membership = node.gate.membership
    if membership is None or not membership.accepts(node.gate.own_key, answer, now=node.clock()):
        raise ProtocolError("The owner's answer is no certificate for this peer.")
    return credential
