"""Replies in JSON that may be shown as they are, on a terminal too."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from knowledge.text.escaping import cleaned_json


class JsonReply(JSONResponse):
    """JSON whose texts hold no unsafe character: each is an escape of JSON's."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return cleaned_json(text).encode("utf-8")
