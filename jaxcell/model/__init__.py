"""The cell's equations."""

from jaxcell.model.assembly import assemble as assemble
from jaxcell.model.chain import ChainModel as ChainModel
from jaxcell.model.loss_coefficients import CONTACT as CONTACT
from jaxcell.model.loss_coefficients import DEAD as DEAD
from jaxcell.model.loss_coefficients import INTERPHASE as INTERPHASE
from jaxcell.model.loss_coefficients import LIVE as LIVE
from jaxcell.model.loss_coefficients import STORED as STORED
from jaxcell.model.loss_coefficients import TRAPPED as TRAPPED
from jaxcell.model.tables import BETWEEN as BETWEEN
from jaxcell.model.tables import BOTTOM as BOTTOM
from jaxcell.model.tables import COUNTER as COUNTER
from jaxcell.model.tables import PORE as PORE
from jaxcell.model.tables import SEPARATOR as SEPARATOR
from jaxcell.model.tables import TOP as TOP
from jaxcell.model.tables import WORKING as WORKING
