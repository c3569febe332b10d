"""Timing must not decide a test, and a run must not depend on chance: examples are drawn from a fixed seed."""

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

collect_ignore = ["references"]  # scripts that need torch

settings.register_profile("eiwref", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("eiwref")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tests run side by side already; BLAS threads beneath them would only get in each other's way."""
    with threadpool_limits(1):
        yield
