"""Reads a request's body: bounded in bytes and in time, and only for those whose token or signature was checked."""

import asyncio

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

FIELDS = 40  # of a form
WITHIN = 30.0  # seconds for a whole body


async def read(request: Request, limit: int) -> bytes:
    """The body.

    Raises HTTPException: 413 beyond `limit` bytes, before any is read where the length is stated; 408 where it does
    not come in time; 400 where it ends before its end or its length is no number.
    """
    stated = request.headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdigit()):
        raise HTTPException(400)
    if int(stated[:20]) > limit:
        raise HTTPException(413)
    body = bytearray()
    try:
        async with asyncio.timeout(request.scope.get("state", {}).get("body_within", WITHIN)):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(400) from None  # nobody is there to read it; it ends the request without a traceback
    except TimeoutError:
        raise HTTPException(408) from None
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
