"""What was written before a stream was closed arrives, whatever its writer did not read."""

from __future__ import annotations

import asyncio

import pytest

from meadow.errors import SwarmError
from meadow.swarm.streams import MessageReader, MessageWriter, StreamClosed, read_message, write_message

ROUNDS = 40


@pytest.mark.parametrize("own_node", [False, True], ids=["other-node", "own-node"])
async def test_the_last_message_arrives_although_others_were_not_read(swarm, own_node: bool) -> None:
    """A client that closes its session right after a result, with a credit or a heartbeat still on its way to it."""
    serving = await swarm.node()
    client = serving if own_node else await swarm.node(*serving.addresses)
    heard: list[bytes] = []
    ended = asyncio.Queue[None]()

    async def chatter(writer: MessageWriter) -> None:
        while True:
            for _ in range(20):
                write_message(writer, b"a credit")
            await asyncio.sleep(0)

    async def talk(peer_id: str, reader: MessageReader, writer: MessageWriter) -> None:
        noise = asyncio.create_task(chatter(writer))
        heard.append(await read_message(reader))
        try:
            while not heard or heard[-1] != b"last":
                heard.append(await read_message(reader))
        finally:
            noise.cancel()
            await asyncio.gather(noise, return_exceptions=True)
            ended.put_nowait(None)

    await serving.add_stream_handler("meadow/1/talk", talk)
    for _ in range(ROUNDS):
        reader, writer = await client.open_stream(serving.peer_id, serving.addresses, "meadow/1/talk")
        write_message(writer, b"first")
        await read_message(reader, timeout=10)
        write_message(writer, b"last")
        writer.finish()
        async with asyncio.timeout(10):
            await ended.get()
    assert heard == [b"first", b"last"] * ROUNDS


async def test_a_closed_stream_ends_for_its_own_reader_and_takes_no_more(swarm) -> None:
    serving = await swarm.node()
    client = await swarm.node(*serving.addresses)

    async def silent(peer_id: str, reader: MessageReader, writer: MessageWriter) -> None:
        await read_message(reader)

    await serving.add_stream_handler("meadow/1/silent", silent)
    reader, writer = await client.open_stream(serving.peer_id, serving.addresses, "meadow/1/silent")
    waiting = asyncio.create_task(read_message(reader))
    await asyncio.sleep(0)
    writer.close()
    with pytest.raises(StreamClosed):
        await waiting
    with pytest.raises(SwarmError):
        write_message(writer, b"more")
    writer.close()  # twice is harmless
    async with asyncio.timeout(10):
        await writer.wait_closed()


async def test_the_last_message_leaves_before_the_node_does(swarm) -> None:
    """A chat that is stopped closes its session and its node in one breath."""
    serving = await swarm.node()
    heard = asyncio.Queue[bytes]()

    async def listen(peer_id: str, reader: MessageReader, writer: MessageWriter) -> None:
        heard.put_nowait(await read_message(reader))

    await serving.add_stream_handler("meadow/1/listen", listen)
    for _ in range(8):
        client = await swarm.node(*serving.addresses, client_only=True)
        _, writer = await client.open_stream(serving.peer_id, serving.addresses, "meadow/1/listen")
        write_message(writer, b"last")
        writer.finish()
        await client.close()
        async with asyncio.timeout(10):
            assert await heard.get() == b"last"
