"""Learns from trusted proxies who the client is, and whether it uses TLS."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

IPV4_IN_IPV6 = "::ffff:"
BITS_BEFORE_IPV4 = 96


class Proxies(ProxyHeadersMiddleware):
    """Uvicorn's, for networks: the client is the last address of X-Forwarded-For that is in none of them."""

    def __init__(self, app: Any, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        super().__init__(app, [spelling for network in networks for spelling in spellings(network)])


def spellings(network: IPv4Network | IPv6Network) -> list[str]:
    """Return the network, and one of IPv4 also as a server that listens on IPv6 too sees its addresses."""
    if isinstance(network, IPv6Network):
        return [str(network)]
    length = BITS_BEFORE_IPV4 + network.prefixlen
    return [str(network), f"{IPV4_IN_IPV6}{network.network_address}/{length}"]
