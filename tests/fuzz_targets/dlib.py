"""dlib network files that an operator brings: layers out of bytes, and whether they are the network."""

import struct
from collections.abc import Callable

from gatefw.biometrics.convert import dlib_dat, dlib_network


def _layers(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    try:
        found = dlib_dat.layers(content)
    except ValueError:
        return
    assert sum(layer.values.nbytes for layer in found) <= len(content)


def _network(pieces: list[bytes]) -> None:
    try:
        dlib_network.folded(b"".join(pieces))
    except ValueError:
        return
    raise AssertionError("millions of weights out of a few hundred bytes")


def _numbers(pieces: list[bytes]) -> None:
    try:
        found = dlib_dat.numbers(b"".join(pieces), 0, 3)
    except ValueError:
        return
    assert len(found) == 3


def _tensor(values: list[float]) -> bytes:
    return bytes([1, 2, 1, len(values), 1, 1, 1, 1, 1, 1]) + struct.pack(f"<{len(values)}f", *values)


_CONVOLUTION = b"\x01\x05con_4" + _tensor([1.0, 2.0, 3.0]) + bytes([1, 1, 1, 1, 1, 1, 1, 2, 1, 2, 1, 0, 1, 0])
_AFFINE = b"\x01\x07affine_" + _tensor([1.0, 0.5])
_DENSE = b"\x01\x04fc_2\x01\x01\x01\x02" + _tensor([1.0, 2.0])

TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "dlib layers": _layers,
    "dlib network": _network,
    "dlib numbers": _numbers,
}
SEEDS: dict[str, list[bytes]] = {
    "dlib layers": [_CONVOLUTION + _AFFINE + _DENSE, _CONVOLUTION * 3],
    "dlib network": [(_CONVOLUTION + _AFFINE) * 29 + _DENSE, _CONVOLUTION + _AFFINE],
    "dlib numbers": [bytes.fromhex("036290f58111038300ea8111039398d08111")],
}
