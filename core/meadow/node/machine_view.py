"""A survey of this machine as the state tree shows it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meadow.node.state import Device, Machine, frozen

if TYPE_CHECKING:
    from meadow.platform.devices import Survey
    from meadow.platform.readings import Device as Reading


def machine_of(survey: Survey, *, own: frozenset[int] = frozenset()) -> Machine:
    """What is for everybody to see: no paths, no names of other programs, only how many there are.

    :param own: the ids of Meadow's own processes.
    """
    machine = survey.machine
    battery = machine.battery
    return Machine(
        system=machine.system,
        cpu=machine.processor.name,
        cpu_count=machine.processor.threads,
        cpu_utilisation=_short(machine.processor.load),
        memory_total=machine.memory.total,
        memory_free=machine.memory.available,
        disk_free=machine.disks[0].free if machine.disks else None,
        on_battery=None if battery is None else not battery.plugged,
        battery=None if battery is None else _short(battery.fraction),
        devices=frozen({f"{device.kind}:{device.index}": _device(device, own) for device in survey.devices}),
    )


def _device(reading: Reading, own: frozenset[int]) -> Device:
    return Device(
        kind=str(reading.kind),
        index=reading.index,
        name=reading.name,
        driver=reading.driver,
        memory_total=reading.memory_total,
        memory_free=reading.memory_free,
        utilisation=_short(reading.utilisation),
        temperature=reading.temperature,
        power=None if reading.power is None else round(reading.power, 1),
        other_programs=len(reading.others(own)),
        code=None if reading.reason is None else str(reading.reason.code),
        reason=None if reading.reason is None else reading.reason.message,
    )


def _short(fraction: float | None) -> float | None:
    return None if fraction is None else round(fraction, 2)
