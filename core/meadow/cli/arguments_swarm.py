"""``meadow swarm`` and its actions."""

from __future__ import annotations

import argparse
from pathlib import Path

from meadow.cli.arguments_node import Add

_FORMAT = argparse.RawDescriptionHelpFormatter
VISIBLE = (
    "What stays visible: a private swarm answers nobody who cannot prove to belong to it, and nobody else can read\n"
    "its records or use its servers. Still, whoever can reach an address can see that a Meadow peer listens there,\n"
    "its peer id, and the addresses of other peers of the swarm; and whoever watches the network sees who talks to\n"
    "whom, when and how much. Members can read what is asked through their servers. To hide the rest, run the swarm\n"
    "inside a VPN."
)


def add_swarm_command(add: Add) -> None:
    """``swarm`` and ``swarm new|join|use|invite|members|revoke|leave``."""
    swarm = add(
        "swarm",
        "swarm",
        "private swarms: found, join, invite, leave",
        "Without a further word: the swarms of this home, and which one it uses.\n\n" + VISIBLE,
        "meadow swarm new Street                  found a private swarm; everybody with its link is a member",
        "meadow swarm new Street --by-invitation  or one where you invite each member, and can send them away",
        "meadow node --host-maddrs /ip4/0.0.0.0/tcp/31337    run it, so that others can reach it",
        "meadow swarm invite Street               a link for a friend",
        "meadow swarm join 'meadow://join?...'    take such a link; then `meadow node`",
    )
    swarm.set_defaults(action="list")
    actions = swarm.add_subparsers(metavar="ACTION")

    def action(name: str, summary: str, description: str) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, help=summary, description=description, formatter_class=_FORMAT)
        parser.set_defaults(action=name)
        # As before the action; without defaults, which would undo what was said there.
        parser.add_argument("--home", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        for flag in ("--json", "--debug"):
            parser.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return parser

    new = action("new", "found a private swarm", "Found a private swarm, and use it from now on.\n\n" + VISIBLE)
    new.add_argument("name", metavar="NAME", help="what people will see it called")
    new.add_argument(
        "--by-invitation",
        action="store_true",
        help="each member needs an invitation of its own, which works once; members can be sent away (default: "
        "everybody who has the link is a member, for good)",
    )
    join = action(
        "join",
        "take an invitation",
        "Join the swarm of an invitation link, and use it from now on. Put the link between quotes; or leave it out,\n"
        "and it is asked for, so that it does not stay in the history of the shell.",
    )
    join.add_argument("link", metavar="LINK", nargs="?", help="meadow://join?...")
    use = action("use", "choose which swarm this home uses", "Choose the swarm that the node and the commands use.")
    which = use.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", help="name or id")
    which.add_argument("--public", action="store_true", help="the public one of the settings (initial_peers)")
    invite = action(
        "invite",
        "make an invitation link",
        "A link that lets somebody join. It holds the secret of the swarm: send it through something that you trust.\n"
        "In a swarm by invitation it works once, within a week, and the owner's node must run when it is used.",
    )
    invite.add_argument("name", metavar="NAME", nargs="?", help="name or id (default: the swarm in use)")
    invite.add_argument("--for", dest="note", metavar="WHOM", default="", help="a note for `meadow swarm members`")
    members = action(
        "members",
        "who was let in",
        "The members of a swarm by invitation, as its owner let them in, and open invitations.",
    )
    members.add_argument("name", metavar="NAME", nargs="?", help="name or id (default: the swarm in use)")
    revoke = action(
        "revoke",
        "send a member away",
        "The member's connections end, and nobody in the swarm answers it any more once the list has reached them: at\n"
        "once where the owner's node is connected, within minutes elsewhere.",
    )
    revoke.add_argument("peer", metavar="PEER", help="the peer id, as `meadow swarm members` shows it")
    revoke.add_argument("--swarm", dest="name", metavar="NAME", help="name or id (default: the swarm in use)")
    leave = action(
        "leave",
        "forget a swarm",
        "Forget a swarm: its secret, its addresses and this home's key in it. There is no undo.",
    )
    leave.add_argument("name", metavar="NAME", help="name or id")
    leave.add_argument("--yes", action="store_true", help="do not ask; needed for a swarm of your own")
