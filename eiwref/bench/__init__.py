"""How fast: ours beside the libraries that do the same, in one run on one core. One file a subject.

Speed is no claim of the paper and none of the tests; it is measured here, when asked for (`eiwref bench`).
"""
