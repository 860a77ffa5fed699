"""State trees as a node sends them, for tests and screenshots: large and small swarms, every share state, problems."""

from __future__ import annotations

import copy
import zlib
from typing import Any

Tree = dict[str, Any]

NOW = 1_900_000_000.0
MODEL = "Qwen/Qwen3-72B-Instruct"
NAMES = (
    "Quiet Birch,Golden Fern,Mossy Alder,Steady Oak,Early Rush,Misty Reed,Warm Thyme,Kind Sorrel,Plain Clover,"
    "Bright Iris,Tidy Rowan,Snowy Larch,Swift Sage,Amber Yarrow"
).split(",")
SPANS = (
    (0, 24, 61.0),
    (24, 52, 48.0),
    (24, 36, 66.5),
    (52, 80, 54.0),
    (36, 60, 35.0),
    (0, 16, 41.0),
    (16, 40, 28.0),
    (60, 80, 39.5),
    (8, 30, 22.0),
    (44, 72, 37.0),
    (0, 12, 12.5),
    (30, 44, 19.0),
    (68, 80, 57.0),
    (40, 48, 8.0),
)
ME = "12D3KooWMe"


def server(number: int, start: int, end: int, throughput: float, *, mine: bool = False, state: str = "online") -> Tree:
    """One server of the swarm."""
    name = NAMES[number % len(NAMES)]
    return {
        "peer_id": ME if mine else f"12D3KooWPeer{number:04}",
        "server_id": f"{number:08x}",
        "start": start,
        "end": end,
        "name": name,
        "state": state,
        "throughput": throughput,
        "mine": mine,
    }


def model(name: str, num_blocks: int, servers: list[Tree], *, fingerprint: str = "", demo: bool = False) -> Tree:
    """One model of the swarm, with the gaps that its servers leave."""
    online = [one for one in servers if one["state"] == "online"]
    served = {block for one in online for block in range(one["start"], one["end"])}
    missing: list[list[int]] = []
    for block in range(num_blocks):
        if block not in served:
            if missing and missing[-1][1] == block:
                missing[-1][1] += 1
            else:
                missing.append([block, block + 1])
    tree = {
        "fingerprint": fingerprint or f"{zlib.crc32(name.encode()):08x}" * 8,
        "name": name.rpartition("/")[2],
        "num_blocks": num_blocks,
        "complete": not missing,
        "missing": missing,
        "num_servers": len(online),
        "servers": {f"{one['peer_id']}/{one['server_id']}": one for one in servers},
        "demo": demo,
    }
    return {**tree, "hub_id": name} if "/" in name else tree


def large_model() -> Tree:
    """80 blocks, 14 servers, the third of which is this machine."""
    servers = [server(at, *span, mine=at == 2) for at, span in enumerate(SPANS)]
    return model(MODEL, 80, servers, fingerprint="a1" * 32)


def gappy_model() -> Tree:
    """36 blocks with two gaps, and a server that is leaving."""
    servers = [server(0, 0, 12, 40.0), server(1, 18, 30, 21.0), server(2, 8, 12, 10.0, state="draining")]
    return model("Qwen/Qwen3-8B", 36, servers, fingerprint="b2" * 32)


def small_model() -> Tree:
    """2 blocks on this machine."""
    servers = [server(0, 0, 1, 900.0, mine=True), server(1, 1, 2, 870.0, mine=True)]
    return model("meadow-demo", 2, servers, fingerprint="c3" * 32, demo=True)


def widest_model(servers: int = 256, blocks: int = 128) -> Tree:
    """As many servers as a tree may have of one model."""
    spans = [((at * 7) % (blocks - 8), 8 + at % 24, 5.0 + at % 50) for at in range(servers)]
    found = [server(at, start, min(blocks, start + size), rate) for at, (start, size, rate) in enumerate(spans)]
    return model("org/deep-and-wide", blocks, found, fingerprint="d4" * 32)


def swarm(*models: Tree, status: str = "joined", **more: Any) -> Tree:
    """The swarm with these models."""
    address = f"/ip4/192.0.2.7/tcp/31337/p2p/{ME}"
    tree = {"status": status, "demo": False, "models": {one["fingerprint"]: one for one in models}, **more}
    return {"addresses": [address], "num_peers": 14, **tree} if status == "joined" else {"addresses": [], **tree}


