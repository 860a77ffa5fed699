"""Desktops and homes for tests with real windows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desktop import Desktop, missing, offscreen, real


def _real(*, tray: bool) -> Iterator[Desktop]:
    lacking = missing(tray=tray)
    if lacking:
        pytest.skip(f"no test with a real window: {', '.join(lacking)} missing (scripts/bootstrap.py dev, as root)")
    with real(tray=tray) as desktop:
        yield desktop


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    """A display with a window manager and a tray."""
    yield from _real(tray=True)


@pytest.fixture(scope="module")
def desktop_without_tray() -> Iterator[Desktop]:
    """The same as GNOME has it."""
    yield from _real(tray=False)


@pytest.fixture(scope="module")
def no_display() -> Iterator[Desktop]:
    """Qt's offscreen platform."""
    with offscreen() as desktop:
        yield desktop
