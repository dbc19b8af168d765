"""What a person types, from the wheel to checked results, and what is told about it on the page."""

from __future__ import annotations

import re
import time

from tests import media
from tests.transcript.page import Page
from tests.transcript.terminal import Terminal
from tests.transcript.world import HOST, LATE, World

LONG_S = 900.0
PACE = "--fps 4 --tasks 3"


def tell(page: Page, world: World) -> None:
    """The whole way."""
    page.say(
        "# The whole way, as seen on a terminal",
        "<!-- Made by `python -m tests.transcript`; do not edit. -->",
        "Every picture is what a real terminal of 80 columns (120 where said) showed while these commands were\n"
        "typed, made by `python -m tests.transcript` in a checkout. The cluster is a real Slurm in containers: a\n"
        "login node with sshd, two compute nodes, an ordinary user. Its GPUs are no GPUs, so the analysis runs on\n"
        "the CPU; the model is a small one with random weights, so its tracks mean nothing. Names of folders and\n"
        "hosts are replaced.",
    )
    terminal = world.terminal()
    try:
        prepare(page, terminal)
        submit(page, terminal)
        watch(page, world, terminal)
        run_out_of_time(page, world, terminal)
        bring_home(page, terminal)
        sif_alone(page, world, terminal)
    finally:
        terminal.close()
    run_here(page, world)


def prepare(page: Page, terminal: Terminal) -> None:
    page.say("## Install, list the videos, send them", "On the lab's machine, in an empty virtual environment:")
    terminal.run("python3 -m venv env && . env/bin/activate")
    terminal.clear()
    terminal.run("pip install --quiet dlcctr-*.whl")
    terminal.run("dlcctr --version")
    terminal.run("dlcctr manifest videos -o m.csv --model mouse-project")
    page.show(terminal, "manifest", "dlcctr is installed from a wheel; dlcctr manifest lists five videos")
    page.say("`dlcctr push` sends videos, model and image to the login node, over ssh:")
    terminal.clear()
    terminal.type(f"dlcctr push m.csv {HOST}:mice --image dlc.sif --bwlimit 60")
    terminal.wait_for(r"[2-9][0-9]%", 60)
    page.show(terminal, "push-bar", "dlcctr push with its bar")
    terminal.finish(LONG_S)
    page.show(terminal, "push", "dlcctr push has sent all files and verified them")


def submit(page: Page, terminal: Terminal) -> None:
    page.say(
        "## Submit, and a canary that fails",
        "Once for each cluster: a site profile, made from what Slurm says there.",
    )
    terminal.clear()
    terminal.type(f"ssh -qt {HOST} dlcctr site init")
    terminal.wait_for(r"Which partition\?", 60)
    terminal.key("Enter")
    terminal.finish(60)
    page.show(terminal, "site", "dlcctr site init asks which partition to use, and writes a profile")
    page.say(
        "Commands about jobs are typed on the lab's machine and run on the login node. With `--canary` one\n"
        "video goes first, alone:"
    )
    terminal.clear()
    terminal.run(f"dlcctr submit m.csv --canary {PACE}")
    page.show(terminal, "submit", "dlcctr submit says which jobs it sent and what they ask for")
    wait_for_status(terminal, r"canary, row \d+, failed")
    page.say("The canary fails, and Slurm cancels all that waited for it. `dlcctr status` says why, and what to type:")
    page.show(
        terminal, "canary-failed", "dlcctr status: the canary failed because no GPU can be used; the rest was cancelled"
    )
    page.say(
        "These nodes have no GPU that works. On a real cluster one would look into that; here the CPU is allowed.\n"
        "`dlcctr resubmit` says what it would do and asks:"
    )
    terminal.clear()
    terminal.type("dlcctr resubmit m.csv --allow-cpu")
    terminal.wait_for(r"\[Y/n\]", 120)
    terminal.type("y")
    terminal.finish(120)
    page.show(terminal, "resubmit", "dlcctr resubmit shows what is asked for beside the last time, and submits")


def watch(page: Page, world: World, terminal: Terminal) -> None:
    page.say(
        "## Watch",
        "`dlcctr status m.csv --watch` draws what runs, until Ctrl-C. First the canary, and all others wait:",
    )
    terminal.clear()
    terminal.type("dlcctr status m.csv --watch --interval 3")
    wait_while_drawing(terminal, r"row.*\n.*━.*%")
    page.show(terminal, "watch-canary", "status --watch: the canary runs, the other tasks wait for it")
    page.say("Then the tasks that waited:")
    wait_while_drawing(terminal, r"[23] tasks running[^\0]*━.*%[^\0]*━.*%")
    page.show(terminal, "watch", "status --watch: tasks with the running row, a bar, frames/s and the time left")
    wide = world.terminal(120)
    try:
        wide.run(". env/bin/activate")
        wide.clear()
        wide.type("dlcctr status m.csv --watch --interval 3")
        wait_while_drawing(wide, r"tasks? running[^\0]*━.*%")
        page.say("The same on a terminal of 120 columns:")
        page.show(wide, "watch-wide", "status --watch on a terminal of 120 columns")
        wide.key("C-c")
        wide.finish(60)
    finally:
        wide.close()
    wait_while_drawing(terminal, r"5 rows: 5 done")
    terminal.key("C-c")
    terminal.finish(30)
    page.say("Ctrl-C leaves the last state on the screen:")
    page.show(terminal, "watched", "status after Ctrl-C: all five rows are done")


