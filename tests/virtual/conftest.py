"""The folder of real measurements."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real measurements."""
    folder = os.environ.get("JAXCELL_DATA")
    if not folder:
        pytest.skip("JAXCELL_DATA is not set: it names the folder with real measurements")
    return Path(folder)
