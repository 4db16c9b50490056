"""A fuzzer of the SIP core that knows SIP: ``python -m offhook.testing.sip_fuzz --minutes 60 --seed 1``.

Conversations in virtual time, between a core, an owner who does whatever he may, and a peer whose messages are right, nearly
right or not right at all. After every step it is checked that nothing was raised, that all we sent can be read, that an ACK is
not answered, that a transaction has one final response, that an answer which nothing is remembered of is hardly longer than the
question, and at the end that every dialog is over and every table empty.
"""

from offhook.testing.sip_fuzz.fuzzing import Found, Report, episode, fuzz, so_many, soak, until

__all__ = ["Found", "Report", "episode", "fuzz", "so_many", "soak", "until"]
