"""``/api/settings``: read and change what docs/settings.md lists, by the same registry."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field, JsonValue, WithJsonSchema

from meadow.node.control import Control, SettingsReport
from meadow.node.http.problems import ApiError
from meadow.node.settings import REGISTRY, NewerSettings, Setting, SettingsError


def _values_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "title": "SettingValues",
        "properties": {key: _described(setting) for key, setting in REGISTRY.items()},
        "required": list(REGISTRY),
        "additionalProperties": False,
    }


def _changes_schema() -> dict[str, Any]:
    properties = {}
    for key, setting in REGISTRY.items():
        described = _described(setting)
        if setting.default is not None:  # null takes the default; the others know null already
            described["anyOf"] = [setting.schema, {"type": "null"}]
            for name in setting.schema:
                described.pop(name)
        properties[key] = described
    return {
        "type": "object",
        "title": "SettingChanges",
        "description": "Only what changes. null takes the default again.",
        "properties": properties,
        "additionalProperties": False,
        "maxProperties": len(REGISTRY),
    }


def _described(setting: Setting) -> dict[str, Any]:
    unit = f" Unit: {setting.unit}." if setting.unit else ""
    return {**setting.schema, "description": setting.description + unit}


Values = Annotated[dict[str, JsonValue], WithJsonSchema(_values_schema())]
Changes = Annotated[dict[str, JsonValue], WithJsonSchema(_changes_schema())]


class SettingsBody(BaseModel):
    """All settings as they are now."""

    values: Values
    chosen: list[str] = Field(description="The keys whose values are not the defaults.")
    restart_needed: list[str] = Field(
        description="The keys, out of those just changed, that count from the next start."
    )
    file: str = Field(description="Where they are kept; a person may edit it.")
    remarks: list[str] = Field(description="What is odd in the file, or why an edit of it is not in use.")


class SettingBody(BaseModel):
    """One entry of the registry."""

    key: str
    type: str = Field(description="boolean, integer, number, text or list of texts")
    default: JsonValue
    unit: str | None
    description: str
    unset: str | None = Field(description="What happens while it is null.")
    allowed: str = Field(description="What a value must be, for people.")
    restart: bool = Field(description="A change counts from the next start of the node.")
    value_schema: dict[str, JsonValue] = Field(description="What a value must be, as JSON schema.")


def router(control: Control) -> APIRouter:
    """The routes of the settings."""
    routes = APIRouter(prefix="/api/settings", tags=["settings"])

    @routes.get("", summary="All settings as they are now")
    async def read() -> SettingsBody:
        return _body(await control.settings(), changed=())

    @routes.patch("", summary="Change some settings: all of them or, on an error, none")
    async def change(changes: Annotated[Changes, Body()]) -> SettingsBody:
        try:
            report = await control.change_settings(changes)
        except NewerSettings as error:
            raise ApiError(str(error), code="conflict") from error
        except SettingsError as error:
            key = error.problems[0].key
            # What was sent is wrong, or the file is, and then nothing is written over what somebody wrote there.
            code = "invalid_value" if key in changes and error.problems[0].line is None else "conflict"
            raise ApiError(str(error), code=code, param=key if code == "invalid_value" else None) from error
        return _body(report, changed=tuple(changes))

    @routes.get("/registry", summary="What settings there are: type, default, unit, description")
    async def registry() -> list[SettingBody]:
        return [describe(setting) for setting in REGISTRY.values()]

    return routes


def describe(setting: Setting) -> SettingBody:
    """A setting for programs that show it."""
    return SettingBody(
        key=setting.key,
        type=setting.type,
        default=list(setting.default) if isinstance(setting.default, tuple) else setting.default,
        unit=setting.unit,
        description=setting.description,
        unset=setting.unset,
        allowed=setting.allowed,
        restart=setting.restart,
        value_schema=setting.schema,
    )


def _body(report: SettingsReport, changed: tuple[str, ...]) -> SettingsBody:
    return SettingsBody(
        values=report.settings.to_json(),
        chosen=list(report.settings.chosen),
        restart_needed=[key for key in changed if key in REGISTRY and REGISTRY[key].restart],
        file=report.file,
        remarks=list(report.remarks),
    )
