"""Pickled entries that differ in numbers only: the bytes of one, with places for the others' numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SEED = 7


@dataclass(frozen=True)
class PickleForm:
    """Bytes of an entry, and where in them its key and its numbers are.

    Parameters
    ----------
    entry : ndarray, (length,), uint8
        A pickled entry.
    key_at : int
        Where its key begins.
    key_bytes : int
        Length of all keys.
    numbers_at : ndarray, (bytes of an array,)
        Place of each byte of the array in the entry.
    """

    entry: Any
    key_at: int
    key_bytes: int
    numbers_at: Any

    @classmethod
    def find(cls, pickled: Callable[[str, Any], bytes], keys: Sequence[str], arrays: Any) -> PickleForm | None:
        """The form of entries, proven on the first and the last of them; None where they have no common one.

        Parameters
        ----------
        pickled : callable
            Gives an entry's bytes, from its key and its array.
        arrays : ndarray, (n, …)
            Real numbers, an array for each entry.
        """
        import numpy

        if not keys or len({len(key.encode()) for key in keys}) != 1:
            return None
        probe = numpy.random.default_rng(SEED).random(arrays.shape[1:]).astype(arrays.dtype)
        entry, key = pickled(keys[0], probe), keys[0].encode()
        size = arrays.dtype.itemsize
        found = [entry.find(number.tobytes()) for number in probe.ravel()]
        once = all(entry.count(number.tobytes()) == 1 for number in probe.ravel())
        if not once or entry.count(key) != 1:
            return None
        places = (numpy.array(found, int).reshape(-1, 1) + numpy.arange(size)).ravel()
        form = cls(numpy.frombuffer(entry, numpy.uint8), entry.find(key), len(key), places)
        same = all(
            form.fill(keys[n : n + 1], arrays[n : n + 1]) == pickled(keys[n], arrays[n]) for n in (0, len(keys) - 1)
        )
        return form if same else None

    def fill(self, keys: Sequence[str], arrays: Any) -> bytes:
        """Entries one after the other, as `pickle` would have written each of them."""
        import numpy

        entries = numpy.tile(self.entry, (len(keys), 1))
        names = numpy.frombuffer("".join(keys).encode(), numpy.uint8)
        entries[:, self.key_at : self.key_at + self.key_bytes] = names.reshape(len(keys), -1)
        numbers = numpy.ascontiguousarray(arrays).reshape(len(keys), -1).view(numpy.uint8)
        entries[:, self.numbers_at] = numbers
        filled: bytes = entries.tobytes()
        return filled
