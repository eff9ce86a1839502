"""The tables of the crop store as its engine answers for them: rows put in, rows deleted, questions."""

import json
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from crops import schema

if TYPE_CHECKING:
    from chdb.session import Session

MOST_LISTED = 1_000  # series that one question names in its text


class Tables:
    """The open engine. Safe to call from many threads."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._inserting, self._asking = threading.Lock(), threading.Lock()

    def put(self, table: str, rows: pa.Table, into: str = "", select: str = "") -> None:
        names = into or ", ".join(rows.column_names)
        # chDB looks for a variable of this name in the frames around the call, so no other variable may have it.
        table_for_chdb = rows
        sql = f"INSERT INTO crop.{table} ({names}) SELECT {select or names} FROM Python(table_for_chdb)"
        with self._inserting:
            self._session.query(sql)
        del table_for_chdb

    def delete(self, sql: str) -> None:
        with self._inserting:
            self._session.query(sql)

    def rows(self, sql: str, numbers: list[int] | None = None) -> list[dict[str, Any]]:
        """Result rows of a query that this program wrote. It holds no text from outside, only numbers.

        numbers: of series, as many as you like; they replace schema.SERIES_NUMBERS in the query.
        """
        text = self._query(sql, "JSONEachRow", numbers).decode()
        return [json.loads(line) for line in text.splitlines()]

    def table(self, sql: str, numbers: list[int] | None = None) -> pa.Table:
        """The same as columns, for results of many rows."""
        body = self._query(f"{sql} SETTINGS output_format_arrow_compression_method = 'none'", "ArrowStream", numbers)
        return pa.ipc.open_stream(body).read_all() if body else pa.table({})

    def _query(self, sql: str, output_format: str, numbers: list[int] | None) -> bytes:
        if numbers is None or len(numbers) <= MOST_LISTED:
            listed = ",".join(str(int(number)) for number in numbers or ()) or "0"
            return bytes(self._session.query(sql.replace(schema.SERIES_NUMBERS, listed), output_format).bytes())
        # The engine refuses a long list as text. It finds this table by the variable's name; see _put.
        numbers_for_chdb = pa.table({"series": pa.array(numbers, pa.uint32())})
        with self._asking:
            whole_sql = sql.replace(schema.SERIES_NUMBERS, "SELECT series FROM Python(numbers_for_chdb)")
            answer = bytes(self._session.query(whole_sql, output_format).bytes())
        del numbers_for_chdb
        return answer
