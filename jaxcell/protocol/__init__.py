"""What is done to a cell: steps with controls and stops, ready-made protocols, or the replay of a measured current."""

from jaxcell.protocol.controls import CRate as CRate
from jaxcell.protocol.controls import Current as Current
from jaxcell.protocol.controls import Power as Power
from jaxcell.protocol.controls import Voltage as Voltage
from jaxcell.protocol.measured import replay as replay
from jaxcell.protocol.protocol import Mode as Mode
from jaxcell.protocol.protocol import Protocol as Protocol
from jaxcell.protocol.ready import anode_free_cycling as anode_free_cycling
from jaxcell.protocol.ready import aurbach_coulombic_efficiency as aurbach_coulombic_efficiency
from jaxcell.protocol.ready import calendar_rest as calendar_rest
from jaxcell.protocol.ready import critical_current_ramp as critical_current_ramp
from jaxcell.protocol.ready import symmetric_cycling as symmetric_cycling
from jaxcell.protocol.steps import Step as Step
from jaxcell.protocol.steps import Until as Until
from jaxcell.protocol.steps import charge as charge
from jaxcell.protocol.steps import discharge as discharge
from jaxcell.protocol.steps import hold as hold
from jaxcell.protocol.steps import plate as plate
from jaxcell.protocol.steps import rest as rest
from jaxcell.protocol.steps import strip as strip
from jaxcell.protocol.text import parse_step as parse_step
