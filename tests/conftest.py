"""Timing must not decide a test, and a run must not depend on chance: examples are drawn from a fixed seed."""

from functools import partial

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from eiwref.predictors import store

# What is tested with "the default predictor" holds for any, and the n-gram is a hundred times as quick as the M1
# where text is followed byte by byte. `test_shipped.py` tests what is really the default.
store.DEFAULT = "ngram"


def pytest_collection_modifyitems(items):
    """Doctests show what a user sees, so they have the real default."""
    for item in items:
        if hasattr(item, "dtest"):
            item.runtest = partial(_by_default, "m1", item.runtest)


def _by_default(name, run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "DEFAULT", name)
        run()


collect_ignore = ["references"]  # scripts that need torch

settings.register_profile("eiwref", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("eiwref")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tests run side by side already; BLAS threads beneath them would only get in each other's way."""
    with threadpool_limits(1):
        yield
