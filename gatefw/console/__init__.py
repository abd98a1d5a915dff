"""The officer's console: a row of lanes in a browser, and orders to them.

    setting    its file: lanes with the keys to them, officers, where it listens
    lanes      what is known of a lane by what it said; alarms: the urgent part of it; shown: as the page has it; pure
    link       follows the lanes and gives them orders, over the bus, with the console's key
    officers   who may log in: names, hashes of passwords, how long somebody waits who tries
    sessions   who is logged in
    shift      what came of a shift, counted from events; `shift_page` serves it, `earlier` reads what was before
    server     the page and what it asks, for one browser or several

A lane knows the console by its key and journals each order with that and the officer's name: the console itself writes
nothing down, and forgets everybody when it ends.
"""

from pathlib import Path

FILES = Path(__file__).parents[1] / "data" / "console"
