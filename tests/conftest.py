import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def rng():
    """The one source of random numbers in the tests."""
    return np.random.default_rng(0)


@pytest.fixture
def shared():
    """The folder of real data and recorded values, from XMLC_SHARED; skips the test where it is missing."""
    folder = Path(os.environ.get("XMLC_SHARED", "../shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set XMLC_SHARED to the folder with data/ and golden/")
    return folder