def machine(*, gpu: bool = True) -> Tree:
    """A desktop with a GPU, or without."""
    cpu = {"kind": "cpu", "index": 0, "name": "Ryzen 7 5800X", "memory_total": 32 * 10**9, "memory_free": 19 * 10**9}
    found: Tree = {
        "system": "Linux",
        "cpu": "Ryzen 7 5800X",
        "cpu_count": 16,
        "memory_total": 32 * 10**9,
        "memory_free": 19 * 10**9,
        "disk_free": 412 * 10**9,
        "devices": {"cpu:0": cpu},
    }
    if gpu:
        found["devices"]["cuda:0"] = {
            "kind": "cuda",
            "index": 0,
            "name": "GeForce RTX 4070",
            "memory_total": 12 * 10**9,
            "memory_free": 98 * 10**8,
            "temperature": 61.0,
            "utilisation": 0.7,
        }
    return found


def base(**parts: Any) -> Tree:
    """A node that shares nothing, in a large swarm."""
    tree: Tree = {
        "version": 1,
        "node": {"version": "0.1.0", "pid": 4711, "peer_id": ME, "name": "Mossy Alder", "stopping": False},
        "swarm": swarm(large_model(), gappy_model(), small_model()),
        "share": share("off", "never_turned_on", "Sharing is off; it was never turned on."),
        "demo": {"status": "off", "step": 0, "steps": 0, "servers": []},
        "servers": {},
        "sessions": {},
        "peers": {},
        "downloads": {},
        "chats": {},
        "problems": {},
        "machine": machine(),
    }
    return copy.deepcopy({**tree, **parts})


def share(state: str, reason: str, text: str, wanted: str = "off", **more: Any) -> Tree:
    """The part of the tree with the state."""
    return {"state": state, "reason": reason, "text": text, "wanted": wanted, "was_on": False, "sessions": 0, **more}


def hosted(status: str = "online", **more: Any) -> Tree:
    """A server of this machine: blocks 24:36 of the large model."""
    tree = {
        "server_id": "00000002",
        "model": MODEL,
        "status": status,
        "start": 24,
        "end": 36,
        "num_blocks": 80,
        "step": 0,
        "steps": 0,
        "device": "cuda:0",
        "dtype": "bfloat16",
        "sessions": 0,
        "restarts": 0,
        "demo": False,
    }
    return {**tree, **more}


def sharing() -> Tree:
    """Sharing, with three sessions of two peers."""
    sessions = {
        "00000002/12D3KooWPeer0000": ("12D3KooWPeer0000", "Quiet Birch", 2, NOW - 340),
        "00000002/12D3KooWPeer0009": ("12D3KooWPeer0009", "Bright Iris", 1, NOW - 4200),
    }
    text = f"Sharing blocks 24:36 of {MODEL}, 3 sessions now, 41,208 tokens today."
    return base(
        share=share("sharing", "serving", text, "on", was_on=True, model=MODEL, sessions=3, tokens_today=41_208),
        servers={"00000002": hosted("online", throughput=66.5, sessions=3)},
        sessions={
            key: {"server_id": "00000002", "peer_id": peer, "name": name, "count": count, "since": since}
            for key, (peer, name, count, since) in sessions.items()
        },
    )


def starting(phase: str) -> Tree:
    """On the way to sharing: "downloading", "loading", ..."""
    steps = {"loading": (7, 12)}.get(phase, (0, 0))
    words = {
        "opening": "opening the model",
        "downloading": "downloading",
        "loading": f"loading blocks (step {steps[0]} of {steps[1]})",
        "measuring": "measuring speed",
        "joining": "joining the swarm",
    }
    one = hosted("starting", phase=phase, step=steps[0], steps=steps[1])
    downloads = {}
    if phase == "downloading":
        progress = {"done": 3_100_000_000, "total": 14_800_000_000, "rate": 42_500_000.0, "seconds_left": 275.0}
        downloads = {"server:00000002": {"model": MODEL, "server_id": "00000002", "progress": progress}}
    return base(
        share=share("starting", phase, f"Starting: {words[phase]}.", "on", was_on=True, model=MODEL),
        servers={"00000002": one},
        downloads=downloads,
    )


def waiting(reason: str, text: str, **more: Any) -> Tree:
    """The person wants to share, and the node waits."""
    wanted = "paused" if reason == "paused" else "on"
    return base(share=share("waiting", reason, text, wanted, was_on=True, model=MODEL, **more))


