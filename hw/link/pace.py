"""How fast a link is read: a device that sends rubbish at any speed costs a bounded share of the processor."""

BURST_BYTES = 8192  # what may come at once: more than any reply or code
PAUSE_S = 0.05  # how long a link that has used this up is left alone at most


class Pace:
    """`per_s` bytes a second and no more in the long run, by the times that are handed in (monotonic seconds)."""

    def __init__(self, per_s: float) -> None:
        self._per_s, self._room, self._seen_s = per_s, float(BURST_BYTES), 0.0

    def pause_s(self, now_s: float) -> float:
        """How long to leave the link alone before the next read, up to `PAUSE_S`; 0 for one that does not flood."""
        wanted = PAUSE_S * self._per_s
        return max(0.0, wanted - self._refilled(now_s)) / self._per_s

    def most(self, now_s: float) -> int:
        """How many bytes may be read now, at least 1."""
        return max(1, int(self._refilled(now_s)))

    def took(self, count: int) -> None:
        """So many bytes were read."""
        self._room -= count

    def _refilled(self, now_s: float) -> float:
        self._room = min(float(BURST_BYTES), self._room + max(0.0, now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        return self._room
