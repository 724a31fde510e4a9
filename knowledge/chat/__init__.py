"""Messages to a chat model's answer: text, streamed text, or an object of a given shape."""

from __future__ import annotations

from knowledge.chat.dialect import Message
from knowledge.chat.model import ChatModel

__all__ = ["ChatModel", "Message"]
