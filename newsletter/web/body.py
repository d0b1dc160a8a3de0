"""Reads a request's body: bounded in bytes and in time, and only for those whose token or signature was checked."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

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
