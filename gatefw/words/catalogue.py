"""Writes the catalogues of translations: `python -m gatefw.words.catalogue` after a change of a word or a .po file.

A language is added by a directory of its name with an empty `LC_MESSAGES/gatefw.po` in it.

Takes into each `gatefw.po` what is said now, empty where nobody translated it yet, drops what is said no longer, and
compiles `gatefw.mo` beside it. Wants Babel, which the running gate does not.
"""

import io
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from gatefw.words import DOMAIN, ENGLISH, LOCALE, messages, spoken

NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)
TRANSLATED = tuple(each for each in spoken(LOCALE, "po") if each != ENGLISH)


def folder(language: str, root: Path = LOCALE) -> Path:
    return root / language / "LC_MESSAGES"


def updated(po: bytes, language: str) -> Catalog:
    """The catalogue in `po` with every message of today and no other."""
    before = read_po(io.BytesIO(po), locale=language)
    catalogue = Catalog(locale=language, domain=DOMAIN, project=DOMAIN, fuzzy=False)
    for context, text in messages():
        there = before.get(text, context)
        catalogue.add(text, there.string if there else "", context=context)
    return catalogue


def compiled(po: bytes, language: str) -> bytes:
    """What gettext reads at run time; the same for the same `po`, whenever it is made."""
    catalogue, written = read_po(io.BytesIO(po), locale=language), io.BytesIO()
    catalogue.creation_date = catalogue.revision_date = NO_DATE
    write_mo(written, catalogue)
    return written.getvalue()


def spelt(catalogue: Catalog) -> bytes:
    """As a .po file, without the dates that would change it each time."""
    written = io.BytesIO()
    write_po(written, catalogue, omit_header=True, width=120)
    head = f'msgid ""\nmsgstr ""\n"Language: {catalogue.locale}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return head.encode() + written.getvalue()


def main(root: Path = LOCALE) -> None:
    for language in TRANSLATED:
        place = folder(language, root)
        place.mkdir(parents=True, exist_ok=True)
        po = place / f"{DOMAIN}.po"
        written = spelt(updated(po.read_bytes() if po.exists() else b"", language))
        po.write_bytes(written)
        (place / f"{DOMAIN}.mo").write_bytes(compiled(written, language))


if __name__ == "__main__":
    main()
