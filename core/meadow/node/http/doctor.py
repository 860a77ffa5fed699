"""``/api/doctor``: is everything here as it must be, and if not, what can be done?"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from meadow.node.diagnosis import Diagnoses
from meadow.node.doctor import Status, count
from meadow.node.http.answers import LongAnswer


class DoctorBody(BaseModel):
    """How thoroughly."""

    model_config = ConfigDict(extra="forbid", strict=True)

    self_test: bool = Field(
        default=False,
        description="Also let the bundled model answer over two servers of its own, which must equal plain output bit "
        "for bit. Takes up to three minutes.",
    )


class CheckBody(BaseModel):
    """One thing that was looked at."""

    name: str
    title: str
    status: Status
    what: str = Field(description="What is so.")
    do: str = Field(description="What to do about it; empty if nothing.")
    seconds: float


class ReportBody(BaseModel):
    """What was found. Holds no names of people or computers, no addresses, no tokens, and nothing of chats."""

    ok: int
    warn: int
    fail: int
    checks: list[CheckBody]
    text: str = Field(description="The same as text, to copy into a question or a bug report.")


def router(diagnoses: Diagnoses) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api", tags=["doctor"])

    @routes.post("/doctor", response_model=ReportBody, summary="Look at everything here, and say what to do")
    async def doctor(body: DoctorBody) -> Response:
        """Takes seconds to minutes and changes nothing. It ends when its connection is closed. One at a time."""
        return LongAnswer(lambda: _report(diagnoses, body.self_test))

    return routes


async def _report(diagnoses: Diagnoses, self_test: bool) -> dict[str, Any]:
    made = await diagnoses.make(self_test=self_test)
    checks = [
        CheckBody(
            name=one.name,
            title=one.title,
            status=one.finding.status,
            what=one.finding.what,
            do=one.finding.do,
            seconds=one.seconds,
        )
        for one in made.results
    ]
    return ReportBody(**count(made.results), checks=checks, text=made.text).model_dump(mode="json")
