"""What emergencies came to: how long each took, but of those while which the machine itself stood still."""

from collections.abc import Sequence

from trust.emergency_rounds import Seen, preferred
from trust.emergency_witness import Still

LIMIT_S = 0.010


def quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def outcome(seen: Seen, still: Sequence[Still], enough: int) -> dict[str, object]:
    """The last line of the run. Fewer undisturbed emergencies than `enough` are not judged by their time."""
    disturbed = [any(each.within(*span) for each in still) for span in seen.spans]
    apart = [took for took, held in zip(seen.took_s, disturbed, strict=True) if held]
    times = [took for took, held in zip(seen.took_s, disturbed, strict=True) if not held]
    judged = times or apart  # of a machine that always stands still the last line says no less
    p999 = quantile(judged, 0.999)
    if len(times) >= enough and p999 > LIMIT_S:
        seen.violations.append(f"p99.9 is {p999 * 1e3:.1f} ms, allowed are {LIMIT_S * 1e3:.0f}")
    milliseconds = {f"p{share * 100:g}_ms": round(quantile(judged, share) * 1e3, 2) for share in (0.5, 0.99, 0.999, 1)}
    how = "as its unit runs it" if preferred() else "without its unit's priority"
    besides = f"; {len(apart)} while the machine stood still: at most {max(apart) * 1e3:.1f} ms" if apart else ""
    return {
        "promise": "an emergency input frees the doors within 10 ms of its debouncing",
        "tested": "daemon under load: CPU and GIL contended, journal locked, vision dead",
        "runs": len(seen.took_s),
        "violations": len(seen.violations),
        "figure": f"p99.9 {p999 * 1e3:.1f} ms, median {quantile(judged, 0.5) * 1e3:.1f} ms, {how}{besides}",
        "counts": {
            "emergencies": len(seen.took_s),
            "glitches": seen.glitches,
            "while_the_machine_stood_still": len(apart),
            **milliseconds,
        },
    }
