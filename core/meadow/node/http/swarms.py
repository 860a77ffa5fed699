"""``/api/swarms``: the swarms of this home. Secrets go in with a link and come out with an invitation, nowhere else."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from meadow.errors import MeadowError
from meadow.node.swarmcontrol import SwarmControl
from meadow.swarm.book import Entry
from meadow.swarm.invitation import MAX_LINK, MAX_NAME

_TEXT = r"^[^\x00-\x1f\x7f]+$"
SwarmId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As `/api/swarms` lists it.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewBody(_Body):
    """A private swarm to found."""

    name: str = Field(min_length=1, max_length=MAX_NAME, pattern=_TEXT, examples=["Street"])
    by_invitation: bool = Field(
        False,
        description="True: the owner invites each member, and can send members away. False: everybody who has the "
        "link is a member, for good.",
    )


class JoinBody(_Body):
    """An invitation."""

    link: str = Field(min_length=1, max_length=MAX_LINK, description="meadow://join?...")


class InviteBody(_Body):
    """For whom."""

    note: str = Field("", max_length=64, description="For the owner's list of members only.")


class RevokeBody(_Body):
    """Who is sent away."""

    peer_id: str = Field(pattern="^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$")


class NoBody(_Body):
    """Nothing: send ``{}``."""


class SwarmBody(BaseModel):
    """One swarm of this home, without its secrets."""

    id: str
    name: str
    kind: Literal["public", "secret", "invitation"] = Field(
        description="public; private for everybody with the link; private by invitation"
    )
    is_owner: bool
    confirmed: bool = Field(description="False while the owner's node has not confirmed our invitation.")
    chosen: bool = Field(description="The node uses it, from its next start at the latest.")
    in_use: bool = Field(description="The node is in it now.")
    members: int | None = Field(None, description="How many the owner let in; null where nobody keeps a list.")


class SwarmsBody(BaseModel):
    """All of them. With none chosen, the public one of the settings is used."""

    swarms: list[SwarmBody]
    restart_needed: bool = Field(description="Another one is chosen than the node is in: it moves at its next start.")
    visible: str = Field(description="What strangers can still see of a private swarm, to show before one is used.")


class LinkBody(BaseModel):
    """An invitation. Whoever has it can join: show it, copy it, do not store it."""

    link: str
    once: bool = Field(description="It works once, within a week, while the owner's node runs.")


class MemberBody(BaseModel):
    """Somebody whom the owner let in. Times are Unix seconds."""

    peer_id: str
    note: str
    since: float
    until: float = Field(description="How long the certificate lasts; it is renewed.")
    revoked: bool


class OpenBody(BaseModel):
    """An invitation that nobody has used yet."""

    note: str
    until: float


class MembersBody(BaseModel):
    """Who is in a swarm by invitation, as its owner knows."""

    owner: str
    members: list[MemberBody]
    open_invitations: list[OpenBody]


def router(control: SwarmControl) -> APIRouter:
    """The routes of the swarms."""
    routes = APIRouter(prefix="/api/swarms", tags=["swarms"])

    async def all_of_them() -> SwarmsBody:
        entries, chosen = await control.swarms()
        in_use = control.in_use()
        listed = [_body(entry, chosen=entry.id == chosen, in_use=entry.id == in_use) for entry in entries]
        return SwarmsBody(swarms=listed, restart_needed=chosen != in_use, visible=control.visible)

    @routes.get("", summary="The swarms of this home")
    async def read() -> SwarmsBody:
        return await all_of_them()

    @routes.post("/new", status_code=201, summary="Found a private swarm, and choose it")
    async def new(body: NewBody) -> SwarmBody:
        entry = await asyncio.to_thread(control.new, body.name, by_invitation=body.by_invitation)
        return _body(entry, chosen=True, in_use=False)

    @routes.post("/join", status_code=201, summary="Take an invitation, and choose its swarm")
    async def join(body: JoinBody) -> SwarmBody:
        entry = await asyncio.to_thread(control.join, body.link)
        return _body(entry, chosen=True, in_use=control.in_use() == entry.id)

    @routes.post("/public", summary="Choose the public swarm of the settings")
    async def public(body: NoBody) -> SwarmsBody:
        await asyncio.to_thread(control.use, None)
        return await all_of_them()

    @routes.post("/{swarm_id}/use", summary="Choose a swarm")
    async def use(swarm_id: SwarmId, body: NoBody) -> SwarmsBody:
        await asyncio.to_thread(control.use, swarm_id)
        return await all_of_them()

    @routes.post("/{swarm_id}/invite", status_code=201, summary="Make an invitation link")
    async def invite(swarm_id: SwarmId, body: InviteBody) -> LinkBody:
        link, once = await asyncio.to_thread(control.invite, swarm_id, body.note)
        return LinkBody(link=link, once=once)

    @routes.get("/{swarm_id}/members", summary="Who was let in; the owner knows")
    async def members(swarm_id: SwarmId) -> MembersBody:
        entry = await asyncio.to_thread(control.find, swarm_id)
        if entry.kind != "invitation":
            raise MeadowError("Nobody keeps a list of the members of this swarm.", code="unsupported")
        if not entry.is_owner:
            raise MeadowError("Only the owner of this swarm knows who was let in.", code="not_owner")
        return MembersBody(
            owner=entry.owner,
            members=[
                MemberBody(peer_id=key, note=one.note, since=one.since, until=one.until, revoked=one.revoked)
                for key, one in sorted(entry.members.items(), key=lambda item: item[1].since)
            ],
            open_invitations=[
                OpenBody(note=one.note, until=one.until)
                for one in entry.tokens.values()
                if not one.used_by and one.until > time.time()
            ],
        )

    @routes.post("/{swarm_id}/revoke", status_code=202, summary="Send a member away")
    async def revoke(swarm_id: SwarmId, body: RevokeBody) -> NoBody:
        await asyncio.to_thread(control.revoke, swarm_id, body.peer_id)
        return NoBody()

    @routes.post("/{swarm_id}/leave", summary="Forget a swarm, its secret and our key in it: there is no undo")
    async def leave(swarm_id: SwarmId, body: NoBody) -> SwarmsBody:
        await asyncio.to_thread(control.leave, swarm_id)
        return await all_of_them()

    return routes


def _body(entry: Entry, *, chosen: bool, in_use: bool) -> SwarmBody:
    kept = sum(not member.revoked for member in entry.members.values())
    return SwarmBody(
        id=entry.id,
        name=entry.name,
        kind=entry.kind,  # type: ignore[arg-type]
        is_owner=entry.is_owner,
        confirmed=entry.kind != "invitation" or bool(entry.credential),
        chosen=chosen,
        in_use=in_use,
        members=kept if entry.is_owner and entry.kind == "invitation" else None,
    )
