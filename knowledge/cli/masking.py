"""What a traceback or a library says, without the secrets of the settings and the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from knowledge.errors import KnowledgeError
from knowledge.settings.installed import installed_settings
from knowledge.settings.reading import Settings
from knowledge.text.masking import without_key_likes, without_secrets

_SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORDS?|PASSWD|CREDENTIALS?|AUTHORIZATION|HEADERS?)$", re.IGNORECASE
)
_SHORTEST_SECRET = 4
"""Characters; masking shorter values would damage the text and hide nothing."""

_PARTS = re.compile(r":\s*\"?([^;\n\"]+)")
"""The values of headers, in a list of them."""
_PASSWORD_OF_URL = re.compile(r"://[^/@\s]*:([^/@\s]+)@")


def masked(text: str) -> str:
    """Return a text without what is, or looks like, a secret."""
    return without_secrets(without_key_likes(text), _secrets())


def _secrets() -> list[str]:
    """Return the values of all secret settings that are set."""
    try:
        settings = Settings.read()
    except KnowledgeError:
        settings = Settings.read(environ={}, folder=Path(os.devnull))
    settings = settings.extended(installed_settings())
    rows = settings.table.values()
    names = [setting.name for setting in rows if setting.secret and settings.is_set(setting.name)]
    in_profiles = [
        str(given.value)
        for profile in settings.profiles.values()
        for given in profile.config.values()
        if given.environment or given.dotenv
    ]
    # A settings file that a flag named may use any variable as a key.
    looks_secret = [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
    found = [str(settings[name]) for name in names] + in_profiles + looks_secret
    found += [part for value in found for part in _PARTS.findall(value)]
    addresses = [*os.environ.values(), *(str(settings[setting.name]) for setting in rows)]
    found += [
        unquote(password) for value in addresses for password in _PASSWORD_OF_URL.findall(value)
    ]
    return [secret for secret in found if len(secret) >= _SHORTEST_SECRET]
