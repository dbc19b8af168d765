"""Errors that FFmpeg only logs: a decoder conceals a loss and outputs the picture, a reader skips a part."""

from __future__ import annotations

import re
from typing import Any

WRONG_PICTURE = re.compile(
    r"concealing|CRC mismatch|bitstream end|end of bitstream|decode failed|header damaged"
    r"|AC EOB marker is absent|stream_ptr out of bounds|pixel_ptr = |^Used \d+ of \d+ bytes|Unknown OBU type"
    r"|Escape codeword not found|error while decoding|Could not find ref with POC|decompressed size|inflate"
    r"|junk bits at end|overreading|slice end not reached",
    re.IGNORECASE,
)
"""A decoder's errors about a picture's own data. Those that sound recordings also cause are not among
them: references that are missing after a start between key frames, odd headers, messages that FFmpeg does not know."""
SKIPPED_PART = re.compile(r"ff asf skip 0 |packet_(obj|frag)_size .*invalid|Truncating packet")
"""A reader's errors that mean that it could not follow the file."""


class FFmpegLog:
    """Collect what FFmpeg writes at the level of errors; PyAV raises none of it.

    The level is FFmpeg's own, and so that of the whole process: one video is scanned at a time.

    Parameters
    ----------
    threads : bool
        Whether the decoder has threads of its own.
    """

    def __init__(self, *, threads: bool) -> None:
        import av.logging

        self._capture = av.logging.Capture(local=not threads)
        self._level = av.logging.get_level()
        self._messages: list[tuple[int, str, str]] = []

    def __enter__(self) -> FFmpegLog:
        import av.logging

        av.logging.set_skip_repeated(False)
        av.logging.set_level(av.logging.ERROR)
        self._messages = self._capture.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        import av.logging

        self._capture.__exit__(*error)
        av.logging.set_level(self._level)

    def take(self, decoder: str) -> tuple[bool, bool]:
        """Whether, since the last call, this decoder has reported a wrong picture and a reader has skipped a part."""
        if not self._messages:
            return False, False
        messages = list(self._messages)
        self._messages.clear()
        wrong = any(name == decoder and WRONG_PICTURE.search(text) for _, name, text in messages)
        return wrong, any(SKIPPED_PART.search(text) for _, _, text in messages)
