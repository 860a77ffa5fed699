"""What a person can do about a problem: one sentence and one button for each code. A table, not a decision."""

from __future__ import annotations

from typing import Final

from meadow.node.state_words import Remedy

_ADVICE: Final[dict[Remedy, tuple[str, tuple[str, ...]]]] = {
    Remedy.RETRY: (
        "Try again.",
        (
            "server_died",
            "engine_died",
            "server_lost",
            "server_timeout",
            "hop",
            "refused",
            "timeout",
            "cannot_roll_back",
            "gpu_runtime",
        ),
    ),
    Remedy.WAIT: (
        "Nothing to do: Meadow goes on trying by itself.",
        ("swarm", "p2pd_died", "blocks_missing", "full", "too_many", "busy", "draining", "evicted"),
    ),
    Remedy.FREE_MEMORY: ("Close other programs, or share fewer blocks, then try again.", ("memory", "nothing_fits")),
    Remedy.FREE_DISK: (
        "Make room on the disk, or move the models to another one, then try again.",
        ("disk_full", "gpu_runtime_disk"),
    ),
    Remedy.CHECK_NETWORK: (
        "Check the internet connection, and that an initial peer is running.",
        ("no_peers", "unreachable", "download", "offline"),
    ),
    Remedy.CHOOSE_MODEL: (
        "Choose another model, or another copy of this one.",
        ("unknown_model", "unsupported_model", "damaged_checkpoint", "model", "wrong_model", "wrong_blocks"),
    ),
    Remedy.HUB_TOKEN: (
        "Accept the model's terms on its page, then give Meadow your token for the hub.",
        ("gated",),
    ),
    Remedy.CHECK_DRIVER: (
        "Run `meadow doctor`: it says what is wrong with the GPU and its driver.",
        ("device", "gpu_runtime_check"),
    ),
    Remedy.CHECK_SETTINGS: ("Correct the setting that the message names.", ("settings", "dtype")),
    Remedy.START_DEMO: ("Start the demo, or choose another model.", ("demo_off",)),
    Remedy.UPDATE: ("Update Meadow.", ("update_needed", "protocol_version", "contributions_newer")),
}
_BY_CODE: Final = {code: (remedy, text) for remedy, (text, codes) in _ADVICE.items() for code in codes}
_UNKNOWN: Final = (Remedy.COPY_DIAGNOSTICS, "Try again. If it comes back, copy the diagnostics and report it.")


def advice_for(code: str) -> tuple[Remedy, str]:
    """The button and the sentence. An unknown code is ours to explain: copy diagnostics."""
    return _BY_CODE.get(code, _UNKNOWN)
