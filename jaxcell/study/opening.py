"""Which kind of study a file is."""

import os

from jaxcell.study.capacities import CapacityStudy, CapacityStudyFile
from jaxcell.study.design_schema import DesignFile
from jaxcell.study.design_study import DesignStudy
from jaxcell.study.folders import study_folder
from jaxcell.study.joint_schema import JointStudyFile
from jaxcell.study.joint_study import JointStudy
from jaxcell.study.messages import StudyError, checked
from jaxcell.study.protocol_schema import ProtocolStudyFile
from jaxcell.study.protocol_study import ProtocolStudy
from jaxcell.study.study import Study, load_study, read_tables, study_name


def open_study(path: str | os.PathLike[str]) -> Study | CapacityStudy | ProtocolStudy | JointStudy | DesignStudy:
    """Read and check a study file of any kind: [[measurement]] are several at once, [capacities] is about capacities
    per cycle, [protocol] about steps that end by themselves, [objective] about a design.

    Raises:
        StudyError: as `load_study`.
    """
    source, place, tables = read_tables(path)
    name = study_name(place)
    if "objective" in tables:
        content = checked(DesignFile, tables, source)
        return DesignStudy(name, source, study_folder(place, content.study), content)
    if "measurement" in tables:
        content = checked(JointStudyFile, tables, source)
        return JointStudy.of(name, source, study_folder(place, content.study), content)
    if "spectrum" in tables:
        raise StudyError(
            f"{source}: a table [spectrum] belongs to a [[measurement]] with kind = 'spectrum', of which a study may "
            "have one or several."
        )
    if "capacities" in tables:
        content = checked(CapacityStudyFile, tables, source)
        return CapacityStudy(name, source, study_folder(place, content.study), content)
    if "protocol" in tables:
        content = checked(ProtocolStudyFile, tables, source)
        return ProtocolStudy(name, source, study_folder(place, content.study), content)
    return load_study(path)
