"""Who has answered a call of ours: a person, or an answering machine (reference ``xml.md`` section 2.10)."""

from offhook.calls.answering.judge import Judge, Tuning, Verdict
from offhook.calls.answering.listening import judged
from offhook.calls.answering.screening import Detection, before_the_document, beside_the_document, hung_up_on

__all__ = ["Detection", "Judge", "Tuning", "Verdict", "before_the_document", "beside_the_document", "hung_up_on", "judged"]
