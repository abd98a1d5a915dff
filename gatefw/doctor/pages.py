"""The page of each finding: what it means, what the gate does meanwhile, how to find and mend it."""

import difflib
import re
from functools import cache
from pathlib import Path

from gatefw.errors import Refusal

FOLDER = Path(__file__).parents[1] / "data" / "findings"
_TITLE = re.compile(r"# (G\d{4}): (.+)")


@cache
def titles() -> dict[str, str]:
    """Every code that there is, with the title of its page, in their order."""
    return {path.stem: _title(path) for path in sorted(FOLDER.glob("G*.md"))}


def beginning(part: str) -> dict[str, str]:
    """Of the first digits of a code, as `G02`, or of nothing, those that begin so; of a whole code none."""
    if not re.fullmatch(r"[gG]0\d{0,2}|[gG]?", part.strip()):
        return {}
    return {code: title for code, title in titles().items() if code.startswith(part.strip().upper())}


def page(code: str) -> str:
    """The Markdown of a code's page; `g123` is taken for G0123. Raises Refusal, with what is near."""
    wanted = _written_out(code)
    if wanted in titles():
        return (FOLDER / f"{wanted}.md").read_text("utf-8")
    near = difflib.get_close_matches(wanted, titles(), n=3, cutoff=0.6) or _by_word(code)
    told = ", ".join(f"{each} ({titles()[each]})" for each in near)
    raise Refusal(f"{code}: no finding has this code" + (f"; near are {told}" if told else "; see docs/findings.md"))


def _written_out(code: str) -> str:
    match = re.fullmatch(r"[gG]?0*(\d{1,4})", code.strip())
    return f"G{int(match[1]):04}" if match else code.strip()


def _by_word(word: str) -> list[str]:
    return [code for code, title in titles().items() if word.strip().lower() in title.lower()][:5]


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        match = _TITLE.fullmatch(file.readline().rstrip("\n"))
    if not match or match[1] != path.stem:
        raise Refusal(f"{path}: its first line must be `# {path.stem}: TITLE`")
    return match[2]


def index() -> str:
    """docs/findings.md: every code with its title, and where its page lies."""
    lines = ["# The findings of `gatefw doctor`", "", "`gatefw explain CODE` prints a page on the gate itself.", ""]
    lines += [f"- [{code}](../gatefw/data/findings/{code}.md): {title}" for code, title in titles().items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(index(), end="")
