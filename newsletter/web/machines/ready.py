"""A monitor asks whether the day is on time: 503 where it is late, with what is late and how old things are."""

from collections.abc import Sequence
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.errors import StoreError
from newsletter.operations.status import late, today
from newsletter.web.services import Rooms

AGES = ("mailing_age", "run_age", "backup_age")


def routes(rooms: Rooms) -> Sequence[Route]:
    def ready(_: Request) -> Response:
        now, origins = rooms.clock(), rooms.templates.origins
        try:
            day = today(rooms.store, now, origins)
        except StoreError:
            return JSONResponse({"status": "no database"}, 503)
        ages = {name: value for name, value in asdict(day).items() if name in AGES}
        if day.mailing is None and day.run_age is None:
            return JSONResponse({"status": "unknown", "late": []} | ages, 503)
        found = sorted({each for origin in origins.values() for each in late(day, now, origin.calendar)})
        said = {"status": "late" if found else "ok", "mailing": str(day.mailing), "late": found}
        return JSONResponse(said | ages, 503 if found else 200)

    return [Route("/ready", ready, methods=["GET"])]
