"""``meadow chat``: talk to a model whose blocks a swarm hosts, through the node of this home or without one.

Through the node it begins at once: the node is in the swarm and has the two ends of the model in memory. Flags that say
how this program itself is to compute or to join lead past it.
"""

from __future__ import annotations

import argparse
import os
import sys

from meadow.cli.output import Output
from meadow.cli.remote import Remote, connect
from meadow.errors import MeadowError
from meadow.node.lock import is_held
from meadow.platform.paths import Paths

_MOST_TEMPERATURE = 2.0  # what the node's API takes
_MOST_NEW_TOKENS = 131_072


def run(options: argparse.Namespace, output: Output) -> int:
    """One answer with ``--prompt`` or without a terminal, else a chat. Exit status 0, or MeadowError."""
    prompt = options.prompt
    if prompt is None and (output.json_lines or not sys.stdin.isatty()):
        prompt = sys.stdin.read().strip()
    if prompt is not None and not prompt:
        raise MeadowError(
            'There is nothing to answer. Give --prompt "TEXT", or text on standard input.', code="empty_prompt"
        )
    direct = only_direct(options)
    node = None if direct else _node(options)
    if node is not None:
        from meadow.cli import chat_node

        with node:
            if chat_node.run(node, options, prompt, output):
                return 0
        output.note(f"The node does not serve the folder {options.model}, so this chat goes to the swarm by itself.")
    if options.model is None:
        why = f"{direct} leads past the node" if direct else "no node runs that could choose one"
        raise MeadowError(
            f"Which model? {why[0].upper()}{why[1:]}, so name one: `meadow chat MODEL`. `meadow node` starts a node.",
            code="no_model",
        )
    from meadow.cli import chat_direct

    chat_direct.run(options, prompt, output)
    return 0


def only_direct(options: argparse.Namespace) -> str | None:
    """The first flag that a node cannot honour, because it is about this program or more than the API takes."""
    flags = {
        "--initial-peers": options.initial_peers is not None,
        "--swarm": options.swarm is not None,
        "--revision": options.revision is not None,
        "--raw": options.raw,
        "--dtype": options.dtype is not None,
        "--device": options.device is not None,
        "--threads": options.threads is not None,
        "--temperature": (options.temperature or 0.0) > _MOST_TEMPERATURE,
        "--max-new-tokens": options.max_new_tokens > _MOST_NEW_TOKENS,
    }
    return next((flag for flag, given in flags.items() if given), None)


def _node(options: argparse.Namespace) -> Remote | None:
    """The node that ``MEADOW_URL`` names, else that of the home; None if it has none. Raises MeadowError."""
    if not os.environ.get("MEADOW_URL") and not is_held(Paths.of(options.home)):
        return None
    return connect(options.home)
