"""Other people's SIP programs, each run for one test: softphones, a proxy, a media relay, a scenario player."""

from strangers.kamailio import Kamailio
from strangers.linphone import Linphone
from strangers.listening import heard
from strangers.names import Names
from strangers.papers import Papers
from strangers.programs import Loopback, needed
from strangers.rtp import RtpEnd, Samples, parted, samples, sounding, touch_tones
from strangers.rtpengine import Rtpengine
from strangers.sipjs import SipJs, installed
from strangers.sipp import MODES, Sipp
from strangers.sofia import Sofia
from strangers.softphone import Softphone

__all__ = [
    "MODES",
    "Kamailio",
    "Linphone",
    "Loopback",
    "Names",
    "Papers",
    "RtpEnd",
    "Rtpengine",
    "Samples",
    "SipJs",
    "Sipp",
    "Sofia",
    "Softphone",
    "heard",
    "installed",
    "needed",
    "parted",
    "samples",
    "sounding",
    "touch_tones",
]
