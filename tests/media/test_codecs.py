import struct
import warnings

import numpy as np

from offhook.media.engine import codecs
from offhook.media.engine.codecs import Codec

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

ALL_OCTETS = np.arange(256, dtype=np.uint8)
ALL_SAMPLES = np.arange(65536, dtype=np.uint16).view(np.int16)


def decoded(codec: Codec) -> list[int]:
    samples = np.empty((2, 256), np.int16)
    codecs.decode(np.stack([ALL_OCTETS, ALL_OCTETS[::-1]]), np.full(2, codec, np.uint8), samples)
    assert samples[1].tolist() == samples[0][::-1].tolist()
    return samples[0].tolist()


def encoded(codec: Codec) -> bytes:
    octets = np.empty((2, 65536), np.uint8)
    codecs.encode(np.stack([ALL_SAMPLES, ALL_SAMPLES]), np.full(2, codec, np.uint8), octets)
    return octets[1].tobytes()


def test_every_mulaw_octet_decodes_as_the_standard_library_does() -> None:
    assert decoded(Codec.PCMU) == list(struct.unpack("<256h", audioop.ulaw2lin(bytes(ALL_OCTETS), 2)))


def test_every_alaw_octet_decodes_as_the_standard_library_does() -> None:
    assert decoded(Codec.PCMA) == list(struct.unpack("<256h", audioop.alaw2lin(bytes(ALL_OCTETS), 2)))


def test_every_sample_encodes_to_mulaw_as_the_standard_library_does() -> None:
    assert encoded(Codec.PCMU) == audioop.lin2ulaw(ALL_SAMPLES.tobytes(), 2)


def test_every_sample_encodes_to_alaw_as_the_standard_library_does() -> None:
    assert encoded(Codec.PCMA) == audioop.lin2alaw(ALL_SAMPLES.tobytes(), 2)


def test_legs_of_both_codecs_share_a_matrix() -> None:
    octets = np.tile(ALL_OCTETS, (600, 1))
    kinds = (np.arange(600) % 2).astype(np.uint8)
    samples = np.empty((600, 256), np.int16)
    codecs.decode(octets, kinds, samples)
    assert samples[598].tolist() == decoded(Codec.PCMU)
    assert samples[599].tolist() == decoded(Codec.PCMA)
    again = np.empty_like(octets)
    codecs.encode(samples, kinds, again)
    # mu-law has two zeros; everything else comes back as it was.
    assert np.array_equal(np.where(again == 0xFF, 0x7F, again)[0], np.where(octets == 0xFF, 0x7F, octets)[0])
    assert np.array_equal(again[599], octets[599])
