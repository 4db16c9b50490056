"""Every resource of the API, one module each; all routes in one table."""

from offhook.api.resources import (
    account,
    application,
    call,
    endpoint,
    live_sound,
    number,
    placing,
    pricing,
    recording,
    subaccount,
)
from offhook.api.routes import Route

__all__ = ["ROUTES"]

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *subaccount.ROUTES,
    *application.ROUTES,
    *call.ROUTES,
    *placing.ROUTES,
    *live_sound.ROUTES,
    *recording.ROUTES,
    *endpoint.ROUTES,
    *number.ROUTES,
    *pricing.ROUTES,
)
