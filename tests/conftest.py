"""Timing must not decide a test, and a run must not depend on chance: examples are drawn from a fixed seed."""

from hypothesis import settings

settings.register_profile("eiwref", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("eiwref")
