"""How commands tell what became of keys."""

from collections.abc import Sequence
from datetime import UTC, datetime

from gatefw.key_audit import Gone, KeyAudit

SHOWN = 20


def show_destroyed(destroyed: Sequence[Gone]) -> None:
    """The last of them, and whether they are proven gone."""
    if len(destroyed) > SHOWN:
        print(f"{len(destroyed) - SHOWN} more were destroyed before")
    for each in destroyed[-SHOWN:]:
        when = datetime.fromtimestamp(each.at, UTC).isoformat(timespec="minutes")
        print(f"destroyed {each.name} {when}: {'proven' if each.proven else 'not proven'}: {each.because}")


def show(found: KeyAudit) -> None:
    """One directory of keys."""
    print(f"{found.directory}: kept by {found.provider}")
    for name, lived in found.keys.items():
        print(f"  {name:40} lived in {', then '.join(lived)}")
    show_destroyed(found.destroyed)
    for problem in found.problems:
        print(f"PROBLEM: {problem}")
