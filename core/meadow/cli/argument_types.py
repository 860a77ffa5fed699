"""What the words after a flag must look like. Each explains a mistake by an example."""

from __future__ import annotations

import argparse
import ipaddress
import re
from collections.abc import Callable


def blocks(text: str) -> tuple[int, int]:
    """``START:END`` with 0 <= START < END."""
    start, colon, end = text.partition(":")
    if not (
        colon and start.isascii() and start.isdigit() and end.isascii() and end.isdigit() and int(start) < int(end)
    ):
        raise argparse.ArgumentTypeError(f"{text!r} is not a span. Write START:END, for example 0:6 for six blocks")
    return int(start), int(end)


_HOST = r"/(ip4|ip6|dns|dns4|dns6)/[^/]+/tcp/[0-9]{1,5}"
_PEER = _HOST + r"/p2p/[1-9A-HJ-NP-Za-km-z]{40,64}"


def peers(text: str) -> list[str]:
    """Multiaddrs of peers, separated by commas: where they are, and who they must be."""
    return _matching(text, _PEER, "an address of a peer. It looks like /ip4/192.0.2.7/tcp/31337/p2p/12D3Koo...")


def listening(text: str) -> list[str]:
    """Multiaddrs to listen on, separated by commas."""
    found = _matching(text, _HOST, "an address to listen on. It looks like /ip4/0.0.0.0/tcp/31337")
    for address in found:
        _, kind, host, _, port = address.split("/")
        try:
            valid = int(port) <= 65535 and ipaddress.ip_address(host).version == int(kind[-1])
        except ValueError:
            valid = False
        if not valid:
            raise argparse.ArgumentTypeError(
                f"{address!r} is not an address to listen on: it takes an IP address and a port up to 65535, "
                "for example /ip4/0.0.0.0/tcp/31337"
            )
    return found


def _matching(text: str, pattern: str, what: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    for part in found or [text]:
        if not re.fullmatch(pattern, part):
            raise argparse.ArgumentTypeError(f"{part!r} is not {what}; several multiaddrs are separated by commas")
    return found


def number(low: float, high: float, kind: type[int] | type[float] = int) -> Callable[[str], float]:
    """A number between ``low`` and ``high``, both included."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return value

    return convert
