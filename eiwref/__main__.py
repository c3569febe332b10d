"""`python -m eiwref`: the command line without the installed script."""

import sys

from eiwref.cli import main

sys.exit(main())
