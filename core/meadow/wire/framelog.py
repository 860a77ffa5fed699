"""What was sent, and how far: the log of frames towards the next hop, and the window over it.

A frame is logged before it is sent (SESSION.md rule 6), so sending is nothing but moving a pointer over the log. The
same classes serve the client (towards the first server), every server (towards its next hop) and the simulation of
both. Frames are opaque here: anything with a length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from meadow.errors import ProtocolError
from meadow.wire.limits import MAX_REPLAYED, WINDOW

Join = Callable[[Sequence[bytes]], "tuple[int, bytes]"]
"""Makes one frame of the first few of these: how many it stands for (at least 1), and the frame."""


class FrameLog:
    """Frames by sequence number, without holes: ``first`` to ``last`` are here, what is older was dropped.

    A frame may stand for several numbers (in a replay); then it is found by the first and the last of them only.
    """

    def __init__(self) -> None:
        self._frames: dict[int, bytes] = {}
        """By the last number that a frame stands for."""
        self._order: deque[int] = deque()
        self._ends: dict[int, int] = {}
        """First number -> last number, of frames that stand for several."""
        self.first = 1
        self.last = 0
        self.bytes = 0

    def begin(self, seq: int) -> None:
        """This log begins behind ``seq``: what comes before was never here. Only for an empty log."""
        self.first, self.last = seq + 1, seq

    def append(self, seq: int, frame: bytes, stands_for: int = 1) -> None:
        """Log the next frame. ``b""`` stands for a step whose output goes nowhere."""
        if seq - stands_for != self.last:
            raise ValueError(f"frame {seq} cannot follow frame {self.last} in the log")
        if stands_for > 1:
            self._ends[seq - stands_for + 1] = seq
        self._frames[seq] = frame
        self._order.append(seq)
        self.last = seq
        self.bytes += len(frame)

    def get(self, seq: int) -> bytes | None:
        """The frame with this number, or None if it was dropped or does not exist yet."""
        return self._frames.get(seq)

    def after(self, seq: int) -> tuple[int, bytes] | None:
        """The frame behind ``seq`` and its number; None if it was dropped, does not exist yet, or begins earlier."""
        last = self._ends.get(seq + 1, seq + 1)
        frame = self._frames.get(last)
        return None if frame is None or (last == seq + 1 and self._begins_earlier(last)) else (last, frame)

    def _begins_earlier(self, last: int) -> bool:
        return bool(self._ends) and last in self._ends.values()

    def drop_before(self, seq: int) -> int:
        """Forget all frames below ``seq``; returns how many bytes that freed."""
        freed = 0
        while self._order and self._order[0] < seq:
            last = self._order.popleft()
            freed += len(self._frames.pop(last))
            self._ends.pop(self.first, None)
            self.first = last + 1
        self.bytes -= freed
        return freed


class SendWindow:
    """How far a log has been sent, and how far the receiver has said that it computed."""

    def __init__(self, log: FrameLog, window: int = WINDOW) -> None:
        self.log = log
        self.window = window
        self.sent = 0
        self.credited = 0
        self.replayed_to = 0
        """Frames up to this one are sent once more, to a receiver that may be behind what the owner has answers to."""
        self._under_way: deque[int] = deque()
        self._join: Join | None = None
        self._join_to = 0
        self._ahead = False

    @property
    def unsent(self) -> int:
        """Frames that are logged and not sent yet."""
        return max(0, self.log.last - self.sent)

    @property
    def is_open(self) -> bool:
        """Whether the next frame that is logged may be sent at once."""
        return self.sent == self.log.last and len(self._under_way) < self.window

    def take(self) -> list[tuple[int, bytes]]:
        """The frames that may be sent now, with their numbers, counted as sent from here on."""
        frames: list[tuple[int, bytes]] = []
        while self.sent < self.log.last and len(self._under_way) < self.window:
            entry = self.log.after(self.sent)
            if entry is None:
                raise ProtocolError("a frame that must be sent is no longer in the log", code="log_dropped")
            if self._join is not None and entry[0] < self._join_to:
                entry = self._joined(self._join, *entry)
            frames.append(entry)
            self.advance(entry[0])
        return frames

    def advance(self, seq: int) -> None:
        """Count everything up to ``seq`` as sent, in one frame."""
        self.sent = seq
        self._under_way.append(seq)

    def credit(self, seq: int) -> None:
        """The receiver has computed everything up to ``seq``. Raises :class:`ProtocolError` if that was never sent.

        A receiver that may have more than we need not be sent what it has by now: it got that from who was here before.
        """
        if seq > self.sent:
            if not self._ahead:
                raise ProtocolError("credit for a frame that was never sent")
            self.sent = seq
        self.credited = max(self.credited, seq)
        while self._under_way and self._under_way[0] <= seq:
            self._under_way.popleft()

    def acknowledge(self, seq: int) -> None:
        """The owner has the answer to ``seq``: whoever is not being rebuilt has computed it."""
        if self.credited >= self.replayed_to:
            self.credit(min(seq, self.sent))

    def resume(
        self, last_seq: int, *, ahead: bool = False, made: int = 0, join: Join | None = None, join_to: int = 0
    ) -> None:
        """After (re)attaching: the receiver has everything up to ``last_seq``; what follows is sent again.

        ``ahead``: it may have more than we, because we are the ones who are rebuilt. ``made``: the last step that was
        made for an older route, which the owner may have answers to although the receiver lacks it. ``join`` may make
        one frame of several whose numbers are at most ``join_to``: what every hop has computed once.
        """
        if last_seq > self.log.last and not ahead:
            raise ProtocolError("the receiver claims frames that were never made")
        if last_seq < self.log.last and self.log.after(last_seq) is None:
            raise ProtocolError("frames that the receiver lacks are no longer in the log", code="log_dropped")
        self.sent = self.credited = last_seq
        self.replayed_to = max(self.log.last, made)
        self._under_way.clear()
        self._join, self._join_to, self._ahead = join, join_to, ahead

    def _joined(self, join: Join, last: int, frame: bytes) -> tuple[int, bytes]:
        frames, numbers = [frame], [last]
        while len(frames) < MAX_REPLAYED:
            following = self.log.after(numbers[-1])
            if following is None or following[0] > self._join_to:
                break
            numbers.append(following[0])
            frames.append(following[1])
        count, joined = join(frames)
        return numbers[count - 1], joined
