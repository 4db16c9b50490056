"""The settings, and what the operator has put into the store: does anything answer a call?"""

from __future__ import annotations

from offhook.cli.doctor.finding import Finding, joined, ok, problem, warning
from offhook.cli.doctor.threads import in_thread
from offhook.settings import Settings
from offhook.store import Contents, contents

NAME = "settings"


async def contents_of(settings: Settings) -> Contents:
    """What is in the node's database; nothing where there is none. Raises ``StoreError``."""
    return await in_thread(lambda: contents(settings.stored_in))


async def sensible(settings: Settings) -> Finding:
    """Whether calls are answered, and by whom; whether the account is the one of the data folder."""
    stored = await contents_of(settings)
    return joined([_account(settings, stored), _answers(settings, stored), *_leftovers(settings, stored)])


def _account(settings: Settings, stored: Contents) -> Finding:
    if stored.auth_id is None:
        made = f"account {settings.auth_id}" if settings.auth_id else "an account"
        return ok(NAME, f"the first start makes {made} in {'its database' if settings.database else settings.data}")
    if settings.auth_id not in {None, stored.auth_id}:
        return problem(
            *(NAME, f"auth_id is {settings.auth_id}, but the data folder {settings.data} belongs to {stored.auth_id}"),
            "unset OFFHOOK_AUTH_ID, or set OFFHOOK_DATA to a folder of that account's own",
        )
    return ok(NAME, f"account {stored.auth_id}")


def _answers(settings: Settings, stored: Contents) -> Finding:
    counts = {"number": stored.numbers - stored.idle_numbers, "endpoint": stored.endpoints, "trunk": stored.trunks}
    served = [f"{count} {what}{'' if count == 1 else 's'} with an application" for what, count in counts.items() if count]
    answering = [*(["answer_url"] if settings.answer_url else []), *served]
    if answering:
        return ok(NAME, f"calls are answered by {' and '.join(answering)}")
    return warning(
        *(NAME, "nothing answers a call: there is no answer_url, and no number, endpoint or trunk has an application"),
        "set OFFHOOK_ANSWER_URL, or use 'offhook app add' and 'offhook number add'",
    )


def _leftovers(settings: Settings, stored: Contents) -> list[Finding]:
    found = [
        warning(NAME, f"{name} is set, but it only serves answer_url, which is not", "set OFFHOOK_ANSWER_URL")
        for name in ("fallback_url", "hangup_url")
        if getattr(settings, name) and not settings.answer_url
    ]
    if stored.idle_numbers and not settings.answer_url:
        text = f"{stored.idle_numbers} of {stored.numbers} numbers have no application: calls to them are refused with 404"
        found.append(warning(NAME, text, "'offhook number list' shows them; 'offhook number add' gives one to an application"))
    return found
