"""The course: exercises with checkers, and the notebooks of `tutorials/` made from their sources.

Read in this order: `core` (what a check is), one of the `checks_NN`, `notebook`, `grade`.
"""

from eiwref.course.core import check

__all__ = ["check"]