def run_out_of_time(page: Page, world: World, terminal: Terminal) -> None:
    name, frames = LATE
    media.write_video(world.lab / "videos" / name, frames, first=1000)
    page.say("## A time-out", "A long video is added later, and its task is given too little time:")
    terminal.clear()
    terminal.run(f"dlcctr manifest videos/{name} -o m.csv --append")
    terminal.run("dlcctr push m.csv")
    terminal.run("dlcctr submit m.csv --allow-cpu --time 1")
    page.show(terminal, "late", "one more video: manifest --append, push, submit with a time limit of one minute")
    wait_for_status(terminal, r"(?s)failed +1.*timeout|failed +1.*time limit")
    page.say("The time was too short. What was analysed until then is kept; `dlcctr resubmit` asks for twice the time:")
    page.show(terminal, "timeout", "dlcctr status: row 5 reached its time limit")
    terminal.clear()
    terminal.run("dlcctr resubmit m.csv --yes")
    while "6 done" not in terminal.run("dlcctr status m.csv --wait --interval 5", LONG_S):
        terminal.run("dlcctr resubmit m.csv --yes --again")
    page.show(terminal, "again", "dlcctr resubmit doubles the time limit; dlcctr status --wait waits for the end")
    page.say("`dlcctr logs` shows what the row wrote into its log:")
    terminal.clear()
    terminal.run("dlcctr logs m.csv 5 --lines 8")
    page.show(terminal, "logs", "dlcctr logs of the row")


def bring_home(page: Page, terminal: Terminal) -> None:
    page.say("## Fetch and check")
    terminal.clear()
    terminal.run("dlcctr fetch m.csv", LONG_S)
    terminal.run("dlcctr check m.csv")
    terminal.run("ls results/*")
    page.show(terminal, "check", "dlcctr fetch takes the results, dlcctr check finds six whole rows")


def sif_alone(page: Page, world: World, terminal: Terminal) -> None:
    page.say(
        "## The SIF alone",
        "Nothing but the SIF is needed on a cluster. On the login node, in a folder with videos, a project and the\n"
        "SIF:",
    )
    world.prepare_sif_folder()
    terminal.clear()
    terminal.type(f"ssh {HOST}")
    terminal.wait(lambda: re.search(r"student@login:.*\$$", terminal.text()), 30, "the login node")
    terminal.type("PS1='\\[\\e[1;36m\\]login:\\W\\[\\e[0m\\]$ '; cd alone; clear")
    time.sleep(1)
    terminal.clear()
    terminal.run("ls")
    terminal.run("apptainer run dlc.sif manifest videos -o m.csv --model mouse-project", 120)
    options = "--partition gpu --account lab --mem-gb 3 --allow-cpu"
    terminal.run(f"apptainer run dlc.sif sbatch m.csv --fps 20 {options} > job.sh", 120)
    terminal.run("head -26 job.sh")
    page.show(terminal, "sif-script", "the SIF makes a manifest and an sbatch script")
    terminal.clear()
    terminal.run("sbatch job.sh")
    terminal.run("squeue --me | apptainer run dlc.sif status m.csv --squeue -", 120)
    page.show(terminal, "sif-status", "the script is submitted by hand; the SIF's status reads squeue's output")
    end = time.monotonic() + LONG_S
    while "2 done" not in terminal.text() and time.monotonic() < end:
        time.sleep(10)
        terminal.clear()
        terminal.run("squeue --me | apptainer run dlc.sif status m.csv --squeue -", 120)
    terminal.run("apptainer run dlc.sif check m.csv", 120)
    page.say("When it has ended:")
    page.show(terminal, "sif-check", "status and check of the SIF: all rows are whole")
    terminal.type("exit")
    time.sleep(1)


def run_here(page: Page, world: World) -> None:
    page.say(
        "## On one machine, in Docker",
        "`dlcctr run` needs no cluster. Two rows at a time, each in a container of its own:",
    )
    world.prepare_local_folder()
    terminal = world.terminal(folder="here", docker=True)
    wide = world.terminal(120, folder="here", docker=True)
    try:
        for each in (terminal, wide):
            each.run(". ../env/bin/activate")
            each.clear()
        terminal.run("dlcctr manifest ../videos -o m.csv --model ../mouse-project")
        terminal.clear()
        terminal.type(f"dlcctr run m.csv --allow-cpu --jobs 2 --rows 0-3 --runtime docker --image {world.image}")
        wait_while_drawing(terminal, r"━.*%[^\0]*━.*%")
        page.show(
            terminal, "run", "dlcctr run: a line for all rows, and for each running row a bar, frames/s and time left"
        )
        terminal.finish(LONG_S)
        page.show(terminal, "run-end", "dlcctr run has ended: four rows are done")
        wide.type(f"dlcctr run m.csv --allow-cpu --jobs 2 --runtime docker --image {world.image}")
        wait_while_drawing(wide, r"━.*%")
        page.say("The rest, on a terminal of 120 columns; rows that are finished are skipped:")
        page.show(wide, "run-wide", "dlcctr run on a terminal of 120 columns")
        wide.finish(LONG_S)
        terminal.clear()
        terminal.run("dlcctr check m.csv")
        page.show(terminal, "run-check", "dlcctr check: all rows are whole")
    finally:
        terminal.close()
        wide.close()


def wait_while_drawing(terminal: Terminal, pattern: str) -> None:
    """Wait for something in a live view."""
    terminal.wait(lambda: re.search(pattern, terminal.text()), LONG_S, pattern)


def wait_for_status(terminal: Terminal, pattern: str) -> None:
    """Ask for the status again and again, as a person does, until it says something."""
    end = time.monotonic() + LONG_S
    while True:
        terminal.clear()
        if re.search(pattern, terminal.run("dlcctr status m.csv")):
            return
        if time.monotonic() > end:
            raise TimeoutError(f"status never said {pattern}:\n{terminal.text()}")
        time.sleep(3)
