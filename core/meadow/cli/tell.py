"""The state tree in words, for ``meadow status`` and for commands that wait. Pure: a tree in, lines out.

Names of models come from strangers, so everything passes :func:`meadow.cli.output.plain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meadow.cli.output import duration, plain, size
from meadow.cli.times import clock
from meadow.node.sharing import short_model

Tree = Mapping[str, Any]
_MODELS = 10


def status(state: Tree, *, now: float, token_file: str | None = None) -> list[str]:
    """What a person wants to know at a glance. ``now``: Unix seconds."""
    rows = [
        ("Node", _node(state, now)),
        ("Sharing", _sharing(state, now)),
        ("Swarm", _swarm(state)),
        ("Demo", _demo(state)),
        *(("Server", _server(server, now)) for server in _values(state, "servers")),
        *(("Download", _download(download)) for download in _values(state, "downloads")),
        *(("Model", _model(model)) for model in _models(state)[:_MODELS]),
        ("Answers", _answers(state)),
        ("API", _api(state, token_file)),
        *(("Problem", problem(one)) for one in _values(state, "problems")),
    ]
    more = len(_models(state)) - _MODELS
    if more > 0:
        rows.append(("", f"and {more} more models; `meadow models` lists all"))
    width = max(len(name) for name, _ in rows)
    return [plain(f"{name:{width}}  {text}").replace("\n", " ").rstrip() for name, text in rows if text]


def waiting(state: Tree) -> tuple[str, Mapping[str, Any] | None]:
    """One line about what sharing is doing, and the transfer that it waits for, if there is one."""
    runtime = _share(state).get("gpu_runtime", {})
    if runtime.get("progress", {}).get("total"):
        what = "Unpacking" if runtime.get("phase") == "installing" else "Downloading"
        return f"{what} the GPU runtime", runtime["progress"]
    for download in _values(state, "downloads"):
        if download.get("server_id") and download.get("progress", {}).get("total"):
            return f"Downloading {plain(str(download.get('model', '')))}", download["progress"]
    return plain(str(_share(state).get("text", ""))), None


def what_ends(state: Tree) -> str | None:
    """A sentence about what ends with the node, if somebody would notice."""
    own = state.get("node", {}).get("peer_id")
    nobody_else = (own, state.get("demo", {}).get("peer_id"))
    of_others = [session for session in _values(state, "sessions") if session.get("peer_id") not in nobody_else]
    sessions = sum(int(session.get("count", 0)) for session in of_others)
    answers = len(_values(state, "chats"))
    parts = [
        *([_count(answers, "answer") + " under way"] if answers else []),
        *([_count(sessions, "session") + " of others"] if sessions else []),
    ]
    return f"With it {'ends' if answers + sessions == 1 else 'end'} {' and '.join(parts)}." if parts else None


def _node(state: Tree, now: float) -> str:
    node = state.get("node", {})
    parts = [f"Meadow {node.get('version', '')}"]
    if node.get("stopping"):
        parts.append("is ending")
    if node.get("started"):
        parts.append(f"up for {duration(max(0.0, now - node['started']))}")
    if node.get("pid"):
        parts.append(f"process {node['pid']}")
    if node.get("name"):
        parts.append(f"others see it as {node['name']}")
    return ", ".join(parts)


def _sharing(state: Tree, now: float) -> str:
    share = _share(state)
    text = str(share.get("text", "Unknown."))
    if share.get("tokens_today") and share.get("state") != "sharing":  # then the sentence says it already
        text += f" Today: {share['tokens_today']:,} tokens."
    until = share.get("until", 0)
    if until > now:
        when = clock(datetime.fromtimestamp(until).astimezone(), datetime.fromtimestamp(now).astimezone())
        text += f" Until {when}." if share.get("state") == "waiting" else f" At the latest at {when} that is over."
    return text


def _swarm(state: Tree) -> str:
    swarm = state.get("swarm", {})
    words = {
        "off": "Not joined yet.",
        "joining": "Joining.",
        "joined": "Joined.",
        "rejoining": "Joining again.",
        "alone": "Alone.",
    }
    text = words.get(str(swarm.get("status")), "Unknown.")
    if swarm.get("demo"):
        text += " A swarm of this machine alone."
    if swarm.get("num_peers") is not None:
        text += f" {_count(swarm['num_peers'], 'other peer')} known."
    if swarm.get("uplink") and swarm.get("downlink"):
        over = f"measured with {_count(swarm.get('link_peers', 0), 'peer')}"
        text += f" About {size(swarm['uplink'])}/s up and {size(swarm['downlink'])}/s down, {over}."
    return f"{text} {swarm['message']}" if swarm.get("message") else text


def _demo(state: Tree) -> str:
    """Nothing while it is off: few want it."""
    demo = state.get("demo", {})
    why = f" {demo['message']}" if demo.get("message") else ""
    match demo.get("status"):
        case "starting":
            return f"Starting, step {demo.get('step', 0)} of {demo.get('steps', 0)}.{why}"
        case "ready":
            return f"Ready: {demo.get('model', '')} can be chatted with; it stays on this machine."
        case "failed":
            return f"It could not be started.{why}"
        case _:
            return ""


def _server(server: Tree, now: float) -> str:
    end = server.get("end", "")
    model = short_model(server.get("model", ""))
    text = f"blocks {server.get('start', 0)}:{end} of {model}, {server.get('status', '')}"
    if server.get("throughput"):
        text += f", {server['throughput']:.0f} tokens/s"
    if server.get("prefill"):
        text += f" ({server['prefill']:.0f} of a long input)"
    if server.get("sessions"):
        text += f", {_count(server['sessions'], 'session')}"
    if server.get("restart"):
        text += f", next try in {duration(max(0.0, server['restart'] - now))}"
    if server.get("last_failure") and server.get("status") in ("restarting", "failed"):
        text += f". {server['last_failure']}"
    return text


def _download(download: Tree) -> str:
    progress = download.get("progress", {})
    text = str(download.get("model", ""))
    if progress.get("total"):
        text += f", {size(progress.get('done', 0))} of {size(progress['total'])}"
    if progress.get("rate"):
        text += f", {size(progress['rate'])}/s"
    if progress.get("seconds_left"):
        text += f", {duration(progress['seconds_left'])} left"
    return text


def _models(state: Tree) -> list[Tree]:
    """Those one can chat with first."""
    models = _values(state.get("swarm", {}), "models")
    return sorted(models, key=lambda model: (not model.get("complete"), str(model.get("name"))))


def _model(model: Tree) -> str:
    text = f"{model.get('hub_id') or model.get('name')}, {_count(model.get('num_blocks', 0), 'block')}, "
    text += _count(model.get("num_servers", 0), "server")
    if not model.get("complete"):
        gaps = ", ".join(f"{start}:{end}" for start, end in model.get("missing", ()))
        text += f"; nobody serves blocks {gaps}" if gaps else "; not complete"
    return text


def _answers(state: Tree) -> str:
    totals = state.get("node", {}).get("totals", {})
    text = f"{len(_values(state, 'chats'))} under way, {totals.get('answers', 0)} since the start"
    return text + (f", {totals['failed_answers']} failed" if totals.get("failed_answers") else "")


def _api(state: Tree, token_file: str | None) -> str:
    url = state.get("node", {}).get("url")
    if not url:
        return ""
    return f"OpenAI clients use {url}/v1" + (f" with the token in {token_file}" if token_file else "")


def problem(problem: Tree) -> str:
    """What happened and what to do."""
    return plain(f"{problem.get('message', '')} {problem.get('advice', '')}".strip())


def _share(state: Tree) -> Tree:
    share: Tree = state.get("share", {})
    return share


def _values(tree: Tree, name: str) -> list[Tree]:
    return list(tree.get(name, {}).values())


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
