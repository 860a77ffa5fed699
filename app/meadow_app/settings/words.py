"""What the node's settings are called here. A key without a name of its own shows its last word, so a newer node works.

The descriptions come from the node, in English; ``scripts/translate.py`` puts them into the translations under the
context "Node", so that they are written once.
"""

from __future__ import annotations

from typing import Final

from meadow_app.language import QT_TRANSLATE_NOOP, translate

_LABELS: Final = {
    "node.port": QT_TRANSLATE_NOOP("SettingNames", "Port"),
    "initial_peers": QT_TRANSLATE_NOOP("SettingNames", "Peers to join through"),
    "host_maddrs": QT_TRANSLATE_NOOP("SettingNames", "Addresses to listen on"),
    "share.model": QT_TRANSLATE_NOOP("SettingNames", "Model to share"),
    "share.device": QT_TRANSLATE_NOOP("SettingNames", "Compute on"),
    "share.dtype": QT_TRANSLATE_NOOP("SettingNames", "Number format"),
    "share.kv_tokens": QT_TRANSLATE_NOOP("SettingNames", "Cache for sessions"),
    "share.limit_fraction": QT_TRANSLATE_NOOP("SettingNames", "Memory to use"),
    "share.reserve_bytes": QT_TRANSLATE_NOOP("SettingNames", "Memory to leave free"),
    "chat.default_model": QT_TRANSLATE_NOOP("SettingNames", "Model of new chats"),
    "chat.max_tokens": QT_TRANSLATE_NOOP("SettingNames", "Longest answer"),
    "chat.temperature": QT_TRANSLATE_NOOP("SettingNames", "Temperature"),
    "chat.top_p": QT_TRANSLATE_NOOP("SettingNames", "Top p"),
    "chat.top_k": QT_TRANSLATE_NOOP("SettingNames", "Top k"),
    "api.concurrency": QT_TRANSLATE_NOOP("SettingNames", "Requests at the same time"),
    "metrics.enabled": QT_TRANSLATE_NOOP("SettingNames", "Metrics for Prometheus"),
}
_CHOICES: Final = {
    "cpu": QT_TRANSLATE_NOOP("SettingNames", "The processor"),
    "cuda": QT_TRANSLATE_NOOP("SettingNames", "An NVIDIA GPU"),
    "mps": QT_TRANSLATE_NOOP("SettingNames", "The Apple GPU"),
}
_UNITS: Final = {
    "tokens": QT_TRANSLATE_NOOP("SettingNames", "tokens"),
    "requests": QT_TRANSLATE_NOOP("SettingNames", "requests"),
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
