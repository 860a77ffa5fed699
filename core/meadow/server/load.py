"""How busy a server is, as it tells those who ask."""

from __future__ import annotations

from dataclasses import dataclass

from meadow.wire.messages import InfoReply


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a server is. Tokens are rows x positions x blocks."""

    sessions: int
    queued: int
    free_tokens: int
    total_tokens: int
    step_seconds: float
    position_seconds: float
    queue_seconds: float
    draining: bool

    def reply(self) -> InfoReply:
        """The message that says so."""
        return InfoReply(
            self.sessions,
            self.queued,
            self.free_tokens,
            self.total_tokens,
            self.step_seconds,
            self.position_seconds,
            self.queue_seconds,
            self.draining,
        )
