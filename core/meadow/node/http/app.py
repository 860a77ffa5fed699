"""The application: routers behind the door, one shape of error, and a true OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from meadow import __version__
from meadow.errors import MeadowError
from meadow.node.http.door import Door
from meadow.node.http.openai_answer import ChatChunk
from meadow.node.http.problems import ApiError, Problem, problem_of


class Health(BaseModel):
    """All that a program without the token gets to know."""

    version: str


class ErrorFields(BaseModel):
    """What went wrong. Match on ``code``; ``message`` is for people and may change."""

    code: str
    message: str


class ErrorObject(BaseModel):
    """Every error outside ``/v1``."""

    error: ErrorFields


def make_app(
    *,
    token: str,
    port_of: Callable[[], int],
    routers: Sequence[APIRouter] = (),
    origins: Iterable[str] = (),
) -> FastAPI:
    """The whole HTTP side of a node. ``origins``: web origins that may ask; empty unless a person says so."""
    app = FastAPI(
        title="Meadow node",
        version=__version__,
        # No page with a script from a foreign server; the document itself is there, for those with the token.
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.add_middleware(Door, token=token, port_of=port_of, origins=tuple(origins))
    app.add_exception_handler(MeadowError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)

    @app.get("/health", summary="The version; needs no token", openapi_extra={"security": []})
    async def health() -> Health:
        return Health(version=__version__)

    for router in routers:
        app.include_router(router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _answer(request: Request, problem: Problem) -> JSONResponse:
    return JSONResponse(problem.body(request.url.path), problem.status, headers=dict(problem.headers))


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    return _answer(request, problem_of(error))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    known = {
        400: ("invalid_json", "The body of the request cannot be read as JSON."),
        404: ("not_found", "There is nothing at this address."),
        405: ("method_not_allowed", "This address does not take this method."),
    }
    code, message = known.get(error.status_code, ("error", "The request cannot be served."))
    return _answer(request, Problem(error.status_code, code, message, headers=dict(error.headers or {})))


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return _answer(request, problem_of(explain(error.errors())))


def explain(errors: Sequence[Any]) -> ApiError:
    """A sentence about the first of pydantic's findings. It names the field and never repeats what was sent."""
    # Where several forms are possible, the one that was meant is the one that got furthest.
    first = max(errors, key=lambda error: len(error["loc"]))
    kind, location = first["type"], first["loc"][1:]
    if kind == "json_invalid":
        return ApiError("The body of the request is not valid JSON.", code="invalid_json")
    name = field_name(location)
    if kind == "extra_forbidden":
        return ApiError(f"Unrecognized request argument supplied: {name}", code="unknown_argument", param=name)
    if not location:
        return ApiError("The body of the request must be a JSON object.", code="invalid_json")
    if kind == "union_tag_invalid":  # pydantic's sentence repeats what was sent
        name += "." + first["ctx"]["discriminator"].strip("'")
        return ApiError(f"{name} must be one of {first['ctx']['expected_tags']}.", code="invalid_value", param=name)
    if kind == "union_tag_not_found":
        name += "." + first["ctx"]["discriminator"].strip("'")
    if kind in ("missing", "union_tag_not_found"):
        return ApiError(f"You must provide {name}.", code="invalid_value", param=name)
    # pydantic's own sentences name limits and types, not the value. A ValueError of ours says what we wrote.
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return ApiError(f"{name} {message}.", code="invalid_value", param=name)


# pydantic puts the kind of a message or part into the location, behind its number.
_KINDS = frozenset({"system", "developer", "user", "assistant", "tool", "text", "refusal"})


def field_name(location: Sequence[str | int]) -> str:
    """``("messages", 0, "user", "content")`` as ``messages[0].content``."""
    name = ""
    before: str | int = ""
    for i, part in enumerate(location):
        if isinstance(part, int):
            name += f"[{part}]"
        elif isinstance(before, int) and part in _KINDS and i + 1 < len(location):
            pass
        elif part.isidentifier():  # and no type like "list[str]"
            name += f".{part}" if name else part
        before = part
    return name[:100]


def _document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 with what the door adds: the token everywhere, and the errors that any route can answer."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schemas = components.setdefault("schemas", {})
    for model in (ErrorObject, ChatChunk):  # FastAPI knows only models of whole answers
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, schema in {**made.pop("$defs", {}), model.__name__: made}.items():
            schemas.setdefault(name, schema)
    document["security"] = [{"token": []}]
    plain = {
        "description": "The error; docs/api.md lists the codes.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorObject"}}},
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            if "default" not in responses:
                responses["default"] = plain
            responses.pop("422", None)  # what FastAPI says of itself: ours have 400, and look like every other error
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    app.openapi_schema = document
    return document
