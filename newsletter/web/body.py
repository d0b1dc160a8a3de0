"""Reads a request's body, up to a limit."""

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def read(request: Request, limit: int) -> bytes:
    """The body. Raises HTTPException 413 beyond `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413)
    return bytes(body)
