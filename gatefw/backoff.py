"""How long to wait before the next try: longer each time, never for ever, and never all at once."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """0.2 s doubling to 5 s, each with up to a quarter of jitter: devices on one hub do not come back in step."""

    first_s: float = 0.2
    last_s: float = 5.0
    _next_s: float = field(default=0.0)

    def wait_s(self) -> float:
        self._next_s = min(self.last_s, self._next_s * 2) if self._next_s else self.first_s
        return self._next_s * (1 + random.random() / 4)  # noqa: S311  jitter is not a secret

    def reset(self) -> None:
        """It worked: the next failure starts again from the shortest wait."""
        self._next_s = 0.0
