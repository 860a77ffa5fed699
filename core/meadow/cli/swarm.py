"""``meadow swarm``: the swarms of this home. Works on their file, with or without a node; a node notices."""

from __future__ import annotations

import argparse
import sys
import time

from meadow.cli.arguments_swarm import VISIBLE
from meadow.cli.output import Output, plain
from meadow.errors import MeadowError
from meadow.node.lock import is_held
from meadow.platform.paths import Paths
from meadow.swarm.book import Entry, SwarmBook, UnknownSwarm
from meadow.swarm.invitation import format_link, parse_link

_KINDS = {"public": "public", "secret": "private, for everybody with the link", "invitation": "private, by invitation"}


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0, or MeadowError."""
    book = SwarmBook(Paths.of(options.home))
    actions = {
        "list": _list, "new": _new, "join": _join, "use": _use, "invite": _invite, "members": _members,
        "revoke": _revoke, "leave": _leave,
    }  # fmt: skip
    actions[options.action](book, options, output)
    return 0


def _list(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    current = book.current()
    output.event("swarm", id="", name="", kind="public", in_use=current is None, is_owner=False)
    output.result(f"{'*' if current is None else ' '} the public swarm of the settings (initial_peers)")
    for entry in book.entries():
        in_use = current is not None and entry.id == current.id
        output.event(
            "swarm", id=entry.id, name=entry.name, kind=entry.kind, in_use=in_use, is_owner=entry.is_owner,
            confirmed=_is_confirmed(entry),
        )  # fmt: skip
        own = ", yours" if entry.is_owner else "" if _is_confirmed(entry) else ", not confirmed by its owner yet"
        output.result(f"{'*' if in_use else ' '} {plain(entry.name)}: {_KINDS[entry.kind]}{own}  ({entry.id})")
    output.note("* is used by the node and the commands of this home. `meadow swarm --help` says more.")


def _new(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    entry = book.new(options.name, by_invitation=options.by_invitation)
    book.use(entry.id)
    output.event("new", id=entry.id, name=entry.name, kind=entry.kind, owner=entry.owner)
    output.result(f"Founded {plain(entry.name)} ({_KINDS[entry.kind]}), and this home uses it now.")
    output.note(f"Next: {_start(options)}, then `meadow swarm invite`.")
    output.note(f"Its secrets are in {book.file.parent}; keep a copy of that folder: without it you cannot invite.")
    output.note(VISIBLE.replace("\n", " "))


def _join(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    text = options.link
    if text is None:
        if sys.stdin.isatty():
            output.note("Paste the invitation link:")
        text = sys.stdin.readline()
    entry = book.join(parse_link(text))
    book.use(entry.id)
    output.event("joined", id=entry.id, name=entry.name, kind=entry.kind, owner=entry.owner)
    output.result(f"Joined {plain(entry.name)} ({_KINDS[entry.kind]}), and this home uses it now.")
    if not _is_confirmed(entry):
        output.note("Its owner's node confirms the invitation as soon as both nodes run.")
    output.note(f"Next: {_start(options)}.")
    if entry.is_private:
        output.note(VISIBLE.replace("\n", " "))


def _use(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    entry = book.use(None if options.public else options.name)
    name = "the public swarm of the settings" if entry is None else plain(entry.name)
    output.event("use", id="" if entry is None else entry.id)
    output.result(f"This home uses {name} now.")
    if is_held(Paths.of(options.home)):
        output.note(f"The node that runs stays where it is until it is started anew: {_start(options)}.")


def _invite(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    entry = _named(book, options.name)
    try:
        link = format_link(book.invite(entry.id, (), note=options.note))
    except ValueError as error:
        raise MeadowError("The addresses of this swarm do not fit into a link.", code="too_long") from error
    output.event("invitation", id=entry.id, link=link, once=entry.kind == "invitation")
    output.result(link)
    if all("/ip4/127." in peer or "/ip6/::1/" in peer for peer in entry.peers):
        output.note("It works on this machine only: the node listens nowhere else. See `meadow settings host_maddrs`.")
    if entry.kind == "invitation":
        output.note("It works once, within a week, while your node runs.")
    if entry.is_private:
        output.note("It holds the secret of the swarm: send it through something that you trust.")


def _members(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    entry = _named(book, options.name)
    if entry.kind != "invitation":
        raise MeadowError(
            "Nobody keeps a list of the members of this swarm: whoever has its link is one.", code="unsupported"
        )
    if not entry.is_owner:
        raise MeadowError("Only the owner of this swarm knows who was let in.", code="not_owner")
    output.result(f"{entry.owner}  you, the owner")
    for peer_id, member in sorted(entry.members.items(), key=lambda item: item[1].since):
        output.event(
            "member", peer_id=peer_id, note=member.note, since=member.since, until=member.until, revoked=member.revoked
        )
        what = "sent away" if member.revoked else f"until {_day(member.until)}, renewed by your node"
        output.result(f"{peer_id}  {plain(member.note) or 'no note'}, since {_day(member.since)}, {what}")
    waiting = [token for token in entry.tokens.values() if not token.used_by and token.until > time.time()]
    for token in waiting:
        output.event("open_invitation", note=token.note, until=token.until)
        output.result(
            f"an invitation that nobody has used yet: {plain(token.note) or 'no note'}, until {_day(token.until)}"
        )


def _revoke(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    entry = _named(book, options.name)
    book.revoke(entry.id, options.peer)
    output.event("revoked", id=entry.id, peer_id=options.peer)
    output.result("Sent away. Your node tells the others; it must run for that.")


def _leave(book: SwarmBook, options: argparse.Namespace, output: Output) -> None:
    entry = book.find(options.name)
    if entry.is_owner and not options.yes:
        raise MeadowError(
            "You own this swarm: without its key nobody can be invited, sent away or have a certificate renewed any "
            f"more. If you mean it: meadow swarm leave {entry.id} --yes",
            code="conflict",
        )
    book.leave(entry.id)
    output.event("left", id=entry.id)
    output.result(f"Left {plain(entry.name)}. Nothing of it is kept on this machine.")
    if is_held(Paths.of(options.home)):
        output.note(f"A node that runs in it stays there until it is started anew: {_start(options)}.")


def _named(book: SwarmBook, name: str | None) -> Entry:
    entry = book.current() if name is None else book.find(name)
    if entry is None:
        raise UnknownSwarm("This home uses the public swarm of the settings. Name one: `meadow swarm` lists them.")
    return entry


def _is_confirmed(entry: Entry) -> bool:
    return entry.kind != "invitation" or bool(entry.credential)


def _start(options: argparse.Namespace) -> str:
    return "`meadow stop`, then `meadow node`" if is_held(Paths.of(options.home)) else "`meadow node`"


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))
