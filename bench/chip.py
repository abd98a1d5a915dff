"""What it takes to open, prove and read a document's chip: both ends' cryptography and every byte, without a reader.

`pace chip`: PACE (AES-256, brainpoolP256r1), Chip Authentication, a portrait of 15 kB in parts of 223 bytes.
`extended`: the same in parts of 4096 bytes. `bac`: BAC with 3DES and no proof. `reader`: the reader's half of
`pace chip` alone, from a recording. The simulated chip's half is textbook arithmetic, slower than its reader's.

A lane does one for each traveller, on a worker of its own. Seen in November 2026 on two shared x86-64 cores with seven
others at work: pace chip 25 to 32 ms, extended 21 to 32, bac 12 to 18, reader 10 to 15. Behind pcscd and its virtual
reader: pace chip 37 to 78 ms, bac 21 to 56. What a real chip and its field take, nobody measured here.
"""

import secrets
from collections.abc import Callable, Iterator
from functools import partial

from bench.harness import Row, rotate, row, timed
from hw.sim.chip import Chip
from hw.sim.chip_keys import AgreementKey, Offer, Personalisation, personalise
from hw.sim.passport import Authority, Signer
from hw.wire.emrtd import Reading, read_chip

ROUNDS = 20
PICTURE = b"\xff\xd8\xff" + secrets.token_bytes(15_000)


def run(rounds: int) -> list[Row]:
    """A row for each way."""
    signer = Signer(Authority())
    key = AgreementKey(13, 2 + secrets.randbelow(2**200))
    _, pace = personalise(signer, offers=(Offer(4, 13),), agreement=key, picture=PICTURE)
    _, bac = personalise(signer, picture=PICTURE)
    chance, answers = _record(pace)
    subjects = {
        "pace chip": timed(partial(_read, pace, 223), 1),
        "extended": timed(partial(_read, pace, 4096), 1),
        "bac": timed(partial(_read, bac, 223), 1),
        "reader": timed(partial(_replay, pace, chance, answers), 1),
    }
    samples = rotate(subjects, rounds)
    note = {"pace chip": f"{len(answers)} commands"}
    return [
        row(samples, each, "ms", 1e3, ("bac",) if each == "pace chip" else (), note.get(each, "")) for each in samples
    ]


def _converse(
    made: Personalisation, transmit: Callable[[bytes], bytes], chance: Callable[[int], bytes], part: int
) -> Reading:
    dialogue = read_chip(made.key, chance, part)
    try:
        command = next(dialogue)
        while True:
            command = dialogue.send(transmit(command))
    except StopIteration as ended:
        reading: Reading = ended.value
        return reading


def _read(made: Personalisation, part_bytes: int) -> None:
    reading = _converse(made, Chip(made).transmit, secrets.token_bytes, part_bytes)
    assert reading.groups[2] == made.files[0x0102]


def _record(made: Personalisation) -> tuple[list[bytes], list[bytes]]:
    """The reader's randomness of one reading, and the chip's answers to it."""
    chance: list[bytes] = []
    answers: list[bytes] = []
    chip = Chip(made)

    def drawn(count: int) -> bytes:
        chance.append(secrets.token_bytes(count))
        return chance[-1]

    def transmit(command: bytes) -> bytes:
        answers.append(chip.transmit(command))
        return answers[-1]

    _converse(made, transmit, drawn, 223)
    return chance, answers


def _replay(made: Personalisation, chance: list[bytes], answers: list[bytes]) -> None:
    drawn: Iterator[bytes] = iter(chance)
    told: Iterator[bytes] = iter(answers)
    reading = _converse(made, lambda _: next(told), lambda _: next(drawn), 223)
    assert reading.groups[2] == made.files[0x0102]
