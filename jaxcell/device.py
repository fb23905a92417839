"""Where JAX computes, and where its compiled programs are kept; imports no JAX before that is chosen."""

import os
import sys
from enum import Enum
from pathlib import Path
from typing import Any


class Device(str, Enum):  # noqa: UP042  (typer shows the values)
    """Where JAX computes."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"
    tpu = "tpu"


def prepare_jax(device: Device) -> None:
    """Choose the device and the cache of compiled programs; before JAX is imported where it can be."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "jax" not in sys.modules:
        if device is Device.gpu:  # JAX takes one by itself, CUDA or ROCm, where it may
            os.environ.pop("JAX_PLATFORMS", None)
        elif device is not Device.auto:
            os.environ["JAX_PLATFORMS"] = device.value
    import jax

    if not os.environ.get("JAX_COMPILATION_CACHE_DIR") and jax.config.values.get("jax_compilation_cache_dir") is None:
        _keep_compiled(jax)
    try:
        found = jax.devices()
    except RuntimeError as error:
        raise DeviceError(_missing(device)) from error
    if device is not Device.auto and found[0].platform != device.value:
        raise DeviceError(_missing(device))


class DeviceError(ValueError):
    """The device asked for is not there."""


def _missing(device: Device) -> str:
    if device is Device.auto:
        return f"JAX finds no device for JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS', '')!r}."
    install = ' (NVIDIA: pip install "jaxcell[cuda]")' if device is Device.gpu else ""
    return f"--device {device.value}: JAX finds no such device here; install JAX for it{install} or use --device cpu."


def _keep_compiled(jax: Any) -> None:
    """Keep compiled programs in the user's cache folder, where there is one."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(root) / "jaxcell" / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
