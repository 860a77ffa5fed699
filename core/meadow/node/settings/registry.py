"""Every setting there is: what the settings file, the API, ``meadow settings`` and docs/settings.md agree on.

To add one: write it here, read it where it counts, run ``scripts/settings_page.py``. Nothing is listed that nothing
reads. A ``default`` of None means "not set".
"""

from __future__ import annotations

from meadow.node.settings.setting import Between, Each, Kind, OneOf, Setting, Text
from meadow.swarm.addresses import is_tcp_address, split_peer
from meadow.swarm.identity import is_peer_id

_GIB = 1 << 30
_PEER = r"^/(ip4|ip6|dns|dns4|dns6)/[^/]+/tcp/[0-9]{1,5}/p2p/12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$"
_PEER_ID = r"^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$"
_LISTEN = r"^/(ip4/[0-9.]+|ip6/[0-9A-Fa-f:.]+)/tcp/[0-9]{1,5}$"
_MODEL = Text("that names a model: owner/name on the hub, or a folder", 4096, r"^[^\x00-\x1f\x7f]+$")


def is_peer(text: str) -> bool:
    """Whether this is the full address of a peer, to be dialled."""
    try:
        address, _ = split_peer(text)
    except ValueError:
        return False
    return not address.endswith("/tcp/0")


def is_listening(text: str) -> bool:
    """Whether this is an address to listen on: an IP address and a port, without a peer."""
    return is_tcp_address(text) and text.startswith(("/ip4/", "/ip6/")) and "/p2p" not in text


_ALL = (
    # This machine and its swarm
    Setting(
        "node.port",
        Kind.INTEGER,
        0,
        "The port on 127.0.0.1 where the node answers the app, the commands and OpenAI clients. 0 takes a free one at "
        "each start; choose one so that other programs can keep the address.",
        check=Between(0, 65535),
        restart=True,
    ),
    Setting(
        "initial_peers",
        Kind.TEXTS,
        (),
        "Peers to join the swarm through. Empty: the built-in list. `meadow chat`, `serve` and `models` use it too.",
        check=Each("that are addresses such as /ip4/192.0.2.7/tcp/31337/p2p/12D3Koo...", 100, is_peer, _PEER),
        restart=True,
    ),
    Setting(
        "host_maddrs",
        Kind.TEXTS,
        ("/ip4/127.0.0.1/tcp/0",),
        "Where the node listens for other peers. The default is for this machine only; /ip4/0.0.0.0/tcp/31337 lets "
        "others in.",
        check=Each("that are addresses to listen on such as /ip4/0.0.0.0/tcp/31337", 16, is_listening, _LISTEN),
        restart=True,
    ),
    Setting(
        "local_network",
        Kind.BOOLEAN,
        True,
        "Find peers on the local network, and let them find this node, while it listens to other machines at all (see "
        "host_maddrs).",
    ),
    Setting(
        "blocked_peers",
        Kind.TEXTS,
        (),
        "Peers that this node never talks to: it takes nothing from them, gives nothing to them, and no chat goes over "
        "them.",
        check=Each("that are peer ids such as 12D3KooW...", 4096, is_peer_id, _PEER_ID),
    ),
    Setting(
        "allowed_peers",
        Kind.TEXTS,
        (),
        "The only peers that this node talks to. Empty: everybody that is not blocked.",
        check=Each("that are peer ids such as 12D3KooW...", 4096, is_peer_id, _PEER_ID),
    ),
    # What this machine gives
    Setting(
        "share.model",
        Kind.TEXT,
        None,
        "The model that this machine shares, when `share` is not told another one.",
        check=_MODEL,
        unset="`share` must name one",
    ),
    Setting(
        "share.device",
        Kind.TEXT,
        None,
        "What computes the shared blocks.",
        check=OneOf(("cpu", "cuda", "mps")),
        unset="a GPU if this machine has one that works, else the CPU; the status says which",
    ),
    Setting(
        "share.dtype",
        Kind.TEXT,
        None,
        "The dtype in which shared blocks compute.",
        check=OneOf(("float32", "bfloat16", "float16")),
        unset="the checkpoint's own",
    ),
    Setting(
        "share.kv_tokens",
        Kind.INTEGER,
        None,
        "How many tokens of all sessions together a server may cache.",
        unit="tokens",
        check=Between(1, 1 << 40),
        unset="as many as fit beside the blocks, within reason",
    ),
    Setting(
        "share.limit_fraction",
        Kind.NUMBER,
        0.9,
        "How much of the memory that is free when sharing begins it may take, of the GPU or of the machine.",
        unit="of the free memory",
        check=Between(0.05, 1),
    ),
    Setting(
        "share.reserve_bytes",
        Kind.INTEGER,
        _GIB,
        "Memory of the machine that sharing leaves free for other programs. A GPU's own memory does not count here.",
        unit="bytes",
        check=Between(0, 1 << 50),
    ),
    Setting(
        "share.finish_seconds",
        Kind.NUMBER,
        600.0,
        "How long the sessions of others may take to end or to move to another server when sharing ends, or moves to "
        "other blocks. `finish --within` may say otherwise. New sessions are refused meanwhile, and it is over sooner "
        "when no session is left.",
        unit="seconds",
        check=Between(0, 86400),
    ),
    # Chats
    Setting(
        "chat.default_model",
        Kind.TEXT,
        None,
        "The model of chats that have none of their own.",
        check=_MODEL,
        unset="the first model that is up",
    ),
    Setting(
        "chat.max_tokens",
        Kind.INTEGER,
        None,
        "How long an answer may become, in chats that do not say otherwise.",
        unit="tokens",
        check=Between(1, 1_000_000),
        unset="as long as the model's context has room, at most 4096",
    ),
    Setting(
        "chat.temperature",
        Kind.NUMBER,
        None,
        "How freely answers are chosen, in chats that do not say otherwise; 0 always takes the likeliest token.",
        check=Between(0, 100),
        unset="as the model recommends",
    ),
    Setting(
        "chat.top_p",
        Kind.NUMBER,
        None,
        "Answers are chosen among the likeliest tokens that together have this probability, in chats that do not say "
        "otherwise.",
        check=Between(0.01, 1),
        unset="as the model recommends",
    ),
    Setting(
        "chat.top_k",
        Kind.INTEGER,
        None,
        "Answers are chosen among so many of the likeliest tokens, in chats that do not say otherwise; 0 means all.",
        unit="tokens",
        check=Between(0, 1_000_000),
        unset="as the model recommends",
    ),
    # The API
    Setting(
        "api.concurrency",
        Kind.INTEGER,
        8,
        "How many requests of OpenAI clients are answered at the same time; others are told to try again.",
        unit="requests",
        check=Between(1, 256),
    ),
    Setting(
        "metrics.enabled",
        Kind.BOOLEAN,
        False,
        "Whether the node offers /metrics for Prometheus. The token is needed there as everywhere.",
    ),
)

REGISTRY: dict[str, Setting] = {setting.key: setting for setting in _ALL}
