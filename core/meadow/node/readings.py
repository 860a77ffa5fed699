"""What platform/ reads of this machine, in the words of the state tree."""

from __future__ import annotations

import os

from meadow.node.state import Device, Machine, frozen
from meadow.platform.devices import Survey


def to_state(survey: Survey, *, own_pids: frozenset[int] = frozenset()) -> Machine:
    """``own_pids``: processes of this node, which are not "other programs"."""
    machine = survey.machine
    battery = machine.battery
    devices = {}
    for device in survey.devices:
        devices[f"{device.kind}:{device.index}"] = Device(
            kind=str(device.kind),
            index=device.index,
            name=device.name,
            driver=device.driver,
            memory_total=device.memory_total,
            memory_free=device.memory_free,
            utilisation=device.utilisation,
            temperature=device.temperature,
            power=device.power,
            other_programs=len(device.others(own_pids | {os.getpid()})),
            code=None if device.reason is None else str(device.reason.code),
            reason=None if device.reason is None else device.reason.message,
        )
    return Machine(
        system=machine.system,
        cpu=machine.processor.name,
        cpu_count=machine.processor.threads,
        cpu_utilisation=machine.processor.load,
        memory_total=machine.memory.total,
        memory_free=machine.memory.available,
        disk_free=min((disk.free for disk in machine.disks), default=None),
        on_battery=None if battery is None else not battery.plugged,
        battery=None if battery is None else battery.fraction,
        devices=frozen(devices),
    )
