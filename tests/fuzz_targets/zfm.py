"""Fuzz targets of the finger sensor's protocol: its packets as the host and as the sensor hear them."""

from collections.abc import Callable

from hw.sim.device_finger_r30x import RECEIVED_BYTES_MAX, FingerDevice
from hw.sim.finger_chip import Options
from hw.wire import zfm
from hw.wire.zfm import Code, Command, Decoder, Kind, Packet, Parameters

_BUILT_IN = 32  # bytes of a template in these targets


def packets(pieces: list[bytes]) -> None:
    """Whatever comes, what is held is less than one packet, and no byte is lost count of."""
    decoder, taken = Decoder(), 0
    for piece in pieces:
        for packet in decoder.feed(piece):
            assert len(packet.content) <= zfm.CONTENT_BYTES_MAX
            taken += len(zfm.encode(packet))
        assert len(decoder) < zfm.PACKET_BYTES_MAX
    assert taken + decoder.skipped_bytes + len(decoder) == sum(map(len, pieces))


def parameters(pieces: list[bytes]) -> None:
    """Refused with a ValueError, or exactly what was told."""
    told = b"".join(pieces)
    try:
        found = zfm.parameters(told)
    except ValueError:
        return
    assert found.encode() == told


def simulated_sensor(pieces: list[bytes]) -> None:
    """The simulator survives its host as well: it would otherwise prove nothing about it."""
    device, now_s = FingerDevice(Options(start_s=0.0, template_bytes=_BUILT_IN)), 0.0
    for piece in pieces:
        device.receive(piece[:RECEIVED_BYTES_MAX], now_s)
        now_s += 1.0
        device.advance(now_s)
        assert all(len(buffer) == _BUILT_IN for buffer in device.chip.buffers.values())


def veil(pieces: list[bytes]) -> None:
    """As long as what came, whatever came; less than one packet is held."""
    shown = zfm.Veil()
    for piece in pieces:
        assert len(shown.over(piece)) == len(piece)
        assert len(shown._shown) < zfm.PACKET_BYTES_MAX


_COMMANDS = [zfm.encode(Packet(Kind.COMMAND, bytes((command, 1, 0, 1, 0, 2)), zfm.ADDRESS)) for command in Command]
_SEEDS = [
    *_COMMANDS,
    zfm.encode(Packet(Kind.REPLY, bytes((Code.OK, 0, 17)), zfm.ADDRESS)),
    *zfm.data_packets(bytes(range(128)), 32),
    zfm.encode(Packet(Kind.COMMAND, bytes((Command.DOWNLOAD, 2)), zfm.ADDRESS))
    + b"".join(zfm.data_packets(bytes(32), 32)),
]
TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "zfm packets": packets,
    "zfm parameters": parameters,
    "zfm veil": veil,
    "zfm simulated sensor": simulated_sensor,
}
SEEDS: dict[str, list[bytes]] = {
    "zfm packets": _SEEDS,
    "zfm parameters": [Parameters(0, 9, 1000, 3, zfm.ADDRESS, 128, 57600).encode()],
    "zfm simulated sensor": _SEEDS,
    "zfm veil": _SEEDS,
}
