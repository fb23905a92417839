"""Design: which numbers of a cell serve best, and which measurement to make next."""

from .augmented import AugmentedLagrangian as AugmentedLagrangian
from .augmented import AugmentedResult as AugmentedResult
from .augmented import augmented_lagrangian as augmented_lagrangian
from .case import DESIGN_SETTINGS as DESIGN_SETTINGS
from .case import DesignCase as DesignCase
from .case import LayerRecipe as LayerRecipe
from .design import Design as Design
from .design import Limit as Limit
from .design import Objective as Objective
from .design import Uncertain as Uncertain
from .optimum import Optimum as Optimum
from .optimum import optimise as optimise
from .pareto import ParetoFront as ParetoFront
from .pareto import pareto_front as pareto_front
from .programme import DesignError as DesignError
from .quantities import case_quantities as case_quantities
from .quantities import cycle_life as cycle_life
from .quantities import quantity_units as quantity_units
