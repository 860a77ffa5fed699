"""A node in a process of its own, for tests that attack it. Prints one JSON line when it is up, then obeys stdin.

Besides what every node offers it has two handlers that use hivemind's own decoders ("legacy"), because the patches of
``hardening`` must hold wherever hivemind is used, not only where Meadow happens to go around it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--home", type=Path, required=True)
parser.add_argument("--initial-peer", action="append", default=[])
parser.add_argument("--skew", type=float, default=0.0)
parser.add_argument("--attach")
parser.add_argument("--server-id", default="0000000a")
options = parser.parse_args()
if options.skew:
    real_time = time.time
    time.time = lambda: real_time() + options.skew

from hivemind.compression import deserialize_torch_tensor  # noqa: E402
from hivemind.p2p import P2P  # noqa: E402
from hivemind.proto import dht_pb2, runtime_pb2  # noqa: E402
from hivemind.utils.serializer import MSGPackSerializer  # noqa: E402

from meadow.swarm.identity import Identity  # noqa: E402
from meadow.swarm.node import SwarmNode  # noqa: E402
from meadow.swarm.records import ServerRecord  # noqa: E402
from meadow.swarm.streams import StreamLimits, read_message, send_message  # noqa: E402

LIMITS = StreamLimits(
    message_bytes=4 << 20, first_message=1.5, idle=20.0, message=1.0, slowest_rate=1 << 20, per_peer=12,
    pending_per_peer=6, budget=8 << 20, budget_per_peer=4 << 20,
)  # fmt: skip


async def echo(peer_id: str, reader, writer) -> None:
    while True:
        await send_message(writer, peer_id.encode(), b" ", await read_message(reader))


async def legacy_load(request: dht_pb2.FindRequest, context) -> dht_pb2.FindResponse:
    MSGPackSerializer.loads(request.keys[0])
    return dht_pb2.FindResponse()


async def legacy_tensor(request: runtime_pb2.Tensor, context) -> runtime_pb2.Tensor:
    tensor = deserialize_torch_tensor(request)
    return runtime_pb2.Tensor(size=[tensor.numel()])


async def legacy_slow(request: dht_pb2.FindRequest, context) -> dht_pb2.FindResponse:
    await asyncio.sleep(60)
    return dht_pb2.FindResponse()


async def legacy_stream(info, reader, writer) -> None:
    await P2P.receive_raw_data(reader)


async def make_node() -> SwarmNode:
    if options.attach:
        return await SwarmNode.attach(options.attach)
    return await SwarmNode.create(
        identity=Identity.load_or_create(options.home / f"{options.server_id}.key"),
        run_dir=options.home / "run",
        initial_peers=options.initial_peer,
    )


async def main() -> None:
    node = await make_node()
    p2p = node._daemon.p2p
    await node.add_stream_handler(f"meadow/1/{options.server_id}", echo, limits=LIMITS)
    if not options.attach:
        await node.publish(ServerRecord(node.peer_id, options.server_id, b"v" * 32, 0, 4, "online"))
        await p2p.add_protobuf_handler("legacy_load", legacy_load, dht_pb2.FindRequest)
        await p2p.add_protobuf_handler("legacy_tensor", legacy_tensor, runtime_pb2.Tensor)
        await p2p.add_protobuf_handler("legacy_slow", legacy_slow, dht_pb2.FindRequest)
        await p2p.add_binary_stream_handler("legacy_stream", legacy_stream)
    print(json.dumps({"peer_id": node.peer_id, "addresses": node.addresses, "maddr": node.daemon_maddr}), flush=True)

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "stats":
            dht = node._dht
            stats = {
                "tasks": len(asyncio.all_tasks()),
                "calls": len(p2p._client.control._handler_tasks),
                "records": len(dht.protocol.storage) if dht is not None else 0,
                "nodes": len(dht.protocol.routing_table.uid_to_peer_id) if dht is not None else 0,
                "offset": node.clock.offset,
            }
            print(json.dumps(stats), flush=True)
    await node.close()


asyncio.run(main())
