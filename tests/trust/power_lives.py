"""What a process does to a journal and to a gallery until the power fails, and what has to be there afterwards.

    python power_lives.py journal|gallery DIRECTORY SEED MARKS

lives one life, drawn by the seed, and writes into the file MARKS, one JSON object a line, what it is about to do and
what it was promised: for a judge to know which of it was before the cut.
"""

import itertools
import json
import os
import queue
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from kept_journal import STOPPED, Kept, Wall

from gatefw import keys
from gatefw.biometrics.gallery import MAIN, Gallery, keys_of
from gatefw.biometrics.gallery_audit import audit
from gatefw.biometrics.gallery_chunk import Member
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, Reason, SubjectId

Mark = dict[str, Any]
Tell = Callable[[Mark], None]
STARTS, BURSTS, ACTS, MINUTE_NS = 2, 90, 30, 60 * 10**9
NOW, LATER = 1e9, 2e9
MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
PEOPLE = [f"p{number}" for number in range(12)]
LATCHES = (Reason.SOFTWARE, Reason.JOURNAL_FULL)


class Wrong(Exception):
    """A promise was broken."""


class Judge(Protocol):
    """Told every mark before the cut, in order; then looks at what the disk holds, and changes it as it likes."""

    def told(self, mark: Mark) -> None: ...

    def look(self, folder: Path, freed: Sequence[bytes]) -> None:
        """`freed`: what stands in files that have no name any more. Raises Wrong, or what the gate itself raises."""


# ---------------------------------------------------------------- journal


def _journal(folder: Path) -> Path:
    return folder / "state" / "journal.sqlite"


def keep_journal(folder: Path, chance: random.Random, tell: Tell) -> None:
    """Rows in bursts, signed and removed after ten minutes; at times a latch is set or taken back between them."""
    wall, subjects = Wall(), (SubjectId(f"s{number}") for number in itertools.count())
    terms = {"archive_required": False, "keep_s": 600.0, "look_s": 0.05, "checkpoint_rows": chance.randint(3, 9)}
    for _ in range(STARTS):
        with Kept(_journal(folder), wall, **terms) as kept:
            for _ in range(BURSTS):
                wall.ns += MINUTE_NS
                burst = list(itertools.islice(subjects, chance.randint(1, 5)))
                if chance.random() < 0.8:
                    _append(kept.journal, burst, tell)
                    continue
                latch = chance.choice((None, *LATCHES))
                tell({"latch": latch, "done": False})
                kept.journal.latch(latch) if latch else kept.journal.unlatch()
                _append(kept.journal, burst, tell)  # done in order: the latch before these rows
                tell({"latch": latch, "done": True})


def _append(journal: Journal, burst: Sequence[SubjectId], tell: Tell) -> None:
    """Queue them at once, and wait until each is durable."""
    durable = queue.Queue[int]()

    def promised(subject: SubjectId, n: int) -> None:
        tell({"promised": subject, "n": n})
        durable.put(n)

    for each in burst:
        tell({"asked": each})
        journal.append(Fact(FactKind.SERVICE_STOPPED, subject=each), partial(promised, each))
    for _ in burst:
        durable.get(timeout=60)


class OfJournal:
    """Every row that was called durable is there, or was removed as written down; nothing is there that nobody asked
    for; the chain holds, and goes on; the latch is as it was told."""

    def __init__(self) -> None:
        self._asked = set[str]()
        self._promised: dict[int, str] = {}
        self._latch: set[Reason | None] = {None}

    def told(self, mark: Mark) -> None:
        match mark:
            case {"asked": subject}:
                self._asked.add(subject)
            case {"promised": subject, "n": n}:
                self._promised[n] = subject
            case {"latch": cause, "done": done}:
                reason = Reason(cause) if cause else None
                standing = {was or reason for was in self._latch} if reason else {None}  # an earlier cause stays
                self._latch = standing if done else self._latch | standing

    def look(self, folder: Path, freed: Sequence[bytes]) -> None:
        with Kept(_journal(folder), checkpoint_rows=5) as kept:
            journal = kept.journal
            removed = journal.removed_upto()
            found = {row.n: journal.subject(row.n) for row in journal.read(0, 10**6)}
            for n, subject in self._promised.items():
                if n > removed and found.get(n) != subject:
                    raise Wrong(f"row {n} was durable, about {subject}: {found.get(n, 'it is not there')}")
            named = [subject for subject in found.values() if subject]
            if len(set(named)) < len(named) or not set(named) <= self._asked:
                raise Wrong(f"rows twice, or of nobody's: {named}")
            if (latched := journal.latched()) not in self._latch:
                raise Wrong(f"the latch is {latched}, not one of {self._latch}")
            journal.verify()
            kept.write(STOPPED)
            journal.verify()
            if kept.broke:
                raise Wrong(f"does not go on: {kept.broke}")


# ---------------------------------------------------------------- gallery


def _gallery(folder: Path) -> tuple[Path, Path]:
    return folder / "state" / "gallery.sqlite", folder / "state" / "keys" / "gallery.key"


def _open(folder: Path) -> Gallery:
    path, key = _gallery(folder)
    return Gallery(path, keys.load_or_create(key, store_exists=path.exists()))


def _templates(seed: int) -> tuple[Template, ...]:
    faces = np.random.default_rng(seed).normal(size=(1 + seed % 3, 128)).astype(np.float32)
    return tuple(Template(face, MAKER) for face in faces)


def keep_gallery(folder: Path, chance: random.Random, tell: Tell) -> None:
    """People come and go, singly and many at once; partitions are made, and destroyed with whoever is in them."""
    standing: list[str] = []
    for start in range(STARTS):
        with closing(_open(folder)) as gallery:
            _people_come_and_go(gallery, folder, range(start * ACTS, (start + 1) * ACTS), standing, chance, tell)


