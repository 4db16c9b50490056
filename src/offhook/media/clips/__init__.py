"""Audio files of customers: fetched, decoded once, cached as raw PCM that the engine maps into memory."""

from offhook.media.clips.library import Clips, Fetch, Fetched, nothing_fetched

__all__ = ["Clips", "Fetch", "Fetched", "nothing_fetched"]
