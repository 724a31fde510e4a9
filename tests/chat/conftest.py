from __future__ import annotations

import pytest

from knowledge.chat import ChatModel
from knowledge.settings.reading import Settings


@pytest.fixture
def settings(tmp_path):
    def read(server=None, **environ):
        if server is not None:
            environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "m", **environ}
        environ.setdefault("OPENAI_API_KEY", "sk-0123456789abcdef")
        return Settings.read(environ={"KNOW_CHAT_RETRIES": "0", **environ}, folder=tmp_path)

    return read


@pytest.fixture
def model(settings, monkeypatch):
    """Make a chat model of a server; closed at the end."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = []

    def make(server, **options):
        variables = {name: options.pop(name) for name in list(options) if name.isupper()}
        made.append(ChatModel.from_settings(settings(server, **variables), **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
