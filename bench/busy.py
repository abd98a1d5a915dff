"""`python -m bench.busy SWITCH_S COMMAND ...`: gatefw with a thread that holds the GIL as much as it is let.

What a mistake in a driver or a large answer to encode does for a moment, this does all the time. SWITCH_S is the
interpreter's switch interval, in place of the supervisor's own; Python's default is 0.005.
"""

import sys
import threading

from gatefw import cli, supervisor


def spin() -> None:
    while True:
        pass


if __name__ == "__main__":
    supervisor.SWITCH_S = float(sys.argv[1])
    threading.Thread(target=spin, daemon=True).start()
    sys.exit(cli.main(sys.argv[2:]))
