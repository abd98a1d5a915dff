"""What hides personal data in recordings: any bytes, the same length, nothing kept but a few numbers."""

import pickle
from collections.abc import Callable

from hw.wire import scrub
from hw.wire.scanner_commands import FAMILIES


def _target(make: Callable[[], scrub.Scrub]) -> Callable[[list[bytes]], None]:
    def run(chunks: list[bytes]) -> None:
        scrubber = make()
        for number, chunk in enumerate(chunks):
            assert len(scrubber("<>"[number % 2], chunk)) == len(chunk)
            if isinstance(scrubber, scrub.Codes | scrub.Osdp):
                assert len(pickle.dumps(scrubber)) < 1000 + max(map(len, chunks))

    return run


TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "scrubbed codes": _target(scrub.Codes),
    "scrubbed zones": _target(scrub.zones),
    "scrubbed osdp": _target(scrub.Osdp),
}
SEEDS: dict[str, list[bytes]] = {
    "scrubbed codes": [
        b"]Q1HELLO-1\r\n\x02\x010000#QRYSYSName\x06;\x03",
        FAMILIES["newland"].command(b"QRYSYS"),
        b"Name\r\nREVINF\x06.",
        FAMILIES["honeywell"].command(b"REVINF"),
    ],
    "scrubbed osdp": [bytes.fromhex("53800b000450000102030405")],
}
