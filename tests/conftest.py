"""Strict configuration for every test, and cells that several of them use."""

import os
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

# Most time of the tests goes into compiling programs that then run once. Merged loops that the compiler writes by way
# of MLIR take it 2.5 times as long, and give the solver's programs no speed. Later compilers do not know the flag, and
# end the process at one that they do not know.
if version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import jax
from hypothesis import settings as hypothesis_settings
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# Compiled programs are kept between runs of the tests; the key holds the program and the versions of its compiler.
_CACHE = os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(Path(tempfile.gettempdir()) / "jaxcell-tests-xla")
jax.config.update("jax_compilation_cache_dir", _CACHE)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

hypothesis_settings.register_profile("jaxcell", deadline=None, database=None, derandomize=True)
hypothesis_settings.load_profile("jaxcell")

# Shapes and types of every annotated function and module of the numerics are checked at run time. Where users hand in
# files and tables the code's own checks are under test.
NUMERICS = ("units", "component", "cell", "grid", "physics", "solver", "model", "protocol", "simulation")
NUMERICS += ("operating_point", "spectroscopy", "ledger", "observables", "inventory", "inference", "design")
install_import_hook([f"jaxcell.{name}" for name in NUMERICS], "beartype.beartype")

import pytest  # noqa: E402
import sample_cells  # noqa: E402

from jaxcell import Cell  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def programs(request: pytest.FixtureRequest) -> Iterator[None]:
    """How a file's programs are compiled: in a quarter of the time to run three times slower, unless it runs them much.

    They are let go when the file is done: some hundred of them in one process exhaust its maps.
    """
    much = request.node.get_closest_marker("runs_much") is not None
    jax.config.update("jax_disable_most_optimizations", not much)
    yield
    jax.clear_caches()


@pytest.fixture(scope="session")
def bare_cell() -> Cell:
    """Lithium | separator | lithium, with a film on both foils."""
    return sample_cells.bare()


@pytest.fixture(scope="session")
def symmetric_cell() -> Cell:
    """Two lithium electrodes, each below a protection layer whose top has a nucleation barrier."""
    return sample_cells.symmetric()


@pytest.fixture(scope="session")
def half_cell() -> Cell:
    """Bare collector with a nucleation barrier below a protection layer, against lithium."""
    return sample_cells.half()


@pytest.fixture(scope="session")
def porous_cell() -> Cell:
    """As the half cell, with lithium sites inside the layer as well."""
    return sample_cells.porous()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real measurements."""
    folder = os.environ.get("JAXCELL_DATA")
    if not folder:
        pytest.skip("JAXCELL_DATA is not set: it names the folder with real measurements")
    return Path(folder)
