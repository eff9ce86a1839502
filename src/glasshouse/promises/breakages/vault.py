"""Breakages of sealing and of the data map: SEC-08, PRI-02."""

from collections.abc import Iterator
from contextlib import contextmanager

from glasshouse.promises.breakage import Breakage, Code, Database, Environment, Place, planted


@contextmanager
def _open_crop_file(place: Place) -> Iterator[None]:
    with planted(place.data / "crops" / "raw" / "sealed" / "stray.bin", b"21.5"):
        yield


BREAKAGES = (
    Breakage(
        "SEC-08",
        "uploaded files are stored unsealed, too",
        Code(
            "glasshouse/vault/blobs.py",
            "        partial.rename(path)\n",
            '        partial.rename(path)\n        path.with_suffix(".copy").write_bytes(b"".join(read(blob, key_owner)))\n',
            ("web", "worker"),
        ),
    ),
    Breakage(
        "SEC-08",
        "an upload that is being received lies unsealed",
        Code(
            "glasshouse/vault/spool.py",
            "self._cipher.encrypt(_nonce(len(self._blocks)), block, None)",
            "block + bytes(16)",
            ("web",),
        ),
    ),
    Breakage(
        "SEC-08",
        "values are written to a log before they are sealed",
        Code(
            "glasshouse/vault/fields.py",
            "        return api.seal(self.encode(value), place=self.place(model_instance))\n",
            '        with (api.settings.DATA_FOLDER / "logs" / "values.log").open("ab") as file:\n'
            "            file.write(self.encode(value))\n"
            "        return api.seal(self.encode(value), place=self.place(model_instance))\n",
            ("web",),
        ),
        also=("PRI-19", "PRI-24"),
    ),
    Breakage(
        "SEC-08",
        "the crop plane's log holds readings unsealed",
        Code(
            "crops/wal.py",
            "        _put(file, length + _check_sum(self._segment, number, length) + sealed)\n",
            "        _put(file, length + _check_sum(self._segment, number, length) + sealed)\n"
            '        (self.folder / "copy").open("ab").write(record)\n',
            ("crops",),
        ),
    ),
    Breakage("SEC-08", "a file of the crop store is not encrypted", Environment(_open_crop_file)),
    Breakage(
        "PRI-02",
        "a column is stored that nobody classified",
        Database(
            "ALTER TABLE accounts_person ADD COLUMN nickname text", "ALTER TABLE accounts_person DROP COLUMN nickname"
        ),
    ),
    Breakage(
        "PRI-02",
        "a table stands in another schema",
        Database("CREATE SCHEMA broken; CREATE TABLE broken.contacts (address text)", "DROP SCHEMA broken CASCADE"),
    ),
    Breakage(
        "PRI-02",
        "a materialised view copies addresses",
        Database(
            "CREATE MATERIALIZED VIEW addresses AS SELECT address FROM accounts_person",
            "DROP MATERIALIZED VIEW addresses",
        ),
    ),
    Breakage(
        "PRI-02",
        "the name of a person is classified as technical",
        Code(
            "glasshouse/vault/datamap.py",
            "    return Entry(\n        Class.PERSONAL,\n        category,\n",
            '    return Entry(\n        Class.TECHNICAL if category == "user.name" else Class.PERSONAL,\n        category,\n',
            ("web",),
        ),
    ),
    Breakage(
        "PRI-02",
        "a column of the crop store is not classified",
        Code("crop_contract/columns.py", '        "tags": "crop",\n', "", ("crops",)),
    ),
)
