"""Opening the port before anything else is started, so that a taken one is said at once.

The supervisor keeps the sockets and the gateways inherit them: while the only gateway starts
again, connections wait instead of being refused. One of several sends them to the others.
"""

import contextlib
import errno
import socket

from server.supervisor.folder import CannotStart

# As many as the kernel lets wait (net.core.somaxconn). When thousands come back at once, who finds
# the queue full is silently dropped and tries again a second later, then three, then seven.
BACKLOG = 65_535


def open_sockets(host: str, port: int, gateways: int) -> list[socket.socket]:
    """One listening socket for each gateway, all on the same port. Raises CannotStart."""
    if not gateways:
        return []
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.create_server((host, port), family=family) as probe:
            port = probe.getsockname()[1]
        several = gateways > 1
        return [
            socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=several)
            for _ in range(gateways)
        ]
    except OSError as error:
        raise CannotStart(_say(host, port, error)) from error


def rest(listening: socket.socket) -> None:
    """Take no connections until somebody listens on it again, as a gateway does that starts.

    The kernel would go on giving a dead gateway its share of them, and nobody would answer. What
    waited there is reset, so that it comes again and meets a gateway that lives.
    """
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RD)


def listens(listening: socket.socket) -> bool:
    """Whether connections are taken there."""
    return bool(listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def open_metrics(host: str, port: int, gateways: int) -> list[socket.socket]:
    """A metrics port for each gateway, one after another from `port`. Raises CannotStart."""
    opened: list[socket.socket] = []
    for number in range(gateways if port else 0):
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            opened.append(socket.create_server((host, port + number), family=family))
        except OSError as error:
            for one in opened:
                one.close()
            told = f"Metrics cannot listen on {host}, port {port + number}: {error.strerror}."
            raise CannotStart(f"{told} See metrics.port.") from error
    return opened


def _say(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is in use by another program: choose another with --port."
        case errno.EACCES:
            return f"Port {port} may only be opened by root: choose one above 1023 with --port."
        case _:
            return f"Cannot listen on {host}, port {port}: {error.strerror}. See --host and --port."


def shown_url(host: str, port: int, *, tls: bool) -> str:
    """The address to type into a browser on this machine."""
    name = {"0.0.0.0": "localhost", "::": "localhost", "": "localhost"}.get(host, host)  # noqa: S104
    if ":" in name:
        name = f"[{name}]"
    return f"{'https' if tls else 'http'}://{name}:{port}"
