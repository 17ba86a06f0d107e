"""An export as files: CSV and XLSX for people, Parquet (with its columns' real types) for tools that count; each written as it is read."""

import csv
import datetime as dt
import io
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from bpmn.errors import N_, Invalid
from engine.evidence.out import Export, head, rows
from engine.evidence.pieces import Pieces
from engine.evidence.xes import xes_of
from engine.people_import import RISKY
from engine.word import clean

LINES = 500  # of CSV, given at once
MOST_LINES = 1_048_575  # of an Excel sheet, under its header
GROUP = 20_000  # lines in a row group of Parquet: what is held at once
MOMENTS = {"mulai", "diambil", "selesai", "jatuh_tempo"}
FLAGS = {"dipindahkan", "dengan_tangan", "diperpanjang", "dalam_mutu_baku"}
NUMBERS = {"versi", "keputusan", "tidak", "giliran", "perpanjangan", "detik_kerja", "detik_ulang", "detik_menunggu", "detik_mengerjakan"}
TEXTS = {"nomor", "judul"}  # each mostly its own; every other text is one of few


def pieces(out: Export, form: str, what: str) -> Iterator[bytes]:
    """A CSV, a Parquet file or an XES, as it is read."""
    return xes_of(out) if form == "xes" else parquet_of(out, what) if form == "parquet" else csv_of(out, what)


def write(file: BinaryIO, out: Export, form: str, what: str) -> None:
    """Write an export into a file."""
    if form == "xlsx":
        xlsx_to(file, out, what)
    else:
        file.writelines(pieces(out, form, what))


# CSV ------------------------------------------------------------------------------------------------------------------

def csv_of(out: Export, what: str) -> Iterator[bytes]:
    """UTF-8 with a header line, times in ISO 8601 in the office's zone; no cell is a formula."""
    buffer = io.StringIO()
    buffer.write("\ufeff")  # by which Excel knows UTF-8
    writer = csv.writer(buffer)
    writer.writerow(head(what))
    for number, row in enumerate(rows(out, what), 1):
        writer.writerow([text(value, out.zone) for value in row])
        if number % LINES == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def text(value: Any, zone: dt.tzinfo) -> Any:
    """Return a value as a cell of CSV."""
    if isinstance(value, dt.datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value


# XLSX -----------------------------------------------------------------------------------------------------------------

def xlsx_to(file: BinaryIO, out: Export, what: str) -> None:
    """A sheet with a header line; times in the office's zone, as dates that Excel counts with. Invalid beyond what a sheet holds."""
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet("berkas" if what == "cases" else "langkah")
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, len(head(what)) - 1, 18)
    sheet.write_row(0, 0, head(what), book.add_format({"bold": True}))
    try:
        for number, row in enumerate(rows(out, what), 1):
            if number > MOST_LINES:
                raise Invalid(N_("Selembar Excel memuat paling banyak %(most)d baris. Persempit masanya, atau ambil sebagai CSV."),
                              most=MOST_LINES, field="form")
            for column, value in enumerate(row):
                _cell(sheet, number, column, value, out.zone, moment)
    finally:
        book.close()


def _cell(sheet: Any, row: int, column: int, value: Any, zone: ZoneInfo, moment: Any) -> None:
    if isinstance(value, dt.datetime):
        sheet.write_datetime(row, column, value.astimezone(zone).replace(tzinfo=None, microsecond=0), moment)
    elif isinstance(value, bool):
        sheet.write_string(row, column, "ya" if value else "tidak")
    elif isinstance(value, int):
        sheet.write_number(row, column, value)
    elif value:
        sheet.write_string(row, column, clean(value)[:32_767])  # the longest text that a cell holds


# Parquet --------------------------------------------------------------------------------------------------------------

def parquet_of(out: Export, what: str) -> Iterator[bytes]:
    """Times with the office's zone, numbers, truth values, dictionaries of texts; what is not there is null. In row groups of GROUP lines.

    Source: https://arrow.apache.org/docs/python/generated/pyarrow.parquet.ParquetWriter.html; it writes from the beginning to the end.
    """
    schema = pa.schema([(name, _type(name, out.zone)) for name in head(what)])
    file, lines = Pieces(), rows(out, what)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(lines, GROUP)):
            columns = [pa.array([None if value == "" else value for value in column], field.type)
                       for column, field in zip(zip(*group, strict=True), schema, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            yield file.take()
    yield file.take()


def _type(name: str, zone: ZoneInfo) -> pa.DataType:
    if name in MOMENTS:
        return pa.timestamp("ms", zone.key)
    if name in FLAGS:
        return pa.bool_()
    if name in NUMBERS:
        return pa.int64()
    return pa.string() if name in TEXTS else pa.dictionary(pa.int32(), pa.string())
