"""Study files: a fit that can be read, repeated and shared."""

from jaxcell.study.messages import StudyError as StudyError
from jaxcell.study.opening import open_study as open_study
from jaxcell.study.study import Study as Study
from jaxcell.study.study import load_study as load_study
