"""The parameters that requests of a call carry (reference ``callbacks.md`` sections 3 and 4.5, ``xml.md`` section 2.3)."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import phonenumbers

from offhook.calls.ports import Facts
from offhook.causes import Ending

BILLING_UNIT_S = 60
NO_PRICE = "0.00000"


def standard(call_uuid: str, auth_id: str, facts: Facts, *, direction: str, began_at: datetime) -> dict[str, str]:
    """What every request carries, except CallStatus and Event, which change."""
    parameters = {
        "CallUUID": call_uuid,
        "From": facts.from_number,
        "To": facts.to_number,
        "Direction": direction,
        "SessionStart": began_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "BillRate": NO_PRICE,
        "ParentAuthID": auth_id,
        "STIRVerification": facts.stir_verification,
        "STIRAttestation": facts.stir_attestation,
    }
    optional = {
        "CallerName": facts.caller_name,
        "ForwardedFrom": facts.forwarded_from,
        "CountryCode": country_of(facts.to_number),
        "SIPAuthType": "credential" if facts.auth_user else None,
        "SIPAuthUser": facts.auth_user,
        "SIPSourceIP": facts.source.rpartition(":")[0].strip("[]") if facts.auth_user else None,
    }
    parameters.update({name: value for name, value in optional.items() if value})
    parameters.update(facts.custom_headers)
    return parameters


@lru_cache(maxsize=4096)
def country_of(number: str) -> str | None:
    """The ISO country of a number with country code, ``None`` when it has none."""
    if not (number.isascii() and number.isdigit() and 7 <= len(number) <= 15):
        return None
    try:
        parsed = phonenumbers.parse("+" + number)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.region_code_for_number(parsed) if phonenumbers.is_possible_number(parsed) else None


def billed(duration_s: int) -> int:
    """Rounded up to the billing unit."""
    return -(-duration_s // BILLING_UNIT_S) * BILLING_UNIT_S


def of_hangup(
    ending: Ending, *, duration_s: int, began_at: datetime, answered_at: datetime | None, ended_at: datetime
) -> dict[str, str]:
    """What the hangup request carries beyond the standard parameters; the time zone is that of the datetimes."""
    parameters = {
        "Event": "Hangup",
        "HangupCause": ending.telephony,
        "HangupCauseName": ending.cause.name,
        "HangupCauseCode": str(ending.cause.code),
        "HangupSource": ending.source.value,
        "Duration": str(duration_s),
        "BillDuration": str(billed(duration_s)),
        "TotalCost": NO_PRICE,
        "StartTime": _plain(began_at),
        "EndTime": _plain(ended_at),
    }
    if answered_at is not None:
        parameters["AnswerTime"] = _plain(answered_at)
    return parameters


def _plain(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
