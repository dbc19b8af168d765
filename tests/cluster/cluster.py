"""A real Slurm cluster in containers of this machine: a login node, two compute nodes, an ordinary user, Apptainer."""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.cluster import engine
from tests.cluster.config import ACCOUNT, NODES
from tests.cluster.containers import LOGIN, Containers

USER = "student"
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
_LIVE = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD"}


class Cluster(Containers):
    """One cluster; a context manager that starts it and removes all of it."""

    @property
    def account(self) -> str:
        """Account that the user may charge."""
        return ACCOUNT

    @property
    def address(self) -> str:
        """Address of the login node's sshd; only this machine reaches it."""
        return self.addresses[LOGIN]

    @property
    def ssh_key(self) -> Path:
        """Private key that opens the user's account on the login node."""
        return self.home / ".ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """File with the login node's host key, under its name and its address."""
        return self.home / ".ssh" / "known_hosts"

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, timeout_s: float = 90) -> None:
        """Build the image where it is missing, start everything, and return when both nodes are idle."""
        try:
            self.start_containers()
            self.wait_for(self._formed, timeout_s, "both nodes to be idle")
        except BaseException:
            self.stop()
            raise

    def user_command(self, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> list[str]:
        """Give what root runs in a container to have a command run by the user, in the environment of a plain login."""
        login = {"HOME": str(self.home), "USER": USER, "LOGNAME": USER, "SHELL": "/bin/bash", "PATH": _PATH}
        words = [f"{name}={value}" for name, value in {**login, "LANG": "C.UTF-8", **(env or {})}.items()]
        as_user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--inh-caps=-all"]
        return [*as_user, "env", "-i", *words, *map(str, argv)]

    def run_as_user(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout_s: float = 120,
        host: str = LOGIN,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command as the ordinary user with the environment of a plain login; no exit code raises.

        Code 124 says that the command was stopped after `timeout_s`.
        """
        inside = self.user_command(argv, env)
        return self.execute(host, inside, cwd or self.scratch, stdin, timeout_s)

    def dlcctr(self, argv: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run this checkout's `dlcctr` on the login node, with the Python there; options as of `run_as_user`."""
        return self.run_as_user(["dlcctr", *argv], **options)

    def run_as_root(
        self, argv: Sequence[str | Path], *, host: str = LOGIN, timeout_s: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one command as the administrator."""
        done = self.execute(host, list(map(str, argv)), Path("/"), None, timeout_s)
        if check and done.returncode != 0:
            raise RuntimeError(f"{shlex.join(map(str, argv))} on {host}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def sbatch(self, script: str, *options: str, cwd: Path | None = None) -> str:
        """Submit a script's text as the user; gives the job's id."""
        done = self.run_as_user(["sbatch", "--parsable", *options], stdin=f"#!/bin/bash\n{script}\n", cwd=cwd)
        if done.returncode != 0:
            raise RuntimeError(f"sbatch: {done.stderr}")
        return done.stdout.strip().partition(";")[0]

    def kill_node(self, node: str) -> None:
        """Cut a node's power: all of its processes are gone at once."""
        engine.docker("kill", self.containers[node])

    def start_node(self, node: str) -> None:
        """Switch a killed node on again; it comes back by itself, with the address that it had."""
        engine.docker("start", self.containers[node])

    def restart_controller(self) -> None:
        """End slurmctld and wait until its successor answers."""
        before = self._pid("slurmctld")
        # not SIGKILL: one that has not yet saved its associations' usage leaves a successor that refuses to start
        self.run_as_root(["kill", before])
        self.wait_for(lambda: self._pid("slurmctld") != before and self.answers(), 30, "the new controller")
        self.wait_for(self._knows_nodes, 30, "the new controller to hear of its nodes")

    def stop_accounting(self) -> None:
        """Take slurmdbd down: `sacct` fails until `start_accounting`."""
        self.run_as_root(["touch", "/run/bench/slurmdbd.off"])
        self.run_as_root(["kill", self._pid("slurmdbd")])
        self.wait_for(lambda: not self._accounting_answers(), 20, "slurmdbd to end")

    def start_accounting(self) -> None:
        """Bring slurmdbd back and wait until it answers."""
        self.run_as_root(["rm", "-f", "/run/bench/slurmdbd.off"])
        self.wait_for(self._accounting_answers, 30, "slurmdbd")

    def drain(self, node: str, reason: str = "test") -> None:
        """Let no new job start on a node."""
        self.run_as_root(["scontrol", "update", f"NodeName={node}", "State=DRAIN", f"Reason={reason}"])

    def resume(self, node: str) -> None:
        """Let jobs start there again."""
        self.run_as_root(["scontrol", "update", f"NodeName={node}", "State=RESUME"])

    def states(self) -> dict[str, str]:
        """State of every job and array task by its id (``12_3``), from accounting where it runs, else the queue."""
        if self.settings.accounting:
            argv = ["sacct", "-X", "--noheader", "--parsable2", "--array", "--allusers", "--format=JobID,State"]
        else:
            argv = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T"]
        done = self.run_as_root([*argv])
        pairs = (line.split("|") for line in done.stdout.splitlines() if "|" in line)
        return {job: state.split(" ")[0] for job, state in pairs}

    def wait_for_end(self, job: str, timeout_s: float = 120) -> str:
        """Wait until one job or array task has left the queue, and give the state in which it ended."""
        ended: list[str] = []

        def look() -> bool:
            queued = ["squeue", "--noheader", "--array", f"--states={','.join(sorted(_LIVE))}", "--format=%i"]
            if job in self.run_as_root(queued).stdout.split():
                return False
            ended[:] = [self.states().get(job, "PENDING")]
            return ended[0] not in _LIVE

        self.wait_for(look, timeout_s, f"the end of job {job}")
        return ended[0]

    def wait_until_idle(self, timeout_s: float = 120) -> dict[str, str]:
        """Wait until no job is pending or running, and give all states."""
        queue = ["squeue", "--noheader", "--format=%i"]
        self.wait_for(lambda: not self.run_as_root(queue).stdout.strip(), timeout_s, "an empty queue")
        self.wait_for(lambda: not _LIVE & set(self.states().values()), 20, "the accounting to know all ends")
        return self.states()

    def wait_for(self, predicate: Callable[[], object], timeout_s: float, what: str = "") -> None:
        """Ask again and again until a thing is true; raises TimeoutError with what the daemons last said."""
        end = time.monotonic() + timeout_s
        while not predicate():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {timeout_s:.0f} s for {what or predicate}\n{self.logs()}")
            time.sleep(0.3)

    def logs(self, lines: int = 15) -> str:
        """Last lines of every daemon's log, and of what the containers print."""
        text = []
        for host, container in self.containers.items():
            shown = subprocess.run(
                ["docker", "logs", "--tail", str(lines), container], capture_output=True, text=True, check=False
            )
            tail = self.execute(
                host, ["sh", "-c", f"tail -n {lines} /var/log/bench/slurm*.log"], Path("/"), None, 20
            ).stdout
            text.append(f"--- {host}\n{shown.stdout}{shown.stderr}{tail}")
        return "\n".join(text)

    def _pid(self, daemon: str) -> str:
        return self.run_as_root(["cat", f"/run/bench/{daemon}.pid"]).stdout.strip()

    def answers(self) -> bool:
        """Whether the controller does."""
        done = self.run_as_root(["scontrol", "ping"], check=False)
        return re.search(r"\bUP\b", done.stdout) is not None

    def _knows_nodes(self) -> bool:
        done = self.run_as_root(["sinfo", "--noheader", "--Node", "--format=%T"], check=False)
        return done.returncode == 0 and "unk" not in done.stdout

    def _accounting_answers(self) -> bool:
        return self.run_as_root(["sacctmgr", "--noheader", "list", "cluster"], check=False).returncode == 0

    def _formed(self) -> bool:
        done = self.run_as_root(["sinfo", "--noheader", "--Node", "--partition=gpu", "--format=%T"], check=False)
        return done.stdout.split() == ["idle"] * len(NODES)

    def configure(self, **options: str) -> None:
        """Set lines of slurm.conf on the running cluster."""
        self.settings = dataclasses.replace(self.settings, extra={**self.settings.extra, **options})
        self.write_configuration()
        self.run_as_root(["scontrol", "reconfigure"])
        self.wait_for(self.answers, 30, "the controller")
