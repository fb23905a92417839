"""From a cell to states and equations: the only place that assembles physical laws.

Protected electrode, x inward from the collector, I > 0 plating it, u = phi_ion - phi_electron, S = 1/kappa + 1/sigma:

    kappa d(phi_i)/dx = J_i,  sigma d(phi_e)/dx = J_e,  J_i + J_e = I      =>   du/dx = J_i S - I/sigma

Finite volumes: between neighbouring points J_i = (u_right - u_left + I dx/sigma)/(S dx).  Half a cell, the bottom
resistance and the collector contact lie between the bottom site and the first point; half a cell, the
layer|separator resistance and the top resistance between the last point and the top site, because

    J_i(L) = (u_s - u(L))/R_sl   and   I_ion - J_i(L) = (u_s - u_t)/R_t

give J_i(L) (R_sl + R_t) = u_t + R_t I_ion - u(L).  So bottom site, points and top site are one chain of nodes, each
with a plating law, losses and a double layer, and each edge carries a flux that is affine in I.  A film (R || C) in an
edge adds its voltage w as a state: R C dw/dt = R J - w, one with an exponent those of a row of such elements.
Interphases and voids add delta/sigma_ion + R_c to the resistance next to their site.

The chain runs through the cell: the working electrode from its bottom, the separator, the counter electrode to its
bottom.  The counter electrode's own x points the other way and its current is -I; with J counted to the left throughout
both signs cancel and every edge has the same law.  In the separator J = I_ion, the cell's current less what leaks
through as electrons, I_ion = I - I_short.  Cell voltage, and what drives a short between the separator's faces:

    E = u_first - u_last + sum over edges of (R_ion J + w_film + w_salt) + I_ion R_separator,
    I_short = g(q) (E - sum over edges of R_e (I - J)).

A salt (layer, separator or both) has a concentration at every node, and w_salt = (2/f) (1 - t+) (1 + dln y/dln c)
ln(c_right/c_left) in every edge, which du/dx gains as well; see `jaxcell.model.salt`.

The state counts lithium from the start of the run, so that short pulses on a thick foil lose no digits.  Where there
are losses, the charge that a node takes from the ions is counted apart from where the lithium goes, so that the
ledger's rows can fail to add up to it.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcell.model.loss_coefficients import CONTACT, DEAD, DROP, INTERPHASE, LIVE, STORED, TRAPPED, LossCoefficients
from jaxcell.model.node_laws import CHARGE, IN_PORES, READS, SURFACE, enthalpy_released, node_rates, site_resistance
from jaxcell.model.salt import Passage, exchange_factor, passage
from jaxcell.model.scales import node_origin, node_scale, node_tolerance
from jaxcell.model.surrounded import Surrounded
from jaxcell.model.tables import (
    COUNTER,
    PARTICLE,
    PORE,
    WORKING,
    Coefficients,
    EdgeCoefficients,
    NodeCoefficients,
)
from jaxcell.physics.constant_phase import Ladder
from jaxcell.physics.heat import heating
from jaxcell.physics.soft_short import short_conductance
from jaxcell.solver.system import (
    Capacities,
    ChainSystem,
    EdgeLaw,
    Particles,
    Rows,
    Site,
    State,
    beyond,
    inner_face,
    neighbours,
    right_neighbour,
    stacked,
)
from jaxcell.units import FARADAY, Edges, NodeMask, Nodes, Scalar

SHORT, HEAT = "short", "temperature"
"""States of the whole cell: I_short [A m-2] and T - T(start) [K]."""
_SHORT_SCALE, _HEAT_SCALE = 1.0, 10.0
"""Changes that matter to the laws [A m-2, K]."""


class ChainModel(ChainSystem):
    """A cell as a chain of plating sites; build it with `jaxcell.model.assemble`.

    Node states, `rows`: lithium gained since the start, in each form [mol m-2 of cell area], -ln(share of contact) [1],
    voltage across the interphase inside a layer [V].
    Edge states: voltages of the elements of series films and of top branches' films [V], where there are any; one a
    film, or with an exponent those of its `film_ladder`.
    """

    coefficients: Coefficients
    """At the temperature of the start."""
    surrounded: Surrounded | None
    """None at constant temperature, and once settled at one."""
    faces: Nodes
    """One at the nodes that face the separator and can plate: the roots of shorts."""
    kinds: tuple[int, ...] = eqx.field(static=True)
    """BOTTOM, PORE, TOP, FACE, BETWEEN or PARTICLE of each node."""
    sides: tuple[int, ...] = eqx.field(static=True)
    """WORKING, SEPARATOR or COUNTER for each node."""
    forms: tuple[frozenset[str], ...] = eqx.field(static=True)
    """Of each node, the rows that can change there."""
    series_films: int = eqx.field(static=True)
    branch_films: int = eqx.field(static=True)
    marcus: bool = eqx.field(static=True)
    """See `Structure`."""

    @property
    def nodes(self) -> NodeCoefficients:
        return self.coefficients.nodes

    @property
    def edges(self) -> EdgeCoefficients:
        return self.coefficients.edges

    @property
    def f(self) -> Scalar:
        """F/RT [V-1]."""
        return self.coefficients.f

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses that the cell has."""
        numbers = self.coefficients.losses._asdict()
        order = (INTERPHASE, STORED, TRAPPED, CONTACT, DEAD)
        return tuple(name for name in order if numbers[name] is not None)

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the node states: first those that laws read."""
        drop = (DROP,) if any(DROP in forms for forms in self.forms) else ()
        surface = () if self.coefficients.particles is None else (SURFACE,)
        return (LIVE, *surface, *self.losses, *drop, *((CHARGE,) if self.losses else ()))

    @property
    def particles(self) -> Particles:
        own, count = self.coefficients.particles, len(self.kinds)
        start = self.kinds.index(PARTICLE) if PARTICLE in self.kinds else 0
        surface = self.rows.index(SURFACE) if SURFACE in self.rows else -1
        weights = () if own is None or own.linear is None else own.linear.modes.weights
        return Particles(start, start + self.kinds.count(PARTICLE), count, surface, weights)

    @property
    def shared_rows(self) -> tuple[str, ...]:
        """Names of the states of the whole cell."""
        short = () if self.coefficients.short is None else (SHORT,)
        return short if self.coefficients.heat is None else (*short, HEAT)

    @property
    def node_reads(self) -> tuple[tuple[int, ...], ...]:
        places = {name: i for i, name in enumerate(self.rows)}
        pores = any(LIVE in held and kind == PORE for held, kind in zip(self.forms, self.kinds, strict=True))
        reads = {row: READS[row] + (IN_PORES if pores and LIVE in READS[row] else ()) for row in self.rows}
        return tuple(tuple(places[name] for name in dict.fromkeys(reads[row]) if name in places) for row in self.rows)

    @property
    def edge_reads(self) -> tuple[int, ...]:
        return tuple(i for i, name in enumerate(self.rows) if name in (INTERPHASE, CONTACT))

    @property
    def edges_apart(self) -> bool:
        """True of bare electrodes: all that flows is the cell's current."""
        return self.sides.count(WORKING) == self.sides.count(COUNTER) == 1

    @property
    def capacities(self) -> Capacities:
        n, e = self.nodes, self.edges
        series, branch = e.film_resistance * e.film_capacitance, e.branch_resistance * e.branch_capacitance
        counted = CHARGE if self.losses else LIVE
        charged = jnp.asarray([FARADAY if name == counted else 0.0 for name in self.rows])
        here, particles = self._holds_particles, self.coefficients.particles
        heat = [] if self.coefficients.heat is None else [self.coefficients.heat.heat_capacity]
        whole = [jnp.asarray(0.0)] * (len(self.shared_rows) - len(heat)) + heat
        salt = self.coefficients.salt
        return Capacities(
            n.capacitance,
            stacked(() if salt is None else (salt.nodes.capacity,), n.area),
            jnp.stack([1.0 - (here if name == SURFACE else jnp.full_like(n.area, name == DROP)) for name in self.rows]),
            charged[:, None] * jnp.ones_like(n.area)[None],
            self._no_shells if particles is None else particles.capacities,
            jnp.concatenate([self._ladders[0].ratio * series[None], self._ladders[1].ratio * branch[None]]),
            jnp.stack(whole) if whole else jnp.zeros(0),
        )

    @property
    def _no_shells(self) -> Float[Array, "shells points"]:
        own = self.coefficients.particles
        return jnp.zeros((0, 0)) if own is None else own.empty

    @property
    def _holds_particles(self) -> Nodes:
        """One at a cathode's particles, zero elsewhere."""
        return jnp.asarray([float(kind == PARTICLE) for kind in self.kinds])

    @property
    def _ladders(self) -> tuple[Ladder, Ladder]:
        return self.coefficients.ladders

    def film_voltages(self, states: Rows) -> tuple[Edges | float, Edges | float]:
        """Of the films in the edges and of top sites, from the edge states [V]."""
        return sum(states[: self.series_films], start=0.0), sum(states[self.series_films :], start=0.0)

    @property
    def salt_origin(self) -> Float[Array, "salts nodes"]:
        salt = self.coefficients.salt
        return stacked(() if salt is None else (salt.nodes.start,), self.nodes.area)

    @property
    def kinetic(self) -> NodeMask:
        hosts = [
            host for host in (self.coefficients.losses.stored, self.coefficients.losses.trapped) if host is not None
        ]
        start = self.nodes.area + self._holds_particles
        return sum((host.exchange_current_density for host in hosts), start=start) > 0.0

    @property
    def node_scale(self) -> Float[Array, "k nodes"]:
        return node_scale(self.coefficients, self.rows, self._holds_particles)

    @property
    def node_tolerance(self) -> Float[Array, "k nodes"]:
        return node_tolerance(self.coefficients, self.rows, self._holds_particles)

    @property
    def node_origin(self) -> Float[Array, "k nodes"]:
        return node_origin(self.coefficients, self.rows, self._holds_particles)

    @property
    def shared_scale(self) -> Float[Array, " s"]:
        return jnp.asarray([_SHORT_SCALE if name == SHORT else _HEAT_SCALE for name in self.shared_rows])

    @property
    def shared_limit(self) -> Float[Array, " s"]:
        endless, heat = jnp.asarray(jnp.inf), self.coefficients.heat
        if heat is None or self.surrounded is None:
            return jnp.full(len(self.shared_rows), endless)
        rise = heat.highest_temperature - self.surrounded.cell.temperature
        return jnp.stack([rise if name == HEAT else endless for name in self.shared_rows])

    @property
    def initial_state(self) -> State:
        """At rest: electrodes at their initial potential, films without voltage, no lithium gained."""
        node = jnp.zeros((len(self.rows), len(self.kinds)))
        films = jnp.zeros((self.series_films + self.branch_films, len(self.kinds)))
        salt = jnp.zeros_like(self.salt_origin)
        return State(self.nodes.initial_field, salt, node, self._no_shells, films, jnp.zeros(len(self.shared_rows)))

    def settled(self, shared: Float[Array, " s"]) -> "ChainModel":
        if self.surrounded is None:
            return self
        return eqx.tree_at(lambda m: (m.coefficients, m.surrounded), self, (self.surrounded.at(shared[-1]), None))

    def node(self, fields: Rows, states: Rows, outermost: Nodes) -> Rows:
        rates = self._node_rates(fields, states, outermost)
        return tuple(rates[name] for name in self.rows)

    def _node_rates(self, fields: Rows, states: Rows, outermost: Nodes) -> dict[str, Nodes]:
        c, own = self.coefficients, self.particles
        named = dict(zip(self.rows, states, strict=True))
        exchange = None if c.salt is None else exchange_factor(c.salt, fields[1])
        if c.particles is None:
            return node_rates(c, fields[0], named, exchange, marcus=self.marcus)
        # Lithium plates only before the cathode.
        parts = (c.nodes, c.losses, fields[0], named, exchange)
        nodes, losses, *before = jax.tree.map(lambda row: row[: own.start], parts)
        rates = node_rates(c._replace(nodes=nodes, losses=losses), *before, marcus=self.marcus)
        rates = {name: jnp.pad(row, (0, own.nodes - own.start)) for name, row in rates.items()}
        surface, salt = own.at(named[SURFACE]), 1.0 if exchange is None else own.at(exchange)
        into = c.particles.current(own.at(fields[0]), surface, salt, self.f)
        taken = own.along(into)
        (flux,) = c.particles.flux(own.at(outermost)[None], surface[None])
        if DROP in named:
            # Nothing there, and a row of its own all the same.
            rates[DROP] = rates[DROP] - jnp.where(jnp.arange(own.nodes) < own.start, 0.0, named[DROP])
        return rates | {
            LIVE: rates[LIVE] + taken,
            CHARGE: rates[CHARGE] + taken,
            SURFACE: own.along(into / c.particles.sites - flux),
        }

    def particle(
        self, inside: Float[Array, "shells points"], outside: Float[Array, "shells points"]
    ) -> Float[Array, "shells points"]:
        own = self.coefficients.particles
        if own is None:
            return inside
        return own.flux(inside, outside) if own.linear is None else own.relaxation(inside, outside)

    def edge(self, left: Site, right: Site, states: Rows, current: Scalar, shared: Float[Array, " s"]) -> EdgeLaw:
        e = self.edges
        ions = self.ionic_current(current, shared)
        resistance, top = e.resistance, e.top_resistance
        if self.edge_reads:
            losses = self.coefficients.losses
            before = self._site_resistance(left.states, losses)
            after = self._site_resistance(right.states, jax.tree.map(right_neighbour, losses))
            at_top = e.top_left * before + e.top_right * after
            resistance = resistance + e.bottom_left * before + e.bottom_right * after + at_top
            top = top + at_top
        push = right.fields[0] - left.fields[0] + e.electronic_resistance * current + top * ions
        if states:
            series, branch = self.film_voltages(states)
            push = push - series + branch
        salt = self.passage_of(left, right)
        if salt is not None:
            resistance, push = resistance + salt.resistance, push - salt.potential
        flux = e.through * ions if self.edges_apart else e.open / resistance * push + e.through * ions
        anions = () if salt is None else (salt.diffusion - salt.drag * flux,)
        parts = zip(self._ladders, (e.film_resistance * flux, e.branch_resistance * (ions - flux)), strict=True)
        rest = [share * whole for ladder, whole in parts for share in ladder.share]
        return EdgeLaw((flux, *anions), tuple(end - now for end, now in zip(rest, states, strict=True)))

    def passage_of(self, left: Site, right: Site) -> Passage | None:
        salt = self.coefficients.salt
        return None if salt is None else passage(salt, left.fields[1], right.fields[1])

    def whole(self, state: State, current: Scalar) -> Float[Array, " s"]:
        return self.whole_at(state, current, self.voltage(state, current)) if self.shared_rows else state.shared

    def whole_at(self, state: State, current: Scalar, voltage: Scalar) -> Float[Array, " s"]:
        """S ds/dt of a settled system between whose ends lies this voltage [V]."""
        c = self.coefficients
        rates: list[Scalar] = []
        if c.short is not None:
            grown = short_conductance(
                state.node[0], conductance=c.short.conductance, half_capacity=c.short.half_capacity
            )
            # Between the electronic potentials at the separator's faces.
            across = voltage - self._electronic_drop(state, current)
            rates.append(jnp.sum(self.faces * grown) * across - state.shared[0])
        if c.heat is not None:
            own = self.particles
            rates_at = self._node_rates(state.fields, tuple(state.node), own.outermost(state.particle))
            released = enthalpy_released(c, rates_at, state.node[0])
            if c.particles is not None:
                diffusion = self.particle(state.particle, beyond(self, state))
                released = released + c.particles.enthalpy_released(state.particle, diffusion - inner_face(diffusion))
            rates.append(heating(voltage * current, released, c.heat.heat_transfer, state.shared[-1]))
        return jnp.stack(rates)

    def ionic_current(self, current: Scalar, shared: Float[Array, " s"]) -> Scalar:
        """What of the cell's current ions carry through the separator [A m-2]."""
        return current if self.coefficients.short is None else current - shared[0]

    def _site_resistance(self, states: Rows, losses: LossCoefficients) -> Nodes:
        return site_resistance(losses, dict(zip(self.rows, states, strict=True)))

    def voltage(self, state: State, current: Scalar) -> Scalar:
        own = self.settled(state.shared)
        left, right = neighbours(state)
        flux = own.edge(left, right, tuple(state.edge), current, state.shared).flux[0]
        e, resistance = own.edges, own.edges.ionic_resistance
        if self.edge_reads:
            site = own.site_resistance(state)
            resistance = resistance + e.bottom_left * site + e.bottom_right * right_neighbour(site)
        salt = own.passage_of(left, right)
        if salt is not None:
            resistance = resistance + salt.resistance
        drop = resistance * flux
        if self.series_films:
            drop = drop + jnp.sum(state.edge[: self.series_films], axis=0)
        if salt is not None:
            drop = drop + salt.potential
        ions = self.ionic_current(current, state.shared)
        return state.field[0] - state.field[-1] + jnp.sum(drop) + ions * own.coefficients.separator_resistance

    def salt_concentration(self, state: State) -> Nodes:
        """c [mol m-3] at the nodes; without meaning where there is no salt."""
        salt = self.coefficients.salt
        if salt is None:
            raise ValueError(
                "salt_concentration needs a cell with a BinarySalt in its separator, a layer or its cathode."
            )
        return salt.nodes.start + state.salt[0]

    def _electronic_drop(self, state: State, current: Scalar) -> Scalar:
        """What electrons lose in both layers of a settled system [V]."""
        flux = self.edge(*neighbours(state), tuple(state.edge), current, state.shared).flux[0]
        return jnp.sum(self.edges.electronic_resistance * (current - flux))

    def site_resistance(self, state: State) -> Nodes:
        """Resistance of interphase and voids at each site [Ohm m2]."""
        return self._site_resistance(tuple(state.node), self.settled(state.shared).coefficients.losses)

    def lithium(self, state: State) -> Nodes:
        """Live lithium of each site [mol m-2]."""
        return self.nodes.initial_lithium + state.node[0]

    def on(self, side: int) -> np.ndarray:
        """Which nodes belong to a side: a mask of booleans."""
        return np.array([own == side for own in self.sides])

    def members(self, side: int, kind: int, form: str | None = None) -> np.ndarray:
        """Which nodes are a side's bottom, pores or top (and can hold lithium in this form): a mask of booleans."""
        places = zip(self.sides, self.kinds, self.forms, strict=True)
        return np.array([(s, k) == (side, kind) and (form is None or form in held) for s, k, held in places])
