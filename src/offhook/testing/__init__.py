"""The test kit: whole calls in virtual time, without SIP, RTP or HTTP.

A test is a story::

    @in_world()
    async def test_a_key_reaches_the_action_url(world: World) -> None:
        call = await world.dial_in({"answer": '<GetDigits action="menu"><Speak>Press one</Speak></GetDigits>', "menu": ""})
        call.press("1#", after_s=1)
        await call.over()
        assert world.customer.asked("action")[0]["Digits"] == "1"
"""

from offhook.testing.caller import Caller, Party
from offhook.testing.customer import Asked, Customer, Page, document
from offhook.testing.exchange import Answers, Callee, Exchange, Refuses
from offhook.testing.ledger import Ledger
from offhook.testing.performance import Heard
from offhook.testing.studio import Studio
from offhook.testing.virtual_time import EPOCH, Stuck, VirtualLoop, run, virtual_clock
from offhook.testing.world import ANSWER_URL, AUTH_ID, HANGUP_URL, NUMBER, Dialled, Leak, World, in_world

__all__ = [
    "ANSWER_URL",
    "AUTH_ID",
    "EPOCH",
    "HANGUP_URL",
    "NUMBER",
    "Answers",
    "Asked",
    "Callee",
    "Caller",
    "Customer",
    "Dialled",
    "Exchange",
    "Heard",
    "Leak",
    "Ledger",
    "Page",
    "Party",
    "Refuses",
    "Stuck",
    "Studio",
    "VirtualLoop",
    "World",
    "document",
    "in_world",
    "run",
    "virtual_clock",
]
