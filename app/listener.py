"""The socket on which every worker accepts connections."""

import errno
import socket
from ipaddress import IPv4Address, IPv6Address

from app.core.errors import StartupError

BACKLOG = 2048  # connections that wait until a worker accepts them
REASONS = {
    errno.EADDRINUSE: "Port {port} on {address} is in use. Stop what listens there, or set PORT.",
    errno.EACCES: "Port {port} is for privileged processes only. Set PORT to one above 1023.",
    errno.EADDRNOTAVAIL: "{address} is not an address of this machine. Set BIND_ADDRESS to one that is.",
}


def listen(address: IPv4Address | IPv6Address, port: int) -> socket.socket:
    """Return a listening socket; raise StartupError at once, with the reason, where that is not possible."""
    is_ipv6 = address.version == 6  # noqa: PLR2004 - says it best
    try:
        return socket.create_server(
            (str(address), port),
            family=socket.AF_INET6 if is_ipv6 else socket.AF_INET,
            backlog=BACKLOG,
            dualstack_ipv6=is_ipv6 and socket.has_dualstack_ipv6(),  # so that :: serves IPv4, too
        )
    except OSError as error:
        reason = REASONS.get(error.errno or 0, "Port {port} on {address} can't be used: {error.strerror}.")
        raise StartupError(reason.format(address=address, port=port, error=error)) from error
