"""What many kills came to, as a table and as one line."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from trust.kills_checks import KILL
from trust.kills_rounds import Death, Played
from trust.kills_states import TRAVEL, WANTED

PROMISE = "killed at any instant: nothing lost, nothing moves alone, safe at once, back in service, and nobody shut in"
BACK_S = 3.0


class Tally:
    """Adds up what was played. `wrong` are the stories of violations."""

    def __init__(self) -> None:
        self.played: list[Played] = []
        self.programs: list[tuple[Played, float]] = []
        """Kills that were followed by a start with Python's imports, and what that took of the CPU, in seconds."""
        self.wrong: list[str] = []
        self.exits = 0

    @property
    def deaths(self) -> list[Death]:
        return [death for each in (*self.played, *(played for played, _ in self.programs)) for death in each.deaths]

    @property
    def by_state(self) -> Counter[str]:
        return Counter(death.phase for death in self.deaths)

    @property
    def in_travel(self) -> int:
        return sum(death.in_travel for death in self.deaths)

    def lacking(self, state: str, each: int) -> bool:
        """Whether this state has not been met by so many kills."""
        return (self.in_travel if state == TRAVEL else self.by_state[state]) < each

    def enough(self, kills: int, each: int) -> bool:
        return len(self.deaths) >= kills and not any(self.lacking(state, each) for state in WANTED)

    def unmet(self, each: int) -> list[str]:
        return [f"{state} was not met by {each} kills" for state in WANTED if self.lacking(state, each)]

    def back_s(self, *, occupied: bool) -> dict[str, list[float]]:
        """How long it took, by the state in which it was killed (the last time)."""
        found = defaultdict(list)
        for each in self.played:
            if each.occupied is occupied:
                found[each.deaths[-1].phase].append(each.back_s)
        return found

    def slow(self) -> Iterator[str]:
        """States that nobody was in, and from which half of the starts took longer than promised."""
        for state, times in self.back_s(occupied=False).items():
            if median(times) > BACK_S:
                yield f"back in service from {state}, with nobody inside, took {median(times):.2f} s in the median"

    def lines(self) -> Iterator[str]:
        alone, held, kills = self.back_s(occupied=False), self.back_s(occupied=True), self.by_state
        yield f"{'killed in':16} {'kills':>5}   back in service, seconds: nobody inside    somebody inside"
        for state in sorted(kills, key=lambda each: WANTED.index(each) if each in WANTED else -1):
            yield f"{state:16} {kills[state]:5}   {_spread(alone[state]):>43} {_spread(held[state]):>18}"
        yield f"{TRAVEL:16} {self.in_travel:5}"

    def summary(self) -> dict[str, Any]:
        alone = [time for times in self.back_s(occupied=False).values() for time in times]
        dropped = [drop for each in self.played for drop in each.drops_s]
        starts = [played.back_s for played, _ in self.programs]
        counts = {
            "kills": len(self.deaths),
            "by_state": dict(sorted(self.by_state.items())),
            "in_travel": self.in_travel,
            "modes": dict(Counter(death.mode for death in self.deaths)),
            "lines_driven": len(dropped),
            "off_after_kill_max_s": _most([time for mode, time in dropped if mode == KILL]),
            "off_after_hang_max_s": _most([time for mode, time in dropped if mode != KILL]),
            "way_outs_without_record": sum(each.unrecorded for each in self.played),
            "orderly_ends": self.exits,
            "back_p50_s": _middle(alone),
            "back_max_s": _most(alone),
            "back_over_3_s": sum(time > BACK_S for time in alone),
            "back_program_p50_s": _middle(starts),
            "back_program_max_s": _most(starts),
            "program_cpu_p50_s": _middle([cpu for _, cpu in self.programs]),
        }
        figures = {
            "back with nobody inside in {} s, median": counts["back_p50_s"],
            "with Python's imports in {} s": counts["back_program_p50_s"],
            "lines off {} s after a kill": counts["off_after_kill_max_s"],
            "{} s after a hang began, at most": counts["off_after_hang_max_s"],
        }
        figure = "; ".join(words.format(seconds) for words, seconds in figures.items() if seconds is not None)
        tested = "the real supervisor on a busy simulated lane, killed or hung; judged by pins, people and journal"
        return {
            "promise": PROMISE,
            "tested": tested,
            "runs": len(self.deaths),
            "violations": len(self.wrong),
            "figure": figure,
            "counts": counts,
        }


def _middle(times: Sequence[float]) -> float | None:
    return round(median(times), 2) if times else None


def _most(times: Sequence[float]) -> float | None:
    return round(max(times), 2) if times else None


def _spread(times: Sequence[float]) -> str:
    return f"{median(times):.2f} (to {max(times):.2f})" if times else "-"
