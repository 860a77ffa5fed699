"""The commands that run the node of a home, and those that talk to it."""

from __future__ import annotations

import argparse
from typing import Protocol

from meadow.cli.argument_types import blocks, listening, number, peers
from meadow.cli.times import moment, span

_TALKS = "It talks to the node of this home (--home), or to the one that MEADOW_URL and MEADOW_TOKEN name."


class Add(Protocol):
    """Adds a command: its name, the module that runs it, a summary, a description, examples."""

    def __call__(
        self, name: str, module: str, summary: str, description: str, *examples: str
    ) -> argparse.ArgumentParser: ...


def add_node_commands(add: Add) -> None:
    """``node``, ``status``, ``share``, ``pause``, ``resume``, ``finish``, ``stop``, ``settings``."""
    _node(add)
    status = add(
        "status",
        "status",
        "what the node does now",
        f"Sharing and why, the swarm, models that are up, answers under way, problems.\n{_TALKS}",
        "meadow status",
        "meadow status --watch        again after each change",
        "meadow status --json         the whole state tree",
    )
    status.add_argument("--watch", action="store_true", help="go on, and show each change")
    _share(add)
    pause = add(
        "pause",
        "pause",
        "give the machine back for a while",
        "Stop sharing for a while, at once: sessions of others end and memory is free. The node goes on, chats too.\n"
        "`meadow finish` lets sessions end by themselves instead.\n"
        f"{_TALKS}",
        "meadow pause                 until `meadow resume`",
        "meadow pause --for 1h",
        "meadow pause --until 18:30",
        "meadow pause --until tomorrow",
    )
    length = pause.add_mutually_exclusive_group()
    length.add_argument("--for", dest="duration", type=span, metavar="TIME", help="for example 30m, 1h or 1h30m")
    length.add_argument("--until", type=moment, metavar="WHEN", help="18:30, tomorrow (8:00) or 2030-01-31T08:00")
    add("resume", "resume", "end a pause", f"Share again as before the pause.\n{_TALKS}", "meadow resume")
    finish = add(
        "finish",
        "finish",
        "let running sessions end, then stop sharing",
        "Take no new sessions. Sharing stops when the open ones have ended, or when the time is up.\n"
        f"The node goes on, chats too; `meadow share` begins again.\n{_TALKS}",
        "meadow finish",
        "meadow finish --within 1h    give them so much time",
        "meadow finish --within 0s    at once",
        "meadow finish --wait && poweroff",
    )
    finish.add_argument(
        "--within", type=span, metavar="TIME", help="at the latest then (default: share.finish_seconds)"
    )
    finish.add_argument("--wait", action="store_true", help="end only when nothing is shared any more")
    add(
        "stop",
        "stop",
        "end the node",
        "End the node and everything that it runs: what it shares, and answers under way. `meadow finish --wait`\n"
        f"before is kinder to those who use what is shared.\n{_TALKS}",
        "meadow stop",
        "meadow finish --wait && meadow stop",
    )
    _settings(add)


def _node(add: Add) -> None:
    node = add(
        "node",
        "node",
        "run the node: sharing, chats and an API in one process",
        "Run the one node of this home, or say where it is if it runs already. It answers on 127.0.0.1 only, to those\n"
        "who have its token. It shares nothing before `meadow share`. Ctrl+C or `meadow stop` ends it.",
        "meadow node",
        "meadow node --demo           the bundled toy model on a swarm of two servers on this machine",
        "meadow node --port 4711      so that other programs can keep the address",
        'meadow node --json           one line {"event": "ready", "url": ..., "token_file": ...} when it answers',
    )
    node.add_argument(
        "--port", type=number(0, 65535), metavar="N", help="answer on this port of 127.0.0.1 (default: node.port)"
    )
    group = node.add_argument_group("which swarm")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument("--demo", action="store_true", help="a swarm of this machine alone, with the bundled model")
    choice.add_argument(
        "--initial-peers",
        type=peers,
        action="extend",
        metavar="A,B",
        help="multiaddrs of peers to join through (default: from the settings, then the built-in list)",
    )
    choice.add_argument("--new-swarm", action="store_true", help="be the first peer of a new swarm")
    group.add_argument(
        "--host-maddrs",
        type=listening,
        action="extend",
        metavar="A,B",
        help="listen for peers on these addresses (default: host_maddrs, this machine only)",
    )


def _share(add: Add) -> None:
    share = add(
        "share",
        "share",
        "let this machine host blocks of a model",
        "Host blocks of a model for the swarm. Without --blocks: those that fit into the memory that is free now and\n"
        "that help most: blocks that nobody serves, then the weakest ones. Shows how it goes until it\n"
        "shares; Ctrl+C then ends this command, not the sharing.\n"
        f"{_TALKS}",
        "meadow share owner/name",
        "meadow share ./model --blocks 0:6 --dtype bfloat16 --device cuda",
        "meadow share                 again what the settings say (share.model)",
        "meadow pause --for 1h        ... `meadow finish` ends it",
    )
    share.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a folder with a checkpoint, or owner/name on the hub (default: share.model)",
    )
    share.add_argument("--revision", metavar="REV", help="branch, tag or commit on the hub")
    share.add_argument("--blocks", type=blocks, metavar="START:END", help="blocks START to END-1 (default: what fits)")
    share.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), help="(default: share.dtype)")
    share.add_argument("--device", choices=("cpu", "cuda", "mps"), help="(default: share.device)")
    share.add_argument(
        "--kv-tokens", type=number(1, 1 << 40), metavar="N", help="tokens of all sessions together that may be cached"
    )
    share.add_argument("--no-wait", action="store_true", help="do not wait until it shares")


def _settings(add: Add) -> None:
    settings = add(
        "settings",
        "settings",
        "read and change settings",
        "Without a word: all settings. With a KEY: what it means. With a VALUE too: change it, in the running node\n"
        "at once where that is possible. docs/settings.md lists them; the file may also be edited by hand.",
        "meadow settings",
        "meadow settings share.limit_fraction",
        "meadow settings share.limit_fraction 0.5",
        "meadow settings share.limit_fraction --reset",
    )
    settings.add_argument("key", nargs="?", metavar="KEY", help="for example node.port")
    change = settings.add_mutually_exclusive_group()
    change.add_argument("value", nargs="?", metavar="VALUE", help="lists are separated by commas; null: not set")
    change.add_argument("--reset", action="store_true", help="take the default again")
