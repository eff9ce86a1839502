"""A search of a folder's files for texts, in each form in which a check looks for them."""

from pathlib import Path

from glasshouse.promises import evidence


def holding(folder: Path, texts: list[str]) -> list[str]:
    """Names of the files below a folder whose raw bytes hold one of the texts. Raises OSError."""
    needles, names = evidence.needles_of(texts), []
    for path in evidence.files(folder):
        try:
            if evidence.whether_holds(path, needles):
                names.append(str(path.relative_to(folder)))
        except FileNotFoundError:  # The store merged it away meanwhile.
            continue
    return names
