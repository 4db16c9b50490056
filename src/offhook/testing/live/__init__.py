"""The kit for whole systems: a node in its own process, a customer's web server, a SIP phone. Real sockets, real time."""

from offhook.testing.live.customer import Customer, Reply, Seen, document
from offhook.testing.live.databases import ON_POSTGRESQL, Cluster, database_in, postgresql_program, shared_cluster
from offhook.testing.live.desk import Desk, Heard, a_desk, hears, hold, in_calm, keys_of, refer, say, starts_to_hear
from offhook.testing.live.impairment import Impairment, Network, impaired
from offhook.testing.live.node import Holdings, NodeProcess, free_port
from offhook.testing.live.phone import Phone, a_phone, call
from offhook.testing.live.sound import intelligibility, likeness, samples_of, sweep_wav, tone_wav

__all__ = [
    "ON_POSTGRESQL",
    "Cluster",
    "Customer",
    "Desk",
    "Heard",
    "Holdings",
    "Impairment",
    "Network",
    "NodeProcess",
    "Phone",
    "Reply",
    "Seen",
    "a_desk",
    "a_phone",
    "call",
    "database_in",
    "document",
    "free_port",
    "hears",
    "hold",
    "impaired",
    "in_calm",
    "intelligibility",
    "keys_of",
    "likeness",
    "postgresql_program",
    "refer",
    "samples_of",
    "say",
    "shared_cluster",
    "starts_to_hear",
    "sweep_wav",
    "tone_wav",
]
