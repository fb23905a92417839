"""Small problems with known answers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxcell.inference import FunctionProblem, LevenbergMarquardt, LogNormal, Normal, Parameter, ParameterSet

SOLVER = LevenbergMarquardt(gradient_tolerance=1e-10, step_tolerance=1e-12, cost_tolerance=1e-14, max_steps=200)
TIMES = np.linspace(0.0, 3.0, 60)


class Layer(eqx.Module):
    conductivity: jax.Array
    thickness: jax.Array
    profile: jax.Array
    nodes: int
    label: str = eqx.field(static=True)


class Working(eqx.Module):
    layer: Layer
    films: tuple[jax.Array, jax.Array]


class Toy(eqx.Module):
    """A nested module like a cell: working.layer.conductivity, working.films[0], temperature."""

    working: Working
    temperature: jax.Array


def number(value):
    return jnp.asarray(value, dtype=jnp.float64)


def toy_cell():
    layer = Layer(number(5e-3), number(5e-6), jnp.ones(3), 7, "polymer")
    return Toy(Working(layer, (number(1.0), number(2.0))), number(298.15))


def decay_parameters(amplitude=(0.1, 10.0), rate=(0.05, 20.0), prior=None):
    return ParameterSet(
        [
            Parameter("amplitude", "amplitude", "V", amplitude, "log", prior, initial=0.5 * sum(amplitude)),
            Parameter("rate", "rate", "1/s", rate, "log", prior, initial=rate[0] * 1.5),
        ]
    )


def decay_rows(values, data):
    model = values["amplitude"] * jnp.exp(-values["rate"] * data["t"])
    return (model - data["y"]) / data["sd"]


def decay_problem(noise, sd=0.02, truth=(2.0, 1.5), parameters=None, **kwargs):
    """y = A exp(-k t) + noise at TIMES."""
    clean = truth[0] * np.exp(-truth[1] * TIMES)
    data = {"t": TIMES, "y": clean + noise, "sd": np.asarray(sd)}
    return FunctionProblem(parameters or decay_parameters(), decay_rows, data, **kwargs)


def white(seed, sd=0.02, size=TIMES.size):
    return sd * np.random.default_rng(seed).normal(size=size)


def sum_rows(values, data):
    return ((values["layer"] + values["interface"]) * data["i"] - data["v"]) / data["sd"]


def sum_combinations(values, data):
    return {
        "total": values["layer"] + values["interface"],
        "ratio": values["layer"] / values["interface"],
    }


def sum_problem(layer=1.0, interface=2.0, sd=0.01, starts=(1.0, 1.0), seed=3):
    """v = (R1 + R2) i: only the sum is seen. Lognormal priors over a factor of ten either way."""
    current = np.linspace(0.1, 1.0, 50)
    data = {"i": current, "v": (layer + interface) * current + white(seed, sd, 50), "sd": np.asarray(sd)}
    parameters = ParameterSet(
        [
            Parameter("layer", "r1", "ohm", (1e-4, 1e4), "log", LogNormal((0.1, 10.0)), initial=starts[0]),
            Parameter("interface", "r2", "ohm", (1e-4, 1e4), "log", LogNormal((0.1, 10.0)), initial=starts[1]),
        ]
    )
    units = {"total": "ohm", "ratio": "1"}
    scale = jnp.full((50,), sd)
    return FunctionProblem(
        parameters, sum_rows, data, combine=sum_combinations, units=units, data_scale=scale, data_unit="V"
    )


def pulse_rows(values, data):
    fast = values["interface"] * (1.0 - jnp.exp(-data["t"] / (values["interface"] * values["capacitance"])))
    return (values["layer"] + fast - data["v"]) / data["sd"]


def pulse_problem(times, sd=0.01, seed=5):
    """Unit current pulse into R1 + (R2 parallel C): separable only when sampled below R2 C = 0.1 s."""
    clean = 1.0 + 2.0 * (1.0 - np.exp(-times / 0.1))
    data = {"t": times, "v": clean + white(seed, sd, times.size), "sd": np.asarray(sd)}
    parameters = ParameterSet(
        [
            Parameter("layer", "r1", "ohm", (1e-3, 1e3), "log", LogNormal((0.1, 10.0)), initial=0.4),
            Parameter("interface", "r2", "ohm", (1e-3, 1e3), "log", LogNormal((0.1, 10.0)), initial=5.0),
            Parameter("capacitance", "c", "F", (1e-4, 10.0), "log", LogNormal((0.005, 0.5)), initial=0.02),
        ]
    )
    return FunctionProblem(parameters, pulse_rows, data)


def linear_rows(values, data):
    return data["A"] @ jnp.stack([values["a"], values["b"], values["c"]]) - data["y"]


def linear_problem(prior_sd=1e3, seed=0, rows=40):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, 3))
    data = {"A": A, "y": A @ np.array([1.0, -2.0, 0.5]) + rng.normal(size=rows)}
    parameters = [Parameter(n, n, "1", (-50.0, 50.0), "linear", Normal(0.0, prior_sd), initial=0.0) for n in "abc"]
    return FunctionProblem(ParameterSet(parameters), linear_rows, data)


def rosenbrock_rows(values, data):
    return jnp.stack([10.0 * (values["y"] - values["x"] ** 2), 1.0 - values["x"]])


def rosenbrock_problem(x_bounds=(-3.0, 3.0), y_bounds=(-3.0, 3.0), start=(-1.2, 1.0)):
    parameters = ParameterSet(
        [
            Parameter("x", "x", "1", x_bounds, "linear", initial=start[0]),
            Parameter("y", "y", "1", y_bounds, "linear", initial=start[1]),
        ]
    )
    return FunctionProblem(parameters, rosenbrock_rows)
