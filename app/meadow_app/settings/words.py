"""What the node's settings are called here. A key without a name of its own shows its last word, so a newer node works.

The node describes its settings for people at a command line and in a file. Here each has words for people in a window;
what a newer node has beyond them is shown as the node describes it (``scripts/translate.py`` puts the node's own
descriptions into the translations, under the context "Node").
"""

from __future__ import annotations

from typing import Final

from meadow_app.language import QT_TRANSLATE_NOOP, translate

_LABELS: Final = {
    "node.port": QT_TRANSLATE_NOOP("SettingNames", "Port"),
    "initial_peers": QT_TRANSLATE_NOOP("SettingNames", "Peers to join through"),
    "host_maddrs": QT_TRANSLATE_NOOP("SettingNames", "Addresses to listen on"),
    "local_network": QT_TRANSLATE_NOOP("SettingNames", "Peers on the local network"),
    "blocked_peers": QT_TRANSLATE_NOOP("SettingNames", "Blocked peers"),
    "allowed_peers": QT_TRANSLATE_NOOP("SettingNames", "Allowed peers"),
    "share.model": QT_TRANSLATE_NOOP("SettingNames", "Model to share"),
    "share.device": QT_TRANSLATE_NOOP("SettingNames", "Compute on"),
    "share.dtype": QT_TRANSLATE_NOOP("SettingNames", "Number format"),
    "share.kv_tokens": QT_TRANSLATE_NOOP("SettingNames", "Cache for sessions"),
    "share.limit_fraction": QT_TRANSLATE_NOOP("SettingNames", "Memory to use"),
    "share.reserve_bytes": QT_TRANSLATE_NOOP("SettingNames", "Memory to leave free"),
    "share.finish_seconds": QT_TRANSLATE_NOOP("SettingNames", "Time for sessions to end"),
    "chat.default_model": QT_TRANSLATE_NOOP("SettingNames", "Model of new chats"),
    "chat.max_tokens": QT_TRANSLATE_NOOP("SettingNames", "Longest answer"),
    "chat.temperature": QT_TRANSLATE_NOOP("SettingNames", "Temperature"),
    "chat.top_p": QT_TRANSLATE_NOOP("SettingNames", "Top p"),
    "chat.top_k": QT_TRANSLATE_NOOP("SettingNames", "Top k"),
    "api.concurrency": QT_TRANSLATE_NOOP("SettingNames", "Requests at the same time"),
    "metrics.enabled": QT_TRANSLATE_NOOP("SettingNames", "Metrics for Prometheus"),
}
_ABOUT: Final = {
    "node.port": QT_TRANSLATE_NOOP(
        "SettingNames",
        "The last part of the address above. With 0 it is another one at each start; a number of your own keeps the "
        "address as it is.",
    ),
    "initial_peers": QT_TRANSLATE_NOOP(
        "SettingNames",
        "Addresses of computers that are in the swarm already. Whoever invited you gave you one; it begins with a "
        "slash.",
    ),
    "host_maddrs": QT_TRANSLATE_NOOP(
        "SettingNames",
        "Where this computer can be reached by others. As it comes, only by itself; /ip4/0.0.0.0/tcp/31337 lets "
        "other computers in.",
    ),
    "local_network": QT_TRANSLATE_NOOP(
        "SettingNames", "Finds them and lets them find this computer, while it can be reached by others at all."
    ),
    "blocked_peers": QT_TRANSLATE_NOOP(
        "SettingNames", "This computer never talks to them: give their peer ids, as the swarm page shows them."
    ),
    "allowed_peers": QT_TRANSLATE_NOOP(
        "SettingNames", "The only ones that this computer talks to. Empty: everybody who is not blocked."
    ),
    "share.model": QT_TRANSLATE_NOOP("SettingNames", "What this computer shares when you turn sharing on."),
    "share.device": QT_TRANSLATE_NOOP("SettingNames", "Automatic takes a GPU that works, and the processor otherwise."),
    "share.dtype": QT_TRANSLATE_NOOP(
        "SettingNames", "How exactly the shared blocks compute. Automatic takes what the model was made in."
    ),
    "share.kv_tokens": QT_TRANSLATE_NOOP(
        "SettingNames",
        "How much text of all who use this computer it remembers at once. More serves more people and takes more "
        "memory. Automatic takes what fits beside the blocks.",
    ),
    "share.limit_fraction": QT_TRANSLATE_NOOP(
        "SettingNames", "How much of the memory that is free when sharing begins it may take."
    ),
    "share.reserve_bytes": QT_TRANSLATE_NOOP(
        "SettingNames", "Stays free for your other programs. The memory on a graphics card does not count here."
    ),
    "share.finish_seconds": QT_TRANSLATE_NOOP(
        "SettingNames",
        "How long the chats of others may go on here, or move to another computer, when you stop sharing. It ends "
        "sooner when none is left.",
    ),
    "chat.default_model": QT_TRANSLATE_NOOP("SettingNames", "Automatic takes the first one that is up."),
    "chat.max_tokens": QT_TRANSLATE_NOOP(
        "SettingNames",
        "Where an answer is cut off; a token is about three quarters of a word. Automatic: as long as the model has "
        "room, 4096 at most.",
    ),
    "chat.temperature": QT_TRANSLATE_NOOP(
        "SettingNames",
        "How freely words are chosen. 0 always takes the likeliest, higher is more surprising. Automatic: as the "
        "model's makers advise. A chat can have its own.",
    ),
    "chat.top_p": QT_TRANSLATE_NOOP(
        "SettingNames",
        "Leaves out unlikely words: only the likeliest that together have this share of the chance. Automatic: as the "
        "model's makers advise.",
    ),
    "chat.top_k": QT_TRANSLATE_NOOP(
        "SettingNames",
        "Leaves out unlikely words: only this many of the likeliest, 0 for all. Automatic: as the model's makers "
        "advise.",
    ),
    "api.concurrency": QT_TRANSLATE_NOOP(
        "SettingNames", "How many requests of your other programs are answered at once. The rest try again later."
    ),
    "metrics.enabled": QT_TRANSLATE_NOOP(
        "SettingNames", "For people who watch their machines with Prometheus: figures under /metrics, with the token."
    ),
}
_CHOICES: Final = {
    "cpu": QT_TRANSLATE_NOOP("SettingNames", "The processor"),
    "cuda": QT_TRANSLATE_NOOP("SettingNames", "An NVIDIA GPU"),
    "mps": QT_TRANSLATE_NOOP("SettingNames", "The Apple GPU"),
}
_UNITS: Final = {
    "tokens": QT_TRANSLATE_NOOP("SettingNames", "tokens"),
    "requests": QT_TRANSLATE_NOOP("SettingNames", "requests"),
    "seconds": QT_TRANSLATE_NOOP("SettingNames", "seconds"),
    "of the free memory": QT_TRANSLATE_NOOP("SettingNames", "of the free memory"),
}

