"""The bill of materials: each package that the service runs with, in CycloneDX 1.6, of the lock file and what is installed.

Names, versions, hashes and who needs what are the lock's; licences are those of the installed packages' own metadata. What a
package brings inside itself (PostgreSQL, OpenSSL, the engine of the crop store) is not taken apart.

Source: CycloneDX 1.6 (ECMA-424); package URLs (purl-spec); Core Metadata for licences.
"""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from platform import python_version
from typing import Any, NamedTuple

from glasshouse.kernel.errors import GlasshouseError

Part = dict[str, Any]
PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.+?))? \\")
HASH = re.compile(r"    --hash=sha256:(?P<hash>[0-9a-f]{64})(?: \\)?")
VIA = re.compile(r"    #(?: via)? +(?P<parent>\S.*)")
APPROVED = "License :: OSI Approved :: "
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # of URLs: RFC 9562, 6.6
STATIC = Path(__file__).parents[1] / "web" / "static"
MOST_OF_A_LICENCE = 60  # characters; where more stands in its place, that is the licence's whole text


class LockError(GlasshouseError):
    """The lock file cannot be read, or the environment is not the one that it names."""


@dataclass(slots=True)
class Pin:
    """A package that the lock names. marker: where it is installed, "" for everywhere; parents: what needs it."""

    name: str
    version: str
    marker: str
    hashes: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)


class Bundled(NamedTuple):
    """A file of somebody else's that lies among our own. version: a pattern that finds it in the file; "" where none says it."""

    file: str
    name: str
    purl: str
    licence: str
    version: str


BUNDLED = (
    Bundled("htmx.js", "htmx.org", "pkg:npm/htmx.org", "0BSD", r'version:"([\d.]+)"'),
    Bundled("uplot.js", "uplot", "pkg:npm/uplot", "MIT", r"uPlot \(v([\d.]+)\)"),
    Bundled("public-sans.woff2", "Public Sans", "", "OFL-1.1", ""),
)


def read(lock: str) -> list[Pin]:
    """The packages of a lock file as uv writes it. Raises LockError for a line that is of no known kind."""
    pins: list[Pin] = []
    for number, line in enumerate(lock.splitlines(), 1):
        if match := PIN.fullmatch(line):
            pins.append(Pin(match["name"], match["version"], match["marker"] or ""))
        elif pins and (match := HASH.fullmatch(line)):
            pins[-1].hashes.append(match["hash"])
        elif pins and (match := VIA.fullmatch(line)):
            pins[-1].parents.append(match["parent"])
        elif line and not line.startswith("#") and line.strip() != "# via":
            raise LockError(f"Line {number} of the lock file is not understood: {line[:80]}")
    if not pins or not all(pin.hashes for pin in pins):
        raise LockError(
            "The lock file names no packages, or one without its hashes. Make it anew: docs/dependencies.md."
        )
    return pins


def installed(pins: list[Pin]) -> list[Pin]:
    """Those of the lock that are installed here: of several versions of a package the one for this Python.

    Raises LockError where another version is installed, or one is missing that is needed everywhere.
    """
    here = []
    for pin in pins:
        try:
            version = distribution(pin.name).version
        except PackageNotFoundError:
            version = ""
        if version == pin.version:
            here.append(pin)
        elif not pin.marker:
            raise LockError(f"The lock file names {pin.name} {pin.version}; installed is {version or 'none'}.")
    return here


def licences_of(name: str) -> list[Part]:
    """The licences that an installed package's metadata states, in CycloneDX's form; none where it states none."""
    metadata = distribution(name).metadata
    if expressions := metadata.get_all("License-Expression"):
        return [{"expression": expressions[0]}]
    classifiers = metadata.get_all("Classifier") or []
    names = [text.removeprefix(APPROVED) for text in classifiers if text.startswith(APPROVED)]
    stated = (metadata.get_all("License") or [""])[0].strip()
    if not names and stated and len(stated) <= MOST_OF_A_LICENCE and "\n" not in stated:
        names = [stated]
    return [{"license": {"name": text}} for text in names]


def bill(lock: str, version: str, now: datetime) -> Part:
    """The bill of materials. version: of Glasshouse; now: aware UTC. Raises LockError."""
    pins = installed(read(lock))
    root = (
        f"pkg:generic/glasshouse@{version}"  # It is in no package index: another's package might have the name there.
    )
    references = {pin.name: _reference(pin) for pin in pins}
    packages, files = [_package(pin) for pin in pins], [_bundled(each) for each in BUNDLED]
    content = json.dumps([root, packages, files], sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, hashlib.sha256(content.encode()).hexdigest())}",
        "version": 1,
        "metadata": {
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "glasshouse",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
                "purl": root,
            },
            "properties": [{"name": "glasshouse:python", "value": python_version()}],
        },
        "components": packages + files,
        "dependencies": _needs(root, pins, references, files),
    }


def _reference(pin: Pin) -> str:
    return f"pkg:pypi/{re.sub(r'[-_.]+', '-', pin.name).lower()}@{pin.version}"


def _package(pin: Pin) -> Part:
    reference = _reference(pin)
    # A package has a file for each platform, and the lock a hash for each: they belong to the files, not to the package.
    files = {
        "type": "distribution",
        "url": f"https://pypi.org/project/{pin.name}/{pin.version}/#files",
        "hashes": [{"alg": "SHA-256", "content": text} for text in pin.hashes],
    }
    part = {
        "type": "library",
        "bom-ref": reference,
        "name": pin.name,
        "version": pin.version,
        "purl": reference,
        "externalReferences": [files],
    }
    licences = licences_of(pin.name)
    return part | ({"licenses": licences} if licences else {})


def _bundled(bundled: Bundled) -> Part:
    content = (STATIC / bundled.file).read_bytes()
    part: Part = {
        "type": "library",
        "bom-ref": f"bundled:{bundled.file}",
        "name": bundled.name,
        "licenses": [{"expression": bundled.licence}],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
    }
    if not bundled.version:
        return part
    match = re.search(bundled.version, content.decode())
    if match is None:
        raise LockError(f"The file {bundled.file} does not say which version it is.")
    return part | {"version": match[1], "purl": f"{bundled.purl}@{match[1]}"}


def _needs(root: str, pins: list[Pin], references: dict[str, str], files: list[Part]) -> list[Part]:
    """Who needs what, as CycloneDX tells it. A package that is not installed here needs nothing here."""
    needs: dict[str, set[str]] = {reference: set() for reference in (root, *references.values())}
    for pin in pins:
        for parent in pin.parents:
            if reference := root if parent.startswith("-r ") else references.get(parent):
                needs[reference].add(references[pin.name])
    needs[root] |= {file["bom-ref"] for file in files}
    return [{"ref": reference, "dependsOn": sorted(others)} for reference, others in sorted(needs.items())]
