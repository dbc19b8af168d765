"""pyarrow, imported late: what is needed to write the tables, and how strings are kept in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlcctr.errors import ToolMissingError

COMPRESSIONS = ("zstd", "snappy", "gzip")


def import_arrow() -> Any:
    """Import pyarrow with its Parquet part, and make sure of pandas and PyTables; else `ToolMissingError`."""
    try:
        import pandas
        import pyarrow
        import pyarrow.parquet
        import tables
    except ImportError as error:
        raise ToolMissingError(
            f"collect needs pyarrow, pandas and PyTables, which cannot be imported here ({error})",
            "pip install pyarrow 'pandas<3' tables; or run it from the image: singularity run dlc.sif collect m.csv",
        ) from error
    return pyarrow if pandas and tables else None


def words_type() -> Any:
    """Type of a column with few different texts while it is written; readers of the file see texts."""
    arrow = import_arrow()
    return arrow.dictionary(arrow.int32(), arrow.string())


def words(codes: Any, names: Sequence[str]) -> Any:
    """Column of texts, each given by its place in `names`; -1 for null."""
    arrow = import_arrow()
    known = arrow.array([clean(name) for name in names], arrow.string())
    return arrow.DictionaryArray.from_arrays(arrow.array(codes, arrow.int32(), mask=codes < 0), known)


def clean(text: str) -> str:
    """Text as UTF-8 can hold it; bytes of a name that are none become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
