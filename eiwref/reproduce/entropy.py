"""Entropy from counts: how often things were seen, and not how likely they are.

Paper, Appendix D.6. What was seen says less than what can be: by chance some things are seen more often than
others, and the plug-in estimate takes that for structure. It is too small, by about (V - 1) / 2m nats for m things
of V kinds, which Miller and Madow add. Their term is too large where m is not far above V. Left out, as in the
paper: estimates that need the sample drawn anew.
"""

import numpy as np

from eiwref.errors import EiwrefError


def plug_in(counts: np.ndarray) -> float:
    """Bits of entropy if the shares of what was seen were probabilities; raises `EiwrefError` if nothing was.

    >>> plug_in(np.array([2, 1, 1, 0]))
    1.5
    """
    seen = counts[counts > 0]
    total = seen.sum()
    if not total:
        raise EiwrefError("a part of the text is too short to count anything in it, give more text")
    return float(np.log2(total) - (seen * np.log2(seen)).sum() / total)


def miller_madow(counts: np.ndarray) -> float:
    """`plug_in` with its bias taken off, in bits; V is the length of `counts`, what was never seen included.

    >>> round(miller_madow(np.array([2, 1, 1, 0])) - 1.5, 4)  # 3 / 8 nats
    0.541
    """
    return plug_in(counts) + (len(counts) - 1) / (2 * int(counts.sum())) / float(np.log(2))
