"""Which graphics cards are in this machine, asked of the kernel: true also when their driver is missing or broken."""

from __future__ import annotations

from pathlib import Path

PCI = Path("/sys/bus/pci/devices")
NVIDIA = "0x10de"
AMD = "0x1002"
_DISPLAY = "0x03"  # PCI class of display controllers: VGA (0300) and 3D (0302)


def has_card(vendor: str, folder: Path = PCI) -> bool | None:
    """Whether a display controller of ``vendor`` is on the PCI bus; None where the kernel does not show the bus.

    In WSL the card is reached through Windows and is on no bus, so that a missing one proves nothing.
    """
    if not folder.is_dir() or (folder == PCI and Path("/dev/dxg").exists()):
        return None
    for device in folder.iterdir():
        try:
            made_by = (device / "vendor").read_text().strip().lower()
            kind = (device / "class").read_text().strip().lower()
        except OSError:
            continue  # unplugged between listing and reading
        if made_by == vendor and kind.startswith(_DISPLAY):
            return True
    return False
