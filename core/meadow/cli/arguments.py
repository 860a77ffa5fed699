"""What can be asked of the ``meadow`` command: flags, their checks, and help that teaches by example."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from meadow.cli.argument_types import blocks, listening, number, peers
from meadow.cli.arguments_node import add_node_commands
from meadow.cli.arguments_swarm import add_swarm_command

Command = Callable[..., int]


def command(module: str) -> Command:
    """The ``run`` of a module of this package, imported when it is called: help must not wait for torch."""

    def run(*arguments: object) -> int:
        return importlib.import_module(f"meadow.cli.{module}").run(*arguments)

    return run


def _version() -> str:
    try:
        return version("meadow")
    except PackageNotFoundError:
        return "unknown"


def _common(*, inner: bool = False) -> argparse.ArgumentParser:
    """Flags of every command. ``inner``: without defaults, which would undo what was said before the inner command."""
    nothing = argparse.SUPPRESS if inner else None
    off = argparse.SUPPRESS if inner else False
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("everywhere")
    group.add_argument(
        "--home", type=Path, metavar="DIR", default=nothing, help="keep all state (keys, settings, cache, logs) in DIR"
    )
    group.add_argument(
        "--json", action="store_true", default=off, help="print one JSON object a line, and nothing else"
    )
    group.add_argument(
        "--debug", action="store_true", default=off, help="on an error, show where in the program it happened"
    )
    return parser


def _swarm(parser: argparse.ArgumentParser, *, new_swarm: bool) -> None:
    group = parser.add_argument_group("which swarm")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument(
        "--initial-peers",
        type=peers,
        action="extend",
        metavar="A,B",
        help="multiaddrs of peers to join through (default: from the settings file, then the built-in list)",
    )
    choice.add_argument(
        "--swarm", metavar="NAME", help="a swarm of this home, see `meadow swarm` (default: the one in use)"
    )
    if new_swarm:
        choice.add_argument("--new-swarm", action="store_true", help="be the first peer of a new swarm")


def _model(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    what = "a folder with a checkpoint, or owner/name on the hub"
    if optional:
        parser.add_argument("model", metavar="MODEL", nargs="?", help=f"{what} (default: the node's choice)")
    else:
        parser.add_argument("model", metavar="MODEL", help=what)
    parser.add_argument("--revision", metavar="REV", help="branch, tag or commit on the hub")


def _host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host-maddrs",
        type=listening,
        action="extend",
        metavar="A,B",
        help="listen on these addresses (default: /ip4/127.0.0.1/tcp/0, this machine only)",
    )


def _compute(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16", "float16"), help="compute in this dtype (default: the checkpoint's)"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda", "mps"), default="cpu", help="compute on this (default: cpu)"
    )
    parser.add_argument("--threads", type=number(1, 1024), metavar="N", help="CPU threads (default: torch decides)")


def _sampling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the answer")
    group.add_argument("--max-new-tokens", type=number(1, 1 << 20), default=256, metavar="N", help="(default: 256)")
    group.add_argument("--greedy", action="store_true", help="always the likeliest token; the same every time")
    group.add_argument("--temperature", type=number(0.01, 100, float), metavar="T", help="(default: the model's)")
    group.add_argument("--top-p", type=number(0.0, 1.0, float), metavar="P", help="(default: the model's)")
    group.add_argument("--top-k", type=number(0, 1 << 20), metavar="K", help="(default: the model's)")
    group.add_argument("--seed", type=number(0, (1 << 63) - 1), metavar="N", help="makes sampling repeatable")


def _examples(*lines: str) -> str:
    return "examples:\n" + "\n".join(f"  {line}" for line in lines)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common = _common(inner=True)
    parser = argparse.ArgumentParser(
        prog="meadow",
        parents=[_common()],
        description="Run large language models together: a swarm of volunteers hosts the blocks of a model,\n"
        "your machine holds only its two ends.",
        epilog=_examples(
            "meadow demo                                   a small swarm on this machine, and a chat",
            "meadow serve ./model --blocks 0:6 --new-swarm host six blocks, start a swarm",
            "meadow chat ./model --initial-peers ADDRESS   talk to a model that a swarm hosts",
            "meadow COMMAND --help                         more about one command",
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"meadow {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, module: str, summary: str, description: str, *examples: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            parents=[common],
            help=summary,
            description=description,
            epilog=_examples(*examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command(module))
        return sub

    demo = add(
        "demo",
        "demo",
        "a small swarm on this machine, and a chat with it",
        "Start two server processes that host one half each of the bundled model, and chat with it over them.\n"
        "Everything stays on this machine. The bundled model is a toy: it knows a little about Meadow, nothing else.\n"
        "Without a terminal it answers one question, prints the route and the speed, and ends.",
        "meadow demo",
        'meadow demo --prompt "What is a swarm?"',
        "meadow demo --model ./some-checkpoint         the same with another small model",
    )
    demo.add_argument("--prompt", metavar="TEXT", help="answer this and end, instead of a chat")
    demo.add_argument("--model", metavar="MODEL", help="a folder with another checkpoint than the bundled one")
    _sampling(demo)

    serve = add(
        "serve",
        "serve",
        "host blocks of a model for a swarm",
        "Host a span of consecutive blocks of a model. Only the tensors of these blocks are read, or downloaded.\n"
        "Ctrl+C ends it; nothing stays behind. Sessions that are open then have a minute to end or to move to another\n"
        "server (--drain-seconds); a second Ctrl+C does not wait for them.",
        "meadow serve ./model --blocks 0:6 --new-swarm",
        "meadow serve owner/name --blocks 6:12 --initial-peers /ip4/192.0.2.7/tcp/31337/p2p/12D3Koo...",
        "meadow serve ./model --blocks 0:6 --new-swarm --json    events for a program, one JSON object a line",
    )
    _model(serve)
    serve.add_argument("--blocks", type=blocks, metavar="START:END", help="blocks START to END-1 (default: all)")
    _swarm(serve, new_swarm=True)
    _host(serve)
    _compute(serve)
    serve.add_argument(
        "--kv-tokens", type=number(1, 1 << 40), metavar="N", help="tokens of all sessions together that may be cached"
    )
    serve.add_argument(
        "--drain-seconds",
        type=number(0, 86400, float),
        default=60.0,
        metavar="N",
        help="when it is told to end, how long open sessions may take to end or to move (default: 60; 0: at once)",
    )

    chat = add(
        "chat",
        "chat",
        "talk to a model that a swarm hosts",
        "Chat with a model over the servers of a swarm. The servers of the route can reconstruct what you write: do\n"
        "not send a public swarm what is private.\n\n"
        "When a node of this home runs (or MEADOW_URL names one), the chat goes through it: it begins at once, MODEL\n"
        "may be left out, and nothing is stored among the node's conversations. Otherwise, and with --initial-peers,\n"
        "--revision, --raw, --dtype, --device or --threads, this command joins the swarm by itself; it reads only the\n"
        "embeddings, the last norm and the head of the model.",
        "meadow chat                                   with the model that the node of this home has",
        "meadow chat ./model --initial-peers /ip4/127.0.0.1/tcp/31337/p2p/12D3Koo...",
        'meadow chat ./model --initial-peers ADDRESS --prompt "Hello" --greedy --max-new-tokens 40',
        'echo "Hello" | meadow chat ./model --initial-peers ADDRESS --json',
    )
    _model(chat, optional=True)
    chat.add_argument("--prompt", metavar="TEXT", help="answer this and end (default: a chat; with no terminal: stdin)")
    chat.add_argument("--system", metavar="TEXT", help="a system prompt, where the model's chat template knows one")
    chat.add_argument("--raw", action="store_true", help="continue the text as it is, without the chat template")
    _swarm(chat, new_swarm=False)
    _compute(chat)
    chat.set_defaults(device=None)  # None: not asked for, so the node may compute
    _sampling(chat)

    add_node_commands(add)
    add_swarm_command(add)

    doctor = add(
        "doctor",
        "doctor",
        "is everything here as it must be, and if not, what to do",
        "Look at versions, memory, GPUs, disks, ports, libp2p daemon and clock; then the bundled model answers over\n"
        "two servers of this machine, which must equal plain local output bit for bit. Changes nothing.",
        "meadow doctor",
        "meadow doctor --report       a text to share, without names, addresses, tokens or anything of chats",
        "meadow doctor --quick        without the self-test",
    )
    doctor.add_argument("--report", action="store_true", help="print only a text that can be shared")
    doctor.add_argument("--quick", action="store_true", help="leave out the self-test, which takes longest")

    models = add(
        "models",
        "models",
        "what is up in the swarm, and what is on this disk",
        "Without a further word: the models that servers of the swarm host right now, and the downloaded ones.",
        "meadow models --initial-peers ADDRESS",
        "meadow models manifest ./model        write per-tensor checksums beside the weights",
        "meadow models check owner/name        can Meadow run it, how many blocks, how large is each",
        "meadow models login                   give Meadow a token for gated and private models",
    )
    _swarm(models, new_swarm=False)
    models.set_defaults(command=command("models"), action="list")
    actions = models.add_subparsers(metavar="ACTION")
    inner = _common(inner=True)
    manifest = actions.add_parser(
        "manifest",
        parents=[inner],
        help="write meadow.manifest.json: the sha256 of every tensor of a local checkpoint",
        description="With a manifest, a server that downloads only some byte ranges can verify them by content.",
    )
    manifest.add_argument("path", type=Path, metavar="PATH", help="a folder with a checkpoint")
    manifest.set_defaults(action="manifest")
    check = actions.add_parser(
        "check",
        parents=[inner],
        help="can Meadow run this model, and how large are its parts",
        description="Reads the config and the headers of the weight files, and no weights.",
    )
    _model(check)
    check.set_defaults(action="check")
    login = actions.add_parser(
        "login",
        parents=[inner],
        help="keep a token of the model hub, for gated and private models",
        description="Asks for the token, or reads it from standard input. It is kept in a file that only you can read\n"
        "and sent to the hub only. It goes before HF_TOKEN.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    login.set_defaults(action="login")
    logout = actions.add_parser("logout", parents=[inner], help="delete that token")
    logout.set_defaults(action="logout")

    route = add(
        "route",
        "route",
        "which servers a chat with a model would use now, and why",
        "Choose the route that a chat would take now, and say what each hop costs. Opens no session.",
        "meadow route owner/name --why                 also the next best server for each hop, and why not that one",
        "meadow route owner/name --prompt 4000         the first token after a long prompt counts too",
        "meadow route owner/name --batch               for most work at once instead of quick answers",
    )
    route.add_argument("model", metavar="MODEL", help="its hub id, its name, or the beginning of its fingerprint")
    route.add_argument("--why", action="store_true", help="say for each hop who else could be taken, and why not")
    route.add_argument(
        "--prompt", type=number(0, 1 << 20), default=0, metavar="N", help="tokens that go in first (default: 0)"
    )
    route.add_argument("--batch", action="store_true", help="for the most work at once")
    route.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), help="(default: what most servers have)")
    _swarm(route, new_swarm=False)

    bootstrap = add(
        "bootstrap",
        "bootstrap",
        "a peer that others join through, without a server",
        "Run a peer of the swarm that hosts no blocks, and print the addresses that others join through.",
        "meadow bootstrap --new-swarm",
        "meadow bootstrap --new-swarm --host-maddrs /ip4/0.0.0.0/tcp/31337",
    )
    _swarm(bootstrap, new_swarm=True)
    _host(bootstrap)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse, or explain and exit with status 2."""
    return build_parser().parse_args(argv)