_PAGES: Final = {"chat": "chat", "share": "sharing", "api": "api", "metrics": "api", "node": "api"}


def page_of(key: str) -> str:
    """On which page a setting is. What is about none of the others is about the network."""
    return _PAGES.get(key.partition(".")[0], "network")


def label_of(key: str) -> str:
    """The name of a setting, in the language of the person."""
    known = _LABELS.get(key)
    return _translated(known) if known else key.rpartition(".")[2].replace("_", " ").capitalize()


def about_of(key: str) -> str:
    """What a setting does, for people in a window; empty where the node's own description must do."""
    known = _ABOUT.get(key)
    return _translated(known) if known else ""


def has_label(key: str) -> bool:
    """Whether somebody gave it a name."""
    return key in _LABELS


def choice_of(choice: str) -> str:
    """The name of one of a few values; those of number formats are names already."""
    known = _CHOICES.get(choice)
    return _translated(known) if known else choice


def unit_of(unit: str) -> str:
    """A unit of the registry, in the language of the person."""
    known = _UNITS.get(unit)
    return _translated(known) if known else unit


def of_node(text: str) -> str:
    """A fixed text of the node in the language of the person; itself, if nobody translated it."""
    return translate("Node", text)


def _translated(text: str) -> str:
    return translate("SettingNames", text)
