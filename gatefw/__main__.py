"""python -m gatefw"""

import sys

from gatefw.cli import main

sys.exit(main())
