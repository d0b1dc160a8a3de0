"""Reads a request's body, up to a limit, before anything is made of it."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

FIELDS = 40  # of a form


async def read(request: Request, limit: int) -> bytes:
    """The body. Raises HTTPException 413 beyond `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413)
    return bytes(body)


async def form(request: Request, limit: int) -> FormData:
    """The fields and files of a form, urlencoded or multipart. Raises HTTPException 413 or 400."""
    body = await read(request, limit)

    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        return await Request(request.scope, again).form(max_files=1, max_fields=FIELDS, max_part_size=limit)
    except (MultiPartException, UnicodeError) as error:
        raise HTTPException(400) from error
