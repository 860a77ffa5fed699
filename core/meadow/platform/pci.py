"""Which graphics cards are in this machine, asked of the kernel: true also when their driver is missing or broken."""

from __future__ import annotations

from pathlib import Path

PCI = Path("/sys/bus/pci/devices")
NVIDIA = "0x10de"
AMD = "0x1002"
_DISPLAY = "0x03"  # PCI class of display controllers: VGA (0300) and 3D (0302)


# Graphics inside an AMD processor takes little of the memory for itself; a card has its own.
_LEAST_CARD_BYTES = 3 << 30


def has_card(vendor: str, folder: Path = PCI) -> bool | None:
    """Whether a graphics card of ``vendor`` is on the PCI bus; None where the kernel does not show the bus.

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
        if made_by == vendor and kind.startswith(_DISPLAY) and not _inside_processor(device):
            return True
    return False


def _inside_processor(device: Path) -> bool:
    """Graphics of an AMD processor, which its driver tells by how little memory is its own."""
    try:
        return int((device / "mem_info_vram_total").read_text()) < _LEAST_CARD_BYTES
    except (OSError, ValueError):
        return False
