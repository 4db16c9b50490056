"""Every resource of the API, one module each; all routes in one table."""

from offhook.api.resources import (
    account,
    application,
    call,
    caller_id,
    conference,
    endpoint,
    feedback,
    live_sound,
    mpc_sound,
    multi_party_call,
    number,
    participant,
    placing,
    pricing,
    recording,
    stream,
    subaccount,
    token,
    transcription,
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
    *conference.ROUTES,
    *multi_party_call.ROUTES,
    *participant.ROUTES,
    *mpc_sound.ROUTES,
    *stream.ROUTES,
    *feedback.ROUTES,
    *token.ROUTES,
    *caller_id.ROUTES,
    *transcription.ROUTES,
)
