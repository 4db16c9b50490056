"""Offhook: a self-hosted voice platform that speaks Plivo Voice XML over SIP and RTP."""

__version__ = "0.1.0"
