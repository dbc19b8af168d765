"""The Apptainer bench: commands of an ordinary user, each in a container of its own that has Apptainer."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

IMAGE = "dlcctr-bench:apptainer"
CHECKOUT = Path(__file__).resolve().parents[2]
_AS_USER = Path(__file__).with_name("as_user.sh")
PRIVILEGES = (
    *("--cap-add", "SYS_ADMIN"),
    *("--security-opt", "seccomp=unconfined"),
    *("--security-opt", "apparmor=unconfined"),
    *("--security-opt", "systempaths=unconfined"),
    *("--device", "/dev/fuse"),
)
"""What user namespaces and squashfuse need inside a container; the user itself has no capability."""


@dataclass(frozen=True)
class ApptainerBench:
    """Runs commands where Apptainer is; the folder `shared` has the same name inside and outside.

    Parameters
    ----------
    shared : Path
        Belongs to the ordinary user; also the default working folder.
    uid : int
        The ordinary user: whoever runs the tests, or nobody in particular where that is root.
    """

    shared: Path
    uid: int

    def run_as_user(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        binds: Sequence[str | Path] = (),
        cwd: Path | None = None,
        network: str = "none",
        timeout_s: float = 900,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command; stdout and stderr are kept apart, nothing is raised for an exit code.

        Parameters
        ----------
        binds : sequence
            What else of this machine the container sees: a path (read-only, same name), or Docker's FROM:TO[:ro].
        """
        with tempfile.TemporaryDirectory() as private:
            id_file = Path(private) / "id"
            command = ["docker", "run", "--rm", "--init", "--interactive", f"--cidfile={id_file}", *PRIVILEGES]
            command += ["--network", network, "--workdir", str(cwd or self.shared)]
            command += ["--volume", f"{_AS_USER}:/as_user.sh:ro", "--volume", f"{self.shared}:{self.shared}"]
            for bind in binds:
                command += ["--volume", str(bind) if ":" in str(bind) else f"{bind}:{bind}:ro"]
            for name, value in (env or {}).items():
                command += ["--env", f"{name}={value}"]
            command += [IMAGE, "sh", "/as_user.sh", str(self.uid), *map(str, argv)]
            try:
                return subprocess.run(
                    command,
                    text=True,
                    errors="replace",
                    capture_output=True,
                    input=stdin or "",
                    timeout=timeout_s,
                    check=False,
                )
            except BaseException:
                # the client is gone, its container is not
                if id_file.is_file():
                    subprocess.run(["docker", "kill", id_file.read_text()], capture_output=True, check=False)
                raise

    def dlcctr(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        binds: Sequence[str | Path] = (),
        **options: object,
    ) -> subprocess.CompletedProcess[str]:
        """Run this checkout's `dlcctr` where Apptainer is, with the bench's own Python."""
        return self.run_as_user(
            ["python3", "-m", "dlcctr", *argv],
            env={"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
            binds=[CHECKOUT, *binds],
            **options,  # type: ignore[arg-type]
        )


def start_bench(shared: Path) -> ApptainerBench:
    """Build the bench's image where it is missing, and give the shared folder to the ordinary user."""
    subprocess.run(["sh", str(Path(__file__).with_name("build.sh"))], check=True)
    uid = os.getuid() or 12345
    shared.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        os.chown(shared, uid, uid)
    return ApptainerBench(shared, uid)
