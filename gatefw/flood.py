"""Tells a reader that floods from people who show their tokens: nobody shows ten a second."""

from dataclasses import dataclass

TOKENS_PER_S = 10.0
BURST = 10
CALM_S = 1.0  # a reader is believed again when nothing came for so long, so that nothing old is left in its buffers


@dataclass(slots=True)
class Flood:
    """Of one reader, by the times that are handed in (monotonic seconds). Keeps three numbers, whatever comes."""

    flooding: bool = False
    _room: float = BURST
    _seen_s: float = 0.0

    def passes(self, now_s: float) -> bool:
        """A token was read. Whether it may be handed on; while the reader floods, none may."""
        self._room = min(float(BURST), self._room + (now_s - self._seen_s) * TOKENS_PER_S)
        self._seen_s = now_s
        if self._room < 1.0:
            self.flooding = True
        else:
            self._room -= 1.0
        return not self.flooding

    def silent(self, now_s: float) -> None:
        """No token was to be had just now."""
        if self.flooding and now_s - self._seen_s >= CALM_S:
            self.flooding, self._room = False, float(BURST)