def draining() -> Tree:
    """Finishing what is running."""
    text = "Finishing: 2 sessions still open, no new ones."
    return base(
        share=share("draining", "finishing", text, "finishing", was_on=True, model=MODEL, sessions=2),
        servers={"00000002": hosted("draining", throughput=66.5, sessions=2)},
    )


def failed() -> Tree:
    """The server cannot run."""
    text = "The server cannot run. See what went wrong, then try again."
    return base(
        share=share("problem", "server_failed", text, "on", was_on=True, model=MODEL),
        servers={"00000002": hosted("failed", last_failure="There is not enough free memory for 12 blocks.")},
        problems={
            "server:00000002": problem(
                "memory",
                "There is not enough free memory for 12 blocks of this model.",
                "Close other programs, or share fewer blocks, then try again.",
                "free_memory",
                server_id="00000002",
            )
        },
    )


def problem(code: str, message: str, advice: str, remedy: str, **more: Any) -> Tree:
    """One problem."""
    return {"code": code, "message": message, "advice": advice, "remedy": remedy, "last": NOW, "count": 1, **more}


PLAN: Tree = {
    "model": MODEL,
    "start": 24,
    "end": 36,
    "num_blocks": 80,
    "download_bytes": 14_800_000_000,
    "memory_bytes": 9_100_000_000,
    "device": "cuda:0",
    "device_name": "RTX 4070",
    "memory_free": 9_800_000_000,
    "swarm_before": 6.0,
    "swarm_after": 7.5,
    "text": "",
}


def contributions(now: float = NOW) -> Tree:
    """A day and a month of sharing."""
    hour, day = now // 3600 * 3600, now // 86400 * 86400
    hours = [[hour - 3600 * (23 - at), (at * 37 + 9) % 23 * 180] for at in range(24)]
    days = [[day - 86400 * (29 - at), (at * 53) % 31 * 2100] for at in range(30)]
    today = {"tokens": 41_208, "sessions": 37, "bytes_in": 910_000_000, "bytes_out": 880_000_000, "seconds": 31_000}
    total = {name: value * 21 for name, value in today.items()}
    return {"today": today, "total": total, "hours": hours, "days": days}


SETTINGS: Tree = {
    "values": {
        "share.model": None,
        "share.device": None,
        "share.dtype": None,
        "share.kv_tokens": None,
        "share.limit_fraction": 0.9,
        "share.reserve_bytes": 1 << 30,
    },
    "chosen": [],
    "restart_needed": [],
    "file": "settings.json",
    "remarks": [],
}

MODELS: Tree = {
    "swarm": [
        {
            "id": MODEL,
            "name": "Qwen3-72B-Instruct",
            "hub_id": MODEL,
            "fingerprint": "a1" * 32,
            "num_blocks": 80,
            "complete": True,
            "missing": [],
            "num_servers": 14,
            "demo": False,
        },
        {
            "id": "Qwen/Qwen3-8B",
            "name": "Qwen3-8B",
            "hub_id": "Qwen/Qwen3-8B",
            "fingerprint": "b2" * 32,
            "num_blocks": 36,
            "complete": False,
            "missing": [[12, 18], [30, 36]],
            "num_servers": 2,
            "demo": False,
        },
        {
            "name": "only-in-a-folder",
            "fingerprint": "e5" * 32,
            "num_blocks": 4,
            "complete": True,
            "missing": [],
            "num_servers": 1,
            "demo": False,
        },
    ],
    "recent": [{"model": "HuggingFaceTB/SmolLM2-1.7B-Instruct", "used": NOW - 86400}, {"model": MODEL, "used": NOW}],
    "local": [
        {"model": "HuggingFaceTB/SmolLM2-1.7B-Instruct", "bytes": 3_420_000_000},
        {"model": "Qwen/Qwen3-8B", "bytes": 5_300_000_000},
        {"model": "/home/me/models/my-finetune", "bytes": 980_000_000},
    ],
    "demo": {"model": "meadow-demo", "status": "off"},
}
INFO: Tree = {
    "model": MODEL,
    "num_blocks": 80,
    "hidden_size": 8192,
    "context": 32_768,
    "dtype": "bfloat16",
    "chat_part_bytes": 4_980_000_000,
    "chat_part_missing_bytes": 4_980_000_000,
    "block_bytes": 1_730_000_000,
    "gated": False,
    "supported": True,
}
