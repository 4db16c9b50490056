"""What people thought of a call (reference ``api.md`` section 5.12)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from offhook.api.context import Context, Done
from offhook.api.errors import not_found
from offhook.api.reading import Ask
from offhook.api.routes import Route
from offhook.records import Feedback

Issue = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_\- ]{1,64}$")]


class GiveFeedback(Ask):
    """How a call was: one star to five, what was wrong, and anything else."""

    rating: Annotated[float, msgspec.Meta(ge=1, le=5)]
    issues: Annotated[list[Issue], msgspec.Meta(max_length=50)] | None = None
    notes: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


async def give(context: Context, ask: GiveFeedback) -> Done:
    """Say how a call was; what is said later replaces it. Also at ``/v1/Call/{call_uuid}/Feedback/``."""
    call_uuid = context.path["call_uuid"].lower()
    owner = await context.owner_of_call(call_uuid)
    if owner is None:
        raise not_found("call")
    given = Feedback(call_uuid, owner, ask.rating, tuple(ask.issues or ()), ask.notes or "", context.desk.clock.wall())
    await context.desk.store.feedback.give(given)
    return Done("success")


ROUTES = (
    Route(
        method="POST",
        path="Call/{call_uuid}/Feedback/",
        asks=GiveFeedback,
        answers=Done,
        handler=give,
        status=202,
        without_account=True,
    ),
)
