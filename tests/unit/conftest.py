"""Fixtures that several files of unit tests use."""

from tests.unit.support.analyze_case import case  # noqa: F401
