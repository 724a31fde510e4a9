"""Which hosts may be asked: not those of private networks, unless the user allows it.

A page may redirect to an address inside the user's network, or a name may lead there. So a name is
resolved here, its addresses are checked, and the connection goes to a checked address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from knowledge.errors import FetchError, PrivateHostError

_NAT64 = IPv6Network("64:ff9b::/96")


def checked_addresses(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Return the addresses of a host, the preferred first.

    Raises
    ------
    FetchError
        It has none.
    PrivateHostError
        One of them is no public address.
    """
    from knowledge.remote.transport import look_up  # with httpx, which few runs need

    try:
        addresses = look_up(host, port)
    except TimeoutError as error:
        raise FetchError(str(error), hint="Try again later.") from error
    except (OSError, UnicodeError) as error:
        raise FetchError(f"no host {host!r} was found", hint="Check the spelling.") from error
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise PrivateHostError(
                    f"{host} is in a private network"
                    + (f" ({address})" if address != host.strip("[]") else "")
                )
    return addresses


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to a public host.

    Private, loopback, link-local, unique local, multicast and reserved addresses do not, nor do
    IPv6 addresses that stand for such an IPv4 address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return parsed.is_global and not parsed.is_multicast and all(map(_is_public, _inner(parsed)))
    return _is_public(parsed)


def _is_public(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast


def _inner(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address carries inside."""
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [found for found in inner if found is not None]
