"""One command of the image in the foreground, in whichever runtime there is: it prints where this process prints."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import choose_rows, require_rows, row_settings
from dlcctr.contract import SCRATCH_PREFIX, ExitCode
from dlcctr.errors import CommandFailedError
from dlcctr.runtime import stopping
from dlcctr.runtime.base import Runtime
from dlcctr.runtime.choose import RuntimeOptions, pick_runtime
from dlcctr.runtime.containers.binds import Bind, plan_binds
from dlcctr.runtime.containers.campaign_binds import row_inputs
from dlcctr.runtime.rows.executor import scratch_folder
from dlcctr.system import processes
from dlcctr.system.cpus import cpu_list
from dlcctr.system.files import absolute

POLL_S = 0.1


@dataclass(frozen=True)
class ImageJob:
    """A command of the image, ready to start.

    Parameters
    ----------
    words : list of str
        Command and options, as they follow the program's name.
    gpu : str or None
        Index or UUID of its GPU; None for the CPU.
    cpus : frozenset of int or None
        CPUs to be pinned to; None where only their number is limited.
    """

    name: str
    words: list[str]
    binds: tuple[Bind, ...] = ()
    gpu: str | None = None
    cpus: frozenset[int] | None = None
    n_cpus: int = 1


def run_on_campaign(
    manifest: Path,
    words: Sequence[str],
    options: RuntimeOptions,
    *,
    rows: str = "",
    writable: Sequence[Path] = (),
    changes_results: bool = False,
    scratch: bool = False,
) -> int:
    """Run a command of the image on a campaign of this machine.

    Parameters
    ----------
    words : sequence of str
        Name of the command, arguments and options; every path in them absolute.
    rows : str
        Rows whose videos it may look at, as ``0-9,12``; all where it is empty.
    writable : sequence of Path
        Folders that it may write into; they must exist.
    changes_results : bool
        Whether the campaign's results are among them.
    scratch : bool
        Whether the command gets a folder for temporary files, as `--scratch`, which is removed at its end.

    Returns
    -------
    int
        Exit code of the command.

    Raises
    ------
    DlcctrError
        The campaign cannot be read, the runtime cannot be had, or it failed itself.
    """
    manifest = absolute(manifest)
    campaign, found = read_campaign(manifest), read_manifest(manifest)
    require_rows(found, manifest)
    chosen = choose_rows(found, rows, manifest)
    settings = [row_settings(row, campaign) for row in chosen]
    runtime = pick_runtime(campaign, options)
    inputs = {path for row, each in zip(chosen, settings, strict=True) for path in row_inputs(manifest, each, row)}
    outs = sorted({each.out for each in settings})
    with contextlib.ExitStack() as stack:
        if scratch:
            prefix = f"{SCRATCH_PREFIX}{words[0]}-"
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix, dir=scratch_folder()))
            words = [*words, "--scratch", folder]
            writable = [*writable, Path(folder)]
        binds = plan_binds([*sorted(inputs), *outs], [*writable, *(outs if changes_results else [])])
        return run_image_command(words, runtime, binds if runtime.contained else ())


def run_image_command(
    words: Sequence[str], runtime: Runtime, binds: Sequence[Bind] = (), *, gpu: str | None = None
) -> int:
    """Run a command of the image to its end, on all CPUs that this process may use.

    A first signal stops it in order, a second one (or `stopping.GRACE_S` seconds) kills it.

    Returns
    -------
    int
        Its exit code; that of an interruption where it was stopped.

    Raises
    ------
    CommandFailedError
        The runtime itself failed, or the command was killed.
    """
    _, n_cpus = cpu_list()
    job = ImageJob(f"dlcctr-{words[0]}-{secrets.token_hex(6)}", list(words), tuple(binds), gpu, n_cpus=n_cpus)
    command = runtime.command(job)
    with stopping.listen() as stop:
        process = processes.start(command.argv, env=command.env)
        try:
            code = _wait(process, stop)
        finally:
            if process.poll() is None:
                stopping.signal_group(process, signal.SIGKILL)
            if process.poll() is None or process.returncode not in set(ExitCode):
                runtime.clean(job)  # killed, or the engine itself failed: something of it may be left
            process.wait()
    if stop.count:
        return int(ExitCode.OK if code == ExitCode.OK else ExitCode.TRY_AGAIN)
    if code in set(ExitCode):
        return code
    why = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    memory = " (often too little memory)" if code in stopping.OUT_OF_MEMORY else ""
    raise CommandFailedError(
        f"{runtime.name} {why}{memory}: {words[0]}", "look at what it printed; --runtime chooses another way to run it"
    )


def _wait(process: subprocess.Popen[bytes], stop: stopping.StopRequest) -> int:
    began, signalled = 0.0, 0
    while process.poll() is None:
        if stop.count:
            began = began or time.monotonic()
            spent = time.monotonic() - began
            if stop.count > 1 or spent > stopping.GRACE_S:
                stopping.signal_group(process, signal.SIGKILL)
            elif spent >= signalled * stopping.REPEAT_S:
                signalled += 1
                stopping.signal_group(process, signal.SIGTERM)
        time.sleep(POLL_S)
    return process.returncode
