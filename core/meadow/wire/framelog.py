"""What was sent, and how far: the log of frames towards the next hop, and the window over it.

A frame is logged before it is sent (SESSION.md rule 6), so sending is nothing but moving a pointer over the log. The
same two classes serve the client (towards the first server) and every server (towards its next hop).
"""

from __future__ import annotations

from collections import deque

from meadow.errors import ProtocolError
from meadow.wire.limits import WINDOW


class FrameLog:
    """Frames by sequence number, without holes: ``first`` to ``last`` are here, what is older was dropped."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self.first = 1
        self.bytes = 0

    @property
    def last(self) -> int:
        """Sequence number of the newest frame (0: none yet)."""
        return self.first + len(self._frames) - 1

    def append(self, seq: int, frame: bytes) -> None:
        """Log the next frame. ``b""`` stands for a step whose output goes nowhere."""
        if seq != self.last + 1:
            raise ValueError(f"frame {seq} cannot follow frame {self.last} in the log")
        self._frames.append(frame)
        self.bytes += len(frame)

    def get(self, seq: int) -> bytes | None:
        """The frame with this number, or None if it was dropped or does not exist yet."""
        return self._frames[seq - self.first] if self.first <= seq <= self.last else None

    def drop_before(self, seq: int) -> int:
        """Forget all frames below ``seq``; returns how many bytes that freed."""
        freed = 0
        while self._frames and self.first < seq:
            freed += len(self._frames.popleft())
            self.first += 1
        self.bytes -= freed
        return freed


class SendWindow:
    """How far a log has been sent, and how far the receiver has said that it computed."""

    def __init__(self, log: FrameLog, window: int = WINDOW) -> None:
        self.log = log
        self.window = window
        self.sent = 0
        self.credited = 0

    @property
    def unsent(self) -> int:
        """Frames that are logged and not sent yet."""
        return self.log.last - self.sent

    def take(self) -> list[bytes]:
        """The frames that may be sent now, counted as sent from here on."""
        frames: list[bytes] = []
        while self.sent < self.log.last and self.sent - self.credited < self.window:
            frame = self.log.get(self.sent + 1)
            if frame is None:
                raise ProtocolError("a frame that must be sent is no longer in the log", code="log_dropped")
            frames.append(frame)
            self.sent += 1
        return frames

    def credit(self, seq: int) -> None:
        """The receiver has computed everything up to ``seq``. Raises :class:`ProtocolError` if that was never sent."""
        if seq > self.sent:
            raise ProtocolError("credit for a frame that was never sent")
        self.credited = max(self.credited, seq)

    def resume(self, last_seq: int) -> None:
        """After (re)attaching: the receiver has everything up to ``last_seq``; what follows is sent again."""
        if last_seq > self.log.last:
            raise ProtocolError("the receiver claims frames that were never made")
        if last_seq + 1 < self.log.first:
            raise ProtocolError("frames that the receiver lacks are no longer in the log", code="log_dropped")
        self.sent = self.credited = last_seq
