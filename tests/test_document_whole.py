"""A document from the printing office to the gate's verdict: chip, access, secure messaging, proof, signatures.

The chip is the simulated one, the bytes between are real; only the reader's electronics are left out.
"""

import dataclasses
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from utopia import HOLDER, JPEG, NOW, authority, fill, revocations, signer

from gatefw.document_worker import DocumentWorker, Trusted
from gatefw.model import ChipProof, DocumentRead, Failed, ReadDocument, Reason, Reply
from gatefw.ports import ChipRead
from gatefw.wall_time import WallTime
from hw.chip_dialogue import ChipDialogue
from hw.sim.chip import Chip
from hw.sim.chip_keys import AgreementKey, Offer, Personalisation, personalise
from hw.sim.passport import Passport

PACE, AGREEMENT = (Offer(2, 12),), AgreementKey(12, 0x1234567, cipher=2)
WALL = WallTime(int(NOW.timestamp() * 1e9), synchronised=True)


@cache
def with_agreement() -> tuple[Passport, Personalisation]:
    return personalise(signer(), HOLDER, PACE, AGREEMENT, picture=JPEG)


@cache
def with_signing() -> tuple[Passport, Personalisation]:
    return personalise(signer(), HOLDER, signing=ec.derive_private_key(77, ec.SECP256R1()), picture=JPEG)


@cache
def without_keys() -> tuple[Passport, Personalisation]:
    return personalise(signer(), HOLDER, picture=JPEG)


class Reader:
    """A document reader whose field is a function call."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip

    def present(self) -> bool:
        return True

    def read(self, key: bytes, deadline_s: float, given_up: Callable[[], bool]) -> ChipRead:
        dialogue = ChipDialogue("reader", self._chip.transmit, lambda: 0.0, os.urandom, 223)
        return dialogue.read(key, deadline_s, given_up)

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return fill(tmp_path / "csca", csca_cer=authority().certificate, utopia_crl=revocations(authority()))


def verdict(store: Path, made: Personalisation, printed: bytes) -> Reply:
    reader = Reader(Chip(made))
    worker = DocumentWorker("document.front", lambda: reader, lambda _: None, Trusted(store, clock=lambda: WALL))
    return worker.answer(reader, ReadDocument(printed, 60.0), lambda: False)


@pytest.mark.parametrize(
    ("make", "proof"),
    [(with_agreement, ChipProof.CHIP), (with_signing, ChipProof.ACTIVE), (without_keys, ChipProof.NONE)],
    ids=["PACE and Chip Authentication", "BAC and Active Authentication", "BAC and no key"],
)
def test_a_good_document_is_believed(
    store: Path, make: Callable[[], tuple[Passport, Personalisation]], proof: ChipProof
) -> None:
    passport, made = make()
    read = verdict(store, made, passport.printed)
    assert isinstance(read, DocumentRead)
    assert (read.number, read.portrait, read.proof) == (HOLDER.number, JPEG, proof)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (with_agreement, {"agreement": AgreementKey(12, 0x7654321, cipher=2)}),
        (with_signing, {"signing": ec.derive_private_key(78, ec.SECP256R1())}),
    ],
    ids=["Chip Authentication", "Active Authentication"],
)
def test_a_copy_has_every_file_and_not_the_key(
    store: Path, make: Callable[[], tuple[Passport, Personalisation]], key: dict[str, object]
) -> None:
    passport, made = make()
    copy = dataclasses.replace(made, **key)  # type: ignore[arg-type]
    assert verdict(store, copy, passport.printed) == Failed(Reason.DOCUMENT_CLONED)


@pytest.mark.parametrize(("make", "hidden"), [(with_agreement, 0x010E), (with_signing, 0x010F)], ids=["DG14", "DG15"])
def test_a_copy_that_hides_the_key_it_has_not_is_found_by_the_signed_list(
    store: Path, make: Callable[[], tuple[Passport, Personalisation]], hidden: int
) -> None:
    passport, made = make()
    files = {each: file for each, file in made.files.items() if each not in (hidden, 0x010E)}
    copy = dataclasses.replace(made, files=files)
    assert verdict(store, copy, passport.printed) == Failed(Reason.DOCUMENT_CLONED)


def test_a_portrait_that_was_exchanged_in_the_chip_is_altered(store: Path) -> None:
    passport, made = without_keys()
    other, _ = personalise(signer(), HOLDER, picture=JPEG + b"of somebody else")
    forged = dataclasses.replace(made, files={**made.files, 0x0102: other.groups[2]})
    assert verdict(store, forged, passport.printed) == Failed(Reason.DOCUMENT_ALTERED)


def test_a_chip_does_not_open_with_another_documents_zone(store: Path) -> None:
    _, made = without_keys()
    another = dataclasses.replace(HOLDER, number="X00000001").lines()
    assert verdict(store, made, another) == Failed(Reason.DOCUMENT_KEY_WRONG)
