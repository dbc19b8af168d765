"""One class per exit code. Every error says what failed and what to do next."""

from __future__ import annotations

from dlcctr.contract import ExitCode


class DlcctrError(Exception):
    """Base of all expected errors.

    Parameters
    ----------
    message : str
        What failed, with the file and the line where there is one.
    hint : str, optional
        What to do next, as a sentence or a command.
    """

    exit_code = ExitCode.BUG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DlcctrError):
    exit_code = ExitCode.USAGE


class ManifestError(DlcctrError):
    exit_code = ExitCode.MANIFEST


class VideoError(DlcctrError):
    exit_code = ExitCode.VIDEO


class ModelError(DlcctrError):
    exit_code = ExitCode.MODEL


class GpuError(DlcctrError):
    exit_code = ExitCode.GPU


class AnalysisError(DlcctrError):
    exit_code = ExitCode.ANALYSIS


class OutputError(DlcctrError):
    exit_code = ExitCode.OUTPUT


class ToolMissingError(DlcctrError):
    exit_code = ExitCode.TOOL_MISSING


class CommandFailedError(DlcctrError):
    exit_code = ExitCode.COMMAND_FAILED


class ContractError(DlcctrError):
    exit_code = ExitCode.CONTRACT


class TryAgainError(DlcctrError):
    """Stopped by a signal or by the machine; nothing is wrong with the row."""

    exit_code = ExitCode.TRY_AGAIN


BY_CODE: dict[ExitCode, type[DlcctrError]] = {cls.exit_code: cls for cls in DlcctrError.__subclasses__()}