def _people_come_and_go(
    gallery: Gallery, folder: Path, seeds: range, standing: list[str], chance: random.Random, tell: Tell
) -> None:
    for seed in seeds:
        act = chance.choice(("make", "enrol", "enrol", "enrol", "many", "revoke", "revoke", "destroy"))
        partition = chance.choice((MAIN, *standing))
        mark: Mark = {"act": act, "who": [], "seed": seed, "partition": partition, "key": ""}
        if act == "make" or (act == "destroy" and partition == MAIN):
            mark |= {"act": "make", "partition": f"f{seed}"}
        elif act != "destroy":
            mark["who"] = chance.sample(PEOPLE, 5 if act == "many" else 1)
        tell(mark | {"done": False})
        _do(gallery, mark)
        if mark["act"] == "make":
            key = keys_of(_gallery(folder)[0]).get(mark["partition"])
            standing.append(mark["partition"])
            mark["key"] = key.hex() if key else ""
        elif act == "destroy":
            standing.remove(partition)
        tell(mark | {"done": True})


def _do(gallery: Gallery, mark: Mark) -> None:
    who = [SubjectId(each) for each in mark["who"]]
    match mark["act"]:
        case "make":
            gallery.make_partition(mark["partition"], LATER)
        case "enrol":
            gallery.enrol(who[0], _templates(mark["seed"]), LATER, mark["partition"])
        case "many":
            templates = _templates(mark["seed"])
            gallery.enrol_many([Member(each, LATER, templates) for each in who], mark["partition"])
        case "revoke":
            gallery.revoke(who[0])
        case "destroy":
            gallery.destroy_partition(mark["partition"])


Enrolled = tuple[int, str] | None
"""With the templates of which seed, in which partition; None: not at all."""


class OfGallery:
    """Who was enrolled is there, with their templates; who was revoked is found nowhere; what was under way is done or
    is not. A destroyed key is nowhere. Nothing is damaged; what was cut off can be repeated, then all is well."""

    def __init__(self) -> None:
        self._may: dict[str, set[Enrolled]] = {each: {None} for each in PEOPLE}
        self._keys: dict[str, str] = {}
        self._gone, self._under_way = set[str](), set[str]()

    def told(self, mark: Mark) -> None:
        partition, done = mark["partition"], mark["done"]
        match mark["act"]:
            case "make" | "destroy" as act:
                (self._under_way.discard if done else self._under_way.add)(partition)
                if act == "make":
                    self._keys[partition] = mark["key"]
                    return
                if done:
                    self._gone.add(partition)
                for may in self._may.values():
                    within = {each for each in may if each and each[1] == partition}
                    may |= {None} if within else set()
                    may -= within if done else set()
            case act:
                then = None if act == "revoke" else (mark["seed"], partition)
                for each in mark["who"]:
                    self._may[each] = {then} if done else self._may[each] | {then}

    def look(self, folder: Path, freed: Sequence[bytes]) -> None:
        self._no_key_left([path.read_bytes() for path in folder.rglob("*") if path.is_file()], freed)
        with closing(_open(folder)) as gallery:
            self._compare(gallery)
            destroyed = {each.name for each in keys_of(_gallery(folder)[0]).ring.destroyed()}
            if not self._gone <= destroyed:
                raise Wrong(f"nobody tells that the keys of {self._gone - destroyed} were destroyed")
            for partition in self._under_way:
                gallery.destroy_partition(partition)
            gallery.make_partition("after", LATER)
            gallery.enrol(SubjectId("late"), _templates(1), LATER, "after")
        path, key = _gallery(folder)
        found = audit(path, key, NOW)
        if found.problems or found.damaged or found.copies:
            raise Wrong(f"audit: {found.problems}, {found.damaged} damaged, {found.copies} copies")

    def _no_key_left(self, *disk: Sequence[bytes]) -> None:
        for name in self._gone:
            if any(bytes.fromhex(self._keys[name]) in content for files in disk for content in files):
                raise Wrong(f"the destroyed key of {name} is on the disk")

    def _compare(self, gallery: Gallery) -> None:
        chunks = [gallery.opened(place) for place in gallery.places(NOW)]
        met = {who for chunk in chunks if chunk is not None for who in chunk.subjects}
        for who, may in self._may.items():
            found = gallery.get(SubjectId(who), NOW)
            there = not isinstance(found, Reason)
            if not there and found is not Reason.NOT_ENROLLED:
                raise Wrong(f"{who} is {found}")
            if there != (who in met):
                raise Wrong(f"{who} is {'' if there else 'not '}enrolled, and a search says otherwise")
            if not any(_same(found, each) for each in may):
                raise Wrong(f"{who} is {'enrolled otherwise' if there else 'not enrolled'}, and may be {may}")
        if not met <= set(PEOPLE):
            raise Wrong(f"nobody enrolled {met - set(PEOPLE)}")


def _same(found: Sequence[Template] | Reason, wanted: Enrolled) -> bool:
    if wanted is None or isinstance(found, Reason):
        return wanted is None and isinstance(found, Reason)
    templates = _templates(wanted[0])
    return len(found) == len(templates) and all(
        np.array_equal(one.vector, other.vector) for one, other in zip(found, templates, strict=True)
    )


LIVES = {"journal": (keep_journal, OfJournal), "gallery": (keep_gallery, OfGallery)}


def main() -> None:
    kind, folder, seed, marks = sys.argv[1:]
    descriptor = os.open(marks, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        LIVES[kind][0](
            Path(folder), random.Random(seed), lambda mark: os.write(descriptor, json.dumps(mark).encode() + b"\n")
        )
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
