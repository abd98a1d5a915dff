"""Models and test photographs out of published packages: fetched, checked, converted, written all or nothing.

    fetch.archive, fetch.member    SHA-256 of archive and member: strict, other bytes are never converted
    converter.convert              in a throw-away environment of pinned packages (convert/requirements.txt)
                                   a file whose card has the member's own hash is the member, and is not converted
    model, then card               each written under another name, fsynced, renamed

Between the two renames a card and a model of different runs may stand together; they are found out by hash, and the
next install makes them anew.
"""

import dataclasses
import hashlib
from pathlib import Path

from gatefw.biometrics import card as cards
from gatefw.biometrics import converter, fetch
from gatefw.biometrics.card import Card, Source
from gatefw.biometrics.fetch import Say
from gatefw.errors import ModelError

PHOTOS = Source(
    requirement="face-recognition==1.3.0",
    archive="face_recognition-1.3.0.tar.gz",
    archive_sha256="5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
    archive_mb=3,
    member="face_recognition-1.3.0/tests/test_images",
    member_sha256="",
)
PHOTO_SHA256 = {
    "obama.jpg": "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
    "obama2.jpg": "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
    "obama3.jpg": "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
    "biden.jpg": "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
    "obama_partial_face.jpg": "c2d1f09e7ef3042352b41e41286e6eb0522f64f88308be13886991b95db52117",
    "obama_partial_face2.jpg": "9a812347f97633542b8cd9992de22def11b74f79d82056bc3ee830f13878e028",
}


def install(state: Path, say: Say, source: Path | None = None) -> None:
    """Make every shipped model that is not intact in `<state>/models`; a second run only checks hashes (10 ms).

    `source`: a directory that holds the finished models, or the archives and the converter's wheels, for a machine
    without a network. A finished one is taken only if it is the card's reference, byte for byte.
    A file that is the reference itself stays when only its card is of another version; then the card is written anew.
    Raises ModelError (no network, no pip, other bytes than the card's, a conversion that computes something else) and
    StoreError (disk full, not writable). Whatever happens, a model and its card are there whole or not at all.
    """
    models = state / "models"
    missing = [card for card in cards.shipped() if not _intact(models, card) and not _renewed(models, card, say)]
    missing = [card for card in missing if source is None or not _taken(models, card, source, say)]
    if not missing:
        say(f"models: {len(cards.shipped())} installed and intact in {models}")
        return
    with fetch.workplace(models, say) as work:
        fetch.require_space(work, converter.SPACE_BYTES)
        published = {card.name: _published(_source_of(card), work, say, source) for card in missing}
        made = {card.name: published[card.name] for card in missing if _as_published(card)}
        converted = [card for card in missing if card.name not in made]
        python = converter.environment(work, say, source) if converted else Path()
        made |= {card.name: _convert(card, published[card.name], python, work, say) for card in converted}
        for card in missing:
            model = made[card.name]
            fetch.write_atomically(models / card.file, model)
            fetch.write_atomically(models / f"{card.name}.toml", _card_for(card, models / card.file))
            say(f"{card.name}: {len(model)} bytes installed in {models}")


def install_photos(state: Path, say: Say, source: Path | None = None) -> None:
    """Put the six named test pictures of two people, SHA-256 checked, into `<state>/photos`. Raises as `install`.

    For demo and tests. The package's licence is MIT; the rights in the photographs themselves are not stated, so they
    stay in the state directory and are never copied into a repository or a release.
    """
    photos = state / "photos"
    if all((photos / name).is_file() and cards.sha256(photos / name) == want for name, want in PHOTO_SHA256.items()):
        return
    with fetch.workplace(photos, say) as work:
        archive = fetch.archive(PHOTOS, work, say, source)
        for name, want in PHOTO_SHA256.items():
            fetch.write_atomically(photos / name, fetch.member(archive, f"{PHOTOS.member}/{name}", want))
        say(f"photographs: {len(PHOTO_SHA256)} installed in {photos}")


def _intact(models: Path, card: Card) -> bool:
    """Card and file agree, and the card is the shipped one but for the hash of the file made here."""
    try:
        found, _ = cards.installed(models, card.name)
    except ModelError:
        return False
    return dataclasses.replace(found, sha256=card.sha256) == card


def _renewed(models: Path, card: Card, say: Say) -> bool:
    """The file is the card's reference, bit by bit, and its card has been replaced by the shipped one."""
    model = models / card.file
    if not model.is_file() or cards.sha256(model) != card.sha256:
        return False
    with fetch.workplace(models, say):
        fetch.write_atomically(models / f"{card.name}.toml", _card_for(card, model))
    say(f"{card.name}: its card was of another version, and is renewed")
    return True


def _taken(models: Path, card: Card, source: Path, say: Say) -> bool:
    """The finished file lies in `source`, and was put in place. Raises ModelError: it is there, and another one."""
    finished = source / card.file
    if not finished.is_file():
        return False
    content = finished.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise ModelError(
            f"{finished}: sha256 is {found}, the card of this version says {card.sha256}; take the models of a machine "
            "where they are so, or the archives (`gatefw models install --help`)"
        )
    with fetch.workplace(models, say):
        fetch.write_atomically(models / card.file, content)
        fetch.write_atomically(models / f"{card.name}.toml", _card_for(card, models / card.file))
    say(f"{card.name}: {len(content)} bytes taken from {source} into {models}")
    return True


def _source_of(card: Card) -> Source:
    if card.source is None:
        raise ModelError(f"{card.name}: the card names no package to take it from; a shipped card does")
    return card.source


def _as_published(card: Card) -> bool:
    """Whether the file is the package's own, which its card says by giving it the member's hash."""
    return card.sha256 == _source_of(card).member_sha256


def _published(source: Source, work: Path, say: Say, offline: Path | None) -> bytes:
    return fetch.member(fetch.archive(source, work, say, offline), source.member, source.member_sha256)


def _convert(card: Card, published: bytes, python: Path, work: Path, say: Say) -> bytes:
    """The int8 file, compared with its float model. Raises ModelError when it computes something else."""
    say(f"{card.name}: converting and comparing with the float model ...")
    made = converter.convert(card.name, card.kind, published, python, work)
    if hashlib.sha256(made.content).hexdigest() != card.sha256:
        say(f"{card.name}: not byte-equal to the reference, but within tolerance ({made.difference:.3f})")
    return made.content


def _card_for(card: Card, model: Path) -> bytes:
    """The shipped card with the hash of the file that was made here."""
    text = (cards.SHIPPED / f"{card.name}.toml").read_text("utf-8")
    return text.replace(card.sha256, cards.sha256(model), 1).encode()
