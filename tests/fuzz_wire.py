"""Throw bytes at every decoder: random ones, damaged real ones, in every way of cutting them into pieces.

    python tests/fuzz_wire.py --seconds 20           each target for so long
    python tests/fuzz_wire.py --only mrz --seed 7    one of them, again as it was

A target is a function in `tests/fuzz_targets/*.py` that takes the pieces and raises nothing: what its decoder refuses
it catches, and it checks itself that buffers stay bounded. `SEEDS` of the same file holds real messages to damage.
A failure is printed with the pieces that lead to it, as hex; the exit status is 1 then.
"""

import argparse
import importlib.util
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("fuzz_targets")
LONGEST_BYTES = 700
MEMORY_BYTES = 64 * 1024 * 1024
"""More than a decoder may ever hold at once."""

Target = Callable[[list[bytes]], None]


@dataclass(frozen=True)
class Outcome:
    """What came of one target. `pieces` are those of its failure; none where it held."""

    name: str
    runs: int
    peak_bytes: int
    failure: str = ""
    pieces: tuple[bytes, ...] = ()


def targets() -> dict[str, tuple[Target, list[bytes]]]:
    """Every target by its name, with its seeds."""
    found: dict[str, tuple[Target, list[bytes]]] = {}
    for path in sorted(FOLDER.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"fuzz_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        seeds = getattr(module, "SEEDS", {})
        for name, target in module.TARGETS.items():
            assert name not in found, f"{path.name}: there is another target {name}"
            found[name] = (target, list(seeds.get(name, [])))
    return found


def _damaged(chance: random.Random, seed: bytes, other: bytes) -> bytes:
    """A real message with something wrong: flipped, cut, doubled, grown, or gone on as another one."""
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1 if data:
                data[at % len(data)] = chance.choice((0, 0x7F, 0x80, 0xFF))
            case 2:
                data[at:at] = chance.randbytes(chance.choice((1, 2, 40)))
            case 3:
                del data[at : at + chance.choice((1, 2, 40))]
            case 4:
                data[at:at] = data[at : at + chance.choice((1, 8, 80))]
            case 5:
                del data[at:]
            case _:
                data[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(data)


def _message(chance: random.Random, seeds: list[bytes]) -> bytes:
    if seeds and chance.random() < 0.8:
        seed, other = chance.choice(seeds), chance.choice(seeds)
        return seed if chance.random() < 0.1 else _damaged(chance, seed, other)
    return chance.randbytes(chance.randrange(LONGEST_BYTES))


def _pieces(chance: random.Random, data: bytes) -> list[bytes]:
    """The same bytes as a whole, one by one, or cut somewhere."""
    match chance.randrange(4):
        case 0:
            return [data]
        case 1:
            return [data[at : at + 1] for at in range(len(data))]
        case _:
            cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 6)))
            return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def inputs(seeds: list[bytes], seed: int) -> Iterator[list[bytes]]:
    """What a target is given, the same for the same seed."""
    chance = random.Random(seed)
    while True:
        messages = [_message(chance, seeds) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
        yield [piece for message in messages for piece in _pieces(chance, message)]


def fuzz(name: str, target: Target, seeds: list[bytes], seconds: float, seed: int, least: int = 50) -> Outcome:
    """Run one target for `seconds`, and at least `least` times."""
    runs, ends_s = 0, time.monotonic() + seconds
    given = inputs(seeds, seed)
    tracemalloc.start()
    try:
        while runs < least or time.monotonic() < ends_s:
            pieces = next(given)
            try:
                target(pieces)
            except Exception as problem:  # noqa: BLE001  whatever it is, it should not be
                return Outcome(name, runs, 0, f"{type(problem).__name__}: {problem}", tuple(pieces))
            runs += 1
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    too_much = f"held {peak_bytes} bytes, of {MEMORY_BYTES} allowed" if peak_bytes > MEMORY_BYTES else ""
    return Outcome(name, runs, peak_bytes, too_much)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each target")
    parser.add_argument("--only", metavar="NAME", help="the targets whose name holds this")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="where chance begins")
    asked = parser.parse_args()
    failed = False
    print(f"seed {asked.seed}")
    for name, (target, seeds) in targets().items():
        if asked.only and asked.only not in name:
            continue
        outcome = fuzz(name, target, seeds, asked.seconds, asked.seed)
        print(
            f"{name:32}{outcome.runs:9} runs  {outcome.peak_bytes / 1e6:6.1f} MB  {outcome.failure or 'held'}",
            flush=True,
        )
        if outcome.failure:
            failed = True
            print("  pieces: " + " ".join(piece.hex() or "-" for piece in outcome.pieces))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
