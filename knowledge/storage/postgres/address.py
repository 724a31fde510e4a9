"""The address of a database: as libpq reads it, as it may be shown, and whether it may be used."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.errors import UntrustedEndpointError, UsageError
from knowledge.extras import install_command
from knowledge.settings.trust import may_not_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knowledge.settings.reading import Settings

SCHEMES = ("postgresql://", "postgres://")
_SCHEMA = re.compile(r"(?!pg_)[A-Za-z_][A-Za-z0-9_]{0,62}")
_PLAIN = {"host", "port", "user", "dbname", "password", "sslmode", "connect_timeout"}
"""What an address may name that the user has not trusted: nothing that opens files."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is.

    Parameters
    ----------
    conninfo:
        As libpq takes it. It may hold a password, and is never shown or stored.
    place:
        As it is shown: host, port and database.
    schema:
        That of our tables.
    """

    conninfo: str
    place: str
    schema: str

    @property
    def secrets(self) -> list[str]:
        """The passwords that a server may repeat."""
        from psycopg.conninfo import conninfo_to_dict

        given = (conninfo_to_dict(self.conninfo).get("password"), os.environ.get("PGPASSWORD"))
        return [str(one) for one in given if one]

    def __repr__(self) -> str:
        return f"Address({self.place!r}, {self.schema!r})"


def address_of(settings: Settings) -> Address:
    """Return the address that the settings name.

    Raises
    ------
    UsageError
        It is none, or psycopg is not installed.
    UntrustedEndpointError
        A file of the working directory named it, which the user has not trusted.
    """
    text, schema = str(settings["store"]), str(settings["store_schema"])
    if not _SCHEMA.fullmatch(schema):
        raise UsageError(
            f"`store_schema` is {schema!r}, which can't name a schema",
            hint="Letters, digits and _ are possible, up to 63, and no pg_ at the beginning.",
        )
    parts = _parts(text)
    place = _place(parts)
    if may_not_name(settings, "store") and not _is_here(parts):
        raise UntrustedEndpointError(
            f"{settings.origin('store')} in {settings.folder} keeps what you ingest, and shows "
            f"your login, at {place}"
        )
    return Address(text, place, schema)


def _parts(text: str) -> dict[str, str]:
    """Return the parts of an address; its defaults, such as ``PGHOST``, are libpq's business."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise UsageError(
            "`store` names a Postgres database, for which psycopg is needed",
            hint=f"Install it: {install_command('postgres')}",
        ) from error
    try:
        found = conninfo_to_dict(text)
    except ProgrammingError:  # its message may quote a password
        raise _unreadable() from None
    parts = {name: str(value) for name, value in found.items() if value is not None}
    # What stands behind a / or @ of a password is taken for these, which are shown.
    if any("@" in parts.get(name, "") for name in ("host", "port", "dbname")):
        raise _unreadable()
    return parts


def _unreadable() -> UsageError:
    return UsageError(
        "`store` is not an address of a Postgres database that can be read",
        hint="Set KNOW_STORE to postgresql://USER@HOST:5432/DATABASE; letters such as / and @ "
        "of a password are written %2F and %40, or stand in PGPASSWORD or ~/.pgpass.",
    )


def _place(parts: Mapping[str, str]) -> str:
    if service := parts.get("service"):
        return f"postgresql service {service!r}"
    hosts = parts.get("host") or parts.get("hostaddr", "")
    ports = parts.get("port", "")
    if hosts.startswith("/"):
        socket = f"?host={hosts}" + (f"&port={ports}" if ports else "")
        return f"postgresql:///{parts.get('dbname', '')}{socket}"
    listed = [*ports.split(",")]
    named = [
        f"{host}:{port}" if port else host
        for host, port in zip(hosts.split(","), listed * len(hosts.split(",")), strict=False)
    ]
    return f"postgresql://{','.join(named)}/{parts.get('dbname', '')}"


def _is_here(parts: Mapping[str, str]) -> bool:
    """Tell whether an address is one of this machine, and names nothing else."""
    hosts = parts.get("host", "").split(",")
    return not (parts.keys() - _PLAIN) and all(map(_is_local, hosts))


def _is_local(host: str) -> bool:
    if not host or host.startswith("/"):
        return bool(host)  # PGHOST may name anything
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
