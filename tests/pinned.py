"""The real command with its clock at a given moment: `python -m tests.pinned 2026-11-18T05:45:00+00:00 fetch`."""

import sys
from datetime import datetime

from newsletter import app
from newsletter.cli import main

if __name__ == "__main__":
    moment = datetime.fromisoformat(sys.argv.pop(1))
    app.now = lambda: moment
    main()
