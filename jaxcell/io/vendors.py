"""Enough about other programs' files to say in one sentence what they are."""

import io
import zipfile

_BINARY = (
    (b"NEWARE", "a Neware binary file (.nda)"),
    (b"\x00\x01\x00\x00Standard Jet DB", "an Arbin database (.res, Microsoft Access)"),
    (b"\x00\x01\x00\x00Standard ACE DB", "a Microsoft Access database"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"CDF", "a NetCDF file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
)

# Any of the phrases in the first lines, in lower case; the first hit wins.
_TEXT = (
    (("name=versastudio",), "a VersaStudio file (.par)"),
    (("today's date", "today''s date", "tester\tmaccor"), "a Maccor export"),
    (("program duration#", "step duration#"), "a Digatron export"),
    (("chg. cap.(ah)", "total time(s),voltage(v)", "record id,", "dpt,"), "a Neware export"),
    (("tc_counter1", "data point,date time,test time (s)", "data_point,test_time(s)"), "an Arbin export"),
    (("test_time_s,voltage_v,current_a", "channel_index,cycle_index,step_index"), "a Landt export"),
)

_SUFFIXES = {
    ".nda": "a Neware binary file (.nda)",
    ".ndax": "a Neware binary file (.ndax)",
    ".res": "an Arbin database (.res)",
    ".xlsx": "an Excel workbook (.xlsx)",
    ".mps": "an EC-Lab settings file (.mps), which holds no data",
}


def zip_members(data: bytes) -> list[str] | None:
    """Names of the files in a zip archive, or None if the bytes are not one."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [info.filename for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile:
        return None


def describe_foreign(name: str, data: bytes) -> str | None:
    """What a file that no reader takes looks like, in words; None if it is nothing known.

    Args:
        name: name of the file; its suffix decides only when the contents do not.
        data: its first bytes, or all of a zip archive.
    """
    if data.startswith(b"PK\x03\x04"):
        return _describe_zip(data)
    for magic, what in _BINARY:
        if data.startswith(magic):
            return what
    head = data[:4000].decode("latin-1").replace("\r", "").lower()
    for phrases, what in _TEXT:
        if any(phrase in head for phrase in phrases):
            return what
    return next((what for suffix, what in _SUFFIXES.items() if name.lower().endswith(suffix)), None)


def _describe_zip(data: bytes) -> str:
    members = zip_members(data)
    if members is None:
        return "a damaged zip archive"
    if "[Content_Types].xml" in members:
        return "an Excel workbook (.xlsx), as Arbin, Neware and Landt write it"
    if any(member.lower().endswith(".ndc") for member in members):
        return "a Neware binary file (.ndax)"
    if any(member.lower().endswith(".nda") for member in members):
        return "a zip archive with a Neware binary file (.nda)"
    return f"a zip archive of {len(members)} files"
