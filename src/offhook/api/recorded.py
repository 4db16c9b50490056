"""The files of recordings (reference ``api.md`` section 10), beside the API: no JSON, and by default no credentials."""

from __future__ import annotations

import re

from aiohttp import web

from offhook.api.context import Desk
from offhook.api.errors import ApiError
from offhook.records import Recording

_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(mp3|wav)")
TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
DAY_S = 86_400


class RecordedFiles:
    """Gives files out as they lie on the disk: whole or in pieces (``Range``, RFC 9110 section 14), with ``ETag``.

    A recording's URL cannot be guessed. With the setting ``protect_recordings``, its account's credentials are wanted as well.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def mount(self, app: web.Application) -> None:
        """Serve them as a part of an application; before the API, whose paths hold theirs."""
        app.router.add_get(r"/v1/Account/{auth_id}/Recording/{name:[^/]+\.(?:mp3|wav)}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        auth_id, name = request.match_info["auth_id"], request.match_info["name"]
        if self._desk.settings.protect_recordings:
            try:
                await self._desk.accounts.admit(request.headers.get("Authorization", ""), auth_id)
            except ApiError as error:
                return web.Response(status=error.status, text=error.text, headers=error.headers)
        recording = await self._find(auth_id, name)
        if recording is None:
            return web.Response(status=404, text="there is no such recording, or it is not complete yet")
        headers = {
            "Content-Type": TYPES[recording.file_format],
            "Content-Disposition": f'inline; filename="{recording.file_name}"',
            "Cache-Control": f"private, max-age={DAY_S}, immutable",
            "X-Content-Type-Options": "nosniff",
        }
        return web.FileResponse(self._desk.archive.path_of(recording), headers=headers)  # 404 where somebody has removed the file

    async def _find(self, auth_id: str, name: str) -> Recording | None:
        """The recording of a URL: complete, of this account, or inherited from it."""
        found = _NAME.fullmatch(name)
        recording = await self._desk.store.recordings.get(found[1]) if found is not None else None
        if recording is None or recording.file_name != name or auth_id not in {recording.auth_id, recording.folder}:
            return None
        return recording
