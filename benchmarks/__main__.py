"""``python -m benchmarks NAME [--json]``: run one benchmark; the last line printed is its result as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence

NAMES = {
    "app": "the window: seconds to the first key, memory, work while idle (about 2 minutes)",
    "attacks": "an honest client's speed beside attacks on its server (about 8 minutes)",
    "batch": "many sessions on one server, and how even tokens come while prompts are read (about 4 minutes)",
    "chat": "the chat page with 2,000 messages: opening, scrolling, paging back, streaming (about 2 minutes)",
    "gpu": "a GPU without a swarm: exactness, 1 to 32 sessions against its memory, graphs (about 5 minutes)",
    "failover": "how late a token is when servers die or hang (about 3 minutes)",
    "hops": "what a hop costs: swarm against plain transformers, one to three servers (about 5 minutes)",
    "long": "a token at 8,192 positions against transformers' static cache (about 1 minute)",
    "memory": "bytes read, bytes downloaded, and the client's memory (about 1 minute)",
    "text": "how long the app's window stands still while an answer streams and a history scrolls (about 2 minutes)",
    "wan": "distance: three servers 25 ms apart, against what light and compute ask for (about 3 minutes; root)",
    "routing": "milliseconds to choose a route among 10,000 servers of 128 blocks (about 1 minute)",
    "simulate": "does placement keep blocks served, evenly and calmly, on up to 5,000 simulated servers (1 minute)",
    "start": "seconds to a server online and to a first token (about 1 minute)",
}

MODULES = {"chat": "chat_page", "text": "text_view"}
"""Where a benchmark's module has another name than the benchmark."""

LEAST_ROUNDS = 9


def portable(command: Sequence[str]) -> str:
    """A command line as one could type it elsewhere: without this machine's paths."""
    words = ["python" if word == sys.executable else word for word in command]
    return shlex.join(words).replace(tempfile.gettempdir() + "/", "TMPDIR/")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Meadow on this machine. Numbers are ratios within one run wherever they can be.",
        epilog="benchmarks:\n" + "\n".join(f"  {name:8} {text}" for name, text in NAMES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument(
        "--json", action="store_true", help="print only the result, as one JSON object on the last line"
    )
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="interleaved pairs per setting (default 9)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer rounds are fine: a look at whether it runs, whose numbers do not count",
    )
    options = parser.parse_args()
    if options.rounds < 1 or (options.name == "hops" and options.rounds < LEAST_ROUNDS and not options.quick):
        parser.error(
            f"hops needs at least {LEAST_ROUNDS} rounds to say anything; with --quick it runs, and does not count"
        )

    def say(text: str) -> None:
        print(text, file=sys.stderr if options.json else sys.stdout, flush=True)

    result = importlib.import_module(f"benchmarks.{MODULES.get(options.name, options.name)}").run(
        rounds=options.rounds, say=say
    )
    metrics = result["metrics"]
    for key, metric in metrics.items():
        limit = "" if metric["limit"] is None else f"   (limit {metric['limit']})"
        say(f"{key:32} {metric['value']:10.4g} {metric['unit']}{limit}")
    result["commands"] = [portable(line) for line in ([sys.executable, *sys.orig_argv[1:]], *result["commands"])]
    print(json.dumps({"name": options.name, "counts": not options.quick, **result}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
