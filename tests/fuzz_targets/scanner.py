"""Code scanners: the framing of codes, the answers to commands, and the commands as a simulated scanner hears them."""

import pickle
from collections.abc import Callable

from hw.sim.device_scanner import Scanner
from hw.wire.ascii_scanner import Framer
from hw.wire.scanner_commands import FAMILIES, MAX_REPLY_BYTES

_CODE_BYTES = 64


def _codes(chunks: list[bytes]) -> None:
    framer = Framer(_CODE_BYTES, gap_s=0.25)
    for chunk in chunks:
        for code in framer.feed(chunk, 1.0):
            assert 0 < len(code.symbology) + len(code.payload) <= _CODE_BYTES
        assert len(pickle.dumps(framer)) < _CODE_BYTES + 300


def _answers(family: str) -> Callable[[list[bytes]], None]:
    def run(chunks: list[bytes]) -> None:
        answers = FAMILIES[family].answers(gap_s=0.25)
        for chunk in chunks:
            answers.feed(chunk, 1.0)
            assert len(answers.found) <= 16
            answers.found.clear()
            assert len(pickle.dumps(answers)) < MAX_REPLY_BYTES + 1000

    return run


def _commands(family: str) -> Callable[[list[bytes]], None]:
    def run(chunks: list[bytes]) -> None:
        scanner = Scanner(family)
        for chunk in chunks:
            scanner.receive(chunk, 1.0)
            scanner.advance(1.0)
            assert len(pickle.dumps(scanner)) < 4096

    return run


TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "scanner codes": _codes,
    "newland answers": _answers("newland"),
    "honeywell answers": _answers("honeywell"),
    "newland commands": _commands("newland"),
    "honeywell commands": _commands("honeywell"),
}
SEEDS: dict[str, list[bytes]] = {
    "scanner codes": [b"]Q1HELLO-1\r\n", b"]C0ABC\rDEF\n"],
    "newland answers": [
        b"]Q1HI\r\x02\x010000#SCNTRG1\x06;\x03]Q1HO\r",
        b"\x02\x010000#QRYSYSProduct Name: X\r\n\x06;\x03",
    ],
    "honeywell answers": [b"Product Name: Voyager\r\nREVINF\x06.", b"TRGMOD0\x06!PREBK2995C81\x15!"],
    "newland commands": [FAMILIES["newland"].command(b"SCNMOD0"), FAMILIES["newland"].trigger(True)],
    "honeywell commands": [FAMILIES["honeywell"].command(b"TRGMOD0"), FAMILIES["honeywell"].trigger(True)],
}
