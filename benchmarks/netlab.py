"""A wide-area network on one machine: hosts in network namespaces, with delay, loss, rate and partitions between them.

Every host is a network namespace with one TUN device. The other ends are held by a router process of its own (so that
what is measured never waits for the router's interpreter), which forwards IP packets: each ordered pair of hosts is a
link with its own one-way delay, jitter, loss and rate. Addresses are public ones (11.77.0.N), because private addresses
of strangers are never dialled; nothing leaves the namespaces.

Needs root, iproute2 and /dev/net/tun: ``missing()`` says what is not there.

    with Network(4, Link(delay=0.025)) as network:
        network.popen(0, [sys.executable, "-m", "meadow", ...])
        network.set(1, 2, Link(delay=0.08, loss=0.02))
        network.cut(3)
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import json
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

_TUNSETIFF: Final = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_MTU: Final = 1500
_QUEUE_SECONDS: Final = 0.5  # what a link's buffer holds at its rate; more is dropped, as routers do


@dataclass(frozen=True, slots=True)
class Link:
    """One direction between two hosts: seconds, a share of packets lost, bytes per second (None: no limit)."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate: float | None = None


def missing() -> str | None:
    """What this machine lacks for a network of its own; None: nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "root on Linux"
    if shutil.which("ip") is None:
        return "the command ip (package iproute2)"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError:
        return "/dev/net/tun"
    with contextlib.ExitStack() as undo:
        name = f"mwprobe{os.getpid()}"
        if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
            return "the right to make network namespaces"
        undo.callback(subprocess.run, ["ip", "netns", "del", name], capture_output=True)
    return None


class Network:
    """``hosts`` namespaces; use as a context manager. Raises RuntimeError when it cannot be made."""

    def __init__(self, hosts: int, link: Link | None = None, *, seed: int = 0) -> None:
        self.hosts = hosts
        self._link = link or Link()
        self._seed = seed
        self._prefix = f"mw{os.getpid() % 100_000}"
        self._router: subprocess.Popen[str] | None = None

    def address(self, host: int) -> str:
        """The IPv4 address of a host."""
        return f"11.77.0.{host + 1}"

    def namespace(self, host: int) -> str:
        """The name of its namespace, for ``ip netns exec``."""
        return f"{self._prefix}h{host}"

    def __enter__(self) -> Network:
        devices = []
        try:
            for host in range(self.hosts):
                namespace, device = self.namespace(host), f"{self._prefix}t{host}"
                descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                devices.append(descriptor)
                fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", device.encode(), _IFF_TUN | _IFF_NO_PI))
                _ip("netns", "add", namespace)
                _ip("link", "set", device, "netns", namespace)
                _ip("-n", namespace, "addr", "add", f"{self.address(host)}/24", "dev", device)
                _ip("-n", namespace, "link", "set", device, "mtu", str(_MTU), "txqueuelen", "1000", "up")
                _ip("-n", namespace, "link", "set", "lo", "up")
            self._router = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.netlab", json.dumps(devices), str(self._seed)],
                stdin=subprocess.PIPE,
                text=True,
                pass_fds=devices,
            )
            self._tell(default=asdict(self._link))
        except BaseException:
            self._remove()
            raise
        finally:
            for descriptor in devices:
                os.close(descriptor)
        return self

    def __exit__(self, *exc: object) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._router is not None:
            self._router.kill()
            self._router.wait()
            if self._router.stdin is not None:
                with contextlib.suppress(OSError):
                    self._router.stdin.close()
        for host in range(self.hosts):
            subprocess.run(["ip", "netns", "del", self.namespace(host)], capture_output=True)

    def popen(self, host: int, command: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
        """Start a process on a host; its pid is that of the command itself."""
        return subprocess.Popen(["ip", "netns", "exec", self.namespace(host), *command], **how)

    def set(self, one: int, other: int, link: Link, *, both: bool = True) -> None:
        """Make a link another one, in one direction or both."""
        self._tell(source=one, target=other, link=asdict(link))
        if both:
            self._tell(source=other, target=one, link=asdict(link))

    def cut(self, host: int) -> None:
        """A partition: nothing from or to a host."""
        self._tell(cut=host)

    def heal(self, host: int) -> None:
        """The end of a partition."""
        self._tell(heal=host)

    def _tell(self, **command: Any) -> None:
        assert self._router is not None and self._router.stdin is not None
        self._router.stdin.write(json.dumps(command) + "\n")
        self._router.stdin.flush()


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class _Router:
    """Forwards packets between the devices until its standard input closes."""

    def __init__(self, devices: list[int], seed: int) -> None:
        self._devices = devices
        self._random = random.Random(seed)
        self._default = Link()
        self._links: dict[tuple[int, int], Link] = {}
        self._down: set[int] = set()
        self._free_at: dict[tuple[int, int], float] = defaultdict(float)
        self._latest: dict[tuple[int, int], float] = defaultdict(float)
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._count = 0

    def run(self) -> None:
        poll = select.poll()
        where = {device: host for host, device in enumerate(self._devices)}
        poll.register(0, select.POLLIN | select.POLLHUP)
        for device in self._devices:
            poll.register(device, select.POLLIN)
        typed = b""
        while True:
            for ready, _ in poll.poll(self._deliver()):
                if ready == 0:
                    got = os.read(0, 65536)
                    if not got:
                        return
                    *lines, typed = (typed + got).split(b"\n")
                    for line in lines:
                        self._obey(json.loads(line))
                else:
                    self._take(where[ready], ready)

    def _obey(self, command: dict[str, Any]) -> None:
        match command:
            case {"default": link}:
                self._default = Link(**link)
            case {"source": source, "target": target, "link": link}:
                self._links[source, target] = Link(**link)
            case {"cut": host}:
                self._down.add(host)
            case {"heal": host}:
                self._down.discard(host)

    def _take(self, source: int, device: int) -> None:
        for _ in range(64):
            try:
                packet = os.read(device, 65535)
            except (BlockingIOError, OSError):
                return
            if len(packet) < 20 or packet[0] >> 4 != 4:
                continue
            target = packet[19] - 1
            if packet[16:19] != b"\x0b\x4d\x00" or not 0 <= target < len(self._devices) or target == source:
                continue
            link = self._links.get((source, target), self._default)
            if {source, target} & self._down or (link.loss and self._random.random() < link.loss):
                continue
            now = time.monotonic()
            at = now
            if link.rate is not None:
                begin = max(now, self._free_at[source, target])
                if begin - now > _QUEUE_SECONDS:
                    continue
                at = self._free_at[source, target] = begin + len(packet) / link.rate
            # Jitter delays, it does not reorder: what TCP sees on real paths.
            at = max(at + link.delay + self._random.random() * link.jitter, self._latest[source, target])
            self._latest[source, target] = at
            self._count += 1
            heapq.heappush(self._waiting, (at, self._count, target, packet))

    def _deliver(self) -> float | None:
        """Send what is due; milliseconds until more is."""
        while self._waiting:
            wait = self._waiting[0][0] - time.monotonic()
            if wait > 0.0001:
                return wait * 1000
            _, _, target, packet = heapq.heappop(self._waiting)
            if target not in self._down:
                with contextlib.suppress(OSError):
                    os.write(self._devices[target], packet)
        return None


if __name__ == "__main__":
    _Router(json.loads(sys.argv[1]), int(sys.argv[2])).run()
