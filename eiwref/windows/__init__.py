"""Equal-info windows: text in, codes of exactly W bits out, and back.

Read in this order: `scheme`, `stop_cell`, `padded`; then `codebook`, `table_walk` and `lockstep`, which do the
same faster; `likeliest` and `teach`, a better list for 16 bits; and `equal_text`, the other way round.
"""

from eiwref.windows.padded import Delay, Greedy
from eiwref.windows.stop_cell import StopCell

SCHEMES = {scheme.name: scheme for scheme in (StopCell, Greedy, Delay)}
