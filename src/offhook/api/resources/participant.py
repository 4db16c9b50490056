"""Participants of multiparty calls: who they are, adding, changing, putting out (reference ``api.md`` section 7)."""

from __future__ import annotations

import msgspec

from offhook.api.adding import AddParticipant
from offhook.api.context import Context, CountedMeta, Nothing
from offhook.api.errors import ApiError, not_found
from offhook.api.forms import NO_MONEY, moment, zone_of
from offhook.api.reading import Ask, Line, Paged
from offhook.api.resources.conference import members_of
from offhook.api.resources.multi_party_call import ONE, found_in, ref_of
from offhook.api.rooms import Mpc, MpcParticipant, NotPossible
from offhook.api.routes import Route


class Participant(msgspec.Struct):
    """Somebody who is or was in a multiparty call; the flags are null once it has left."""

    member_id: str
    mpc_uuid: str
    call_uuid: str
    role: str
    coach_mode: bool | None
    join_time: str | None
    exit_time: str | None
    duration: int | None
    billed_duration: int | None
    billed_amount: str | None
    mute: bool | None
    hold: bool | None
    start_mpc_on_enter: bool | None
    end_mpc_on_exit: bool | None
    exit_cause: str | None
    member_address: str | None
    resource_uri: str


class ParticipantList(msgspec.Struct):
    """Participants of a multiparty call."""

    meta: CountedMeta
    objects: list[Participant]


class ParticipantCall(msgspec.Struct, rename={"to_number": "to", "from_number": "from"}):
    """A call that a participant is fetched by."""

    to_number: str
    from_number: str
    call_uuid: str


class ParticipantAdded(msgspec.Struct):
    """Somebody is being fetched; with one call, its CallUUID is the request's."""

    message: str
    request_uuid: str
    calls: list[ParticipantCall]


class ParticipantChanged(msgspec.Struct, omit_defaults=True):
    """What was changed, a text for each."""

    mute: str | None = None
    hold: str | None = None
    coach_mode: str | None = None


class ListParticipants(Paged):
    """Which participants are wanted."""

    call_uuid: Line | None = None


class ChangeParticipant(Ask):
    """What of participants can be changed; one of them must be given."""

    mute: bool | None = None
    hold: bool | None = None
    coach_mode: bool | None = None


async def list_(context: Context, ask: ListParticipants) -> ParticipantList:
    """Who is or was in a multiparty call."""
    mpc = await found_in(context)
    call_uuid = ask.call_uuid.lower() if ask.call_uuid is not None else None
    found = await context.desk.multi_party_calls.participants(mpc.mpc_uuid, call_uuid, limit=ask.limit, offset=ask.offset)
    meta = context.counted_meta(ask, found.total, "MultiPartyCall", context.path["mpc_ref"], "Participant")
    return ParticipantList(meta, [_shown(context, mpc, each) for each in found.items])


async def get(context: Context, _ask: Ask) -> Participant:
    """One participant."""
    mpc = await found_in(context)
    found = await context.desk.multi_party_calls.participant(mpc.mpc_uuid, context.path["participant_id"])
    if found is None:
        raise not_found("participant")
    return _shown(context, mpc, found)


async def add(context: Context, ask: AddParticipant) -> ParticipantAdded:
    """Add a participant: dial somebody, or take a call that runs. A multiparty call that is not there is made."""
    ask.check()
    ref = ref_of(context)
    if ref.kind == "uuid":
        await found_in(context)
    if ask.call_uuid:
        await context.live_call(ask.call_uuid)
    try:
        calls = context.desk.multi_party_calls.add(context.account.auth_id, ref, ask)
    except NotPossible as error:
        raise ApiError(400, str(error)) from None
    told = [ParticipantCall(each.to_number, each.from_number, each.call_uuid) for each in calls]
    request_uuid = told[0].call_uuid if len(told) == 1 else context.desk.ids.call_uuid()
    return ParticipantAdded("add participant action initiated", request_uuid, told)


async def change(context: Context, ask: ChangeParticipant) -> ParticipantChanged:
    """Mute participants, put them on hold, or let them coach."""
    given = {"mute": ask.mute, "hold": ask.hold, "coach_mode": ask.coach_mode}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise ApiError(400, "one of mute, hold and coach_mode should be given")
    mpc = await found_in(context)
    members = members_of(context.path["participant_id"])
    if members is None and ask.coach_mode is not None:
        raise ApiError(400, "coach_mode should not be given for all")
    if not context.desk.multi_party_calls.update(mpc.mpc_uuid, members, changes):
        raise not_found("participant")
    texts = {
        "mute": "mute/unmute member(s) succeeded",
        "hold": "hold/unhold member(s) succeeded",
        "coach_mode": "coach_mode enable/disable succeeded",
    }
    return ParticipantChanged(**{name: f"MPC: {mpc.friendly_name} {texts[name]}" for name in changes})


async def kick(context: Context, _ask: Ask) -> Nothing:
    """Put participants out of a multiparty call."""
    mpc = await found_in(context)
    if not context.desk.multi_party_calls.kick(mpc.mpc_uuid, members_of(context.path["participant_id"])):
        raise not_found("participant")
    return Nothing()


def _shown(context: Context, mpc: Mpc, participant: MpcParticipant) -> Participant:
    zone = zone_of(context.account.timezone)
    return Participant(
        member_id=participant.member_id,
        mpc_uuid=mpc.mpc_uuid,
        call_uuid=participant.call_uuid,
        role=participant.role,
        coach_mode=participant.coach_mode,
        join_time=moment(participant.join_time, zone),
        exit_time=moment(participant.exit_time, zone),
        duration=participant.duration_s,
        billed_duration=participant.billed_duration_s,
        billed_amount=NO_MONEY if participant.exit_time is not None else None,
        mute=participant.mute,
        hold=participant.hold,
        start_mpc_on_enter=participant.start_mpc_on_enter,
        end_mpc_on_exit=participant.end_mpc_on_exit,
        exit_cause=participant.exit_cause,
        member_address=participant.member_address,
        resource_uri=context.uri("MultiPartyCall", f"uuid_{mpc.mpc_uuid}", "Participant", participant.member_id),
    )


_ALL, _ALSO_ALL = ONE + "Participant/", (ONE + "Member/",)
_EACH, _ALSO_EACH = _ALL + "{participant_id}/", (ONE + "Member/{participant_id}/",)
ROUTES = (
    Route(
        method="GET",
        path=_ALL,
        also=_ALSO_ALL,
        asks=ListParticipants,
        answers=ParticipantList,
        handler=list_,
        is_list=True,
    ),
    Route(method="POST", path=_ALL, also=_ALSO_ALL, asks=AddParticipant, answers=ParticipantAdded, handler=add, status=201),
    Route(method="GET", path=_EACH, also=_ALSO_EACH, asks=Ask, answers=Participant, handler=get),
    Route(
        method="POST",
        path=_EACH,
        also=_ALSO_EACH,
        asks=ChangeParticipant,
        answers=ParticipantChanged,
        handler=change,
        status=202,
    ),
    Route(method="DELETE", path=_EACH, also=_ALSO_EACH, asks=Ask, answers=Nothing, handler=kick, status=204),
)
