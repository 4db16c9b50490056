"""Whole calls over real SIP and RTP: a node in its own process, a real web server, a real phone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from offhook.legs import Terms
from offhook.testing.live import Customer, NodeProcess, Reply, a_phone, document, tone_wav


def test_a_caller_hears_the_prompt_presses_a_key_and_is_led_on(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    customer.says("/tone.wav", Reply(tone_wav((600, 1.0), (900, 1.0)), content_type="audio/wav"))
    customer.says("/answer", document('<GetDigits action="/chosen" numDigits="1" timeout="5"><Play>/tone.wav</Play></GetDigits>'))
    customer.says("/chosen", document("<Redirect>/news</Redirect>"))
    customer.says("/news", document("<Speak>All is well.</Speak><Hangup/>"))
    before = len(node.records())

    async def story() -> None:
        async with a_phone() as phone, phone.dial(node.uri()) as leg, asyncio.timeout(20):
            await leg.wait_answered()
            recording = await leg.record(tmp_path / "heard.wav")
            await asyncio.sleep(1.2)
            await leg.send_digits("1")
            ending = await leg.ended()
            await recording.stop()
            assert ending.cause.code == 4000

    asyncio.run(story())
    record = node.record_number(before + 1)
    assert (record.hangup_cause_code, record.hangup_source, record.hangup_cause) == (4000, "Answer XML", "NORMAL_CLEARING")
    assert [each.path for each in customer.seen if each.path != "/tone.wav"] == ["/answer", "/chosen", "/news", "/hangup"]
    answer, chosen, _news, hangup = (each for each in customer.seen if each.path != "/tone.wav")
    assert (answer["CallStatus"], answer["From"], answer["To"]) == ("ringing", "14155550100", "14155550199")
    assert chosen["Digits"] == "1"
    assert chosen["CallStatus"] == "in-progress"
    assert hangup["CallUUID"] == answer["CallUUID"] == record.call_uuid
    assert hangup["HangupCauseCode"] == "4000"


def test_a_phone_without_telephone_events_presses_keys_as_tones(node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document('<GetDigits action="/chosen" numDigits="5" timeout="8"><Wait length="20"/></GetDigits>'))
    customer.says("/chosen", document("<Hangup/>"))

    async def story() -> None:
        async with a_phone() as phone, phone.dial(node.uri(), terms=Terms(("PCMA",), events=False)) as leg, asyncio.timeout(20):
            await leg.wait_answered()
            await asyncio.sleep(0.5)
            await leg.send_digits("1990#", tone_ms=80, gap_ms=80)
            await leg.ended()

    asyncio.run(story())
    [chosen] = customer.wait_for("/chosen")
    assert chosen["Digits"] == "1990"
