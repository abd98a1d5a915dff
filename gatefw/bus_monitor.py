"""What libzmq tells of a socket's connections, zmq_socket_monitor(3). `zmq.utils.monitor` reads the same, with asyncio
and what hangs on it: a third of what ZeroMQ costs a supervisor that starts.
"""

import struct
from collections.abc import Sequence

_FIRST = struct.Struct("=Hi")


def told(message: Sequence[bytes]) -> tuple[int, int]:
    """The event, and its value: the descriptor of a connection, or why there is none."""
    event, value = _FIRST.unpack(message[0])
    return event, value
