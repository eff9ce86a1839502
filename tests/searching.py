"""A search of a folder's files for texts, in each form in which a check looks for them."""

from pathlib import Path

from glasshouse.promises import raw_bytes


def holding(folder: Path, texts: list[str]) -> list[str]:
    """Names of the files below a folder whose raw bytes hold one of the texts. Raises OSError."""
    needles, names = raw_bytes.needles_of(texts), []
    for path in raw_bytes.files(folder):
        try:
            if raw_bytes.whether_holds(path, needles):
                names.append(str(path.relative_to(folder)))
        except FileNotFoundError:  # The store merged it away meanwhile.
            continue
    return names
