"""The wrappers and the start-up module of the image, run on this machine's own sh and Python."""

import os
import stat
import subprocess
import sys
from pathlib import Path

DOCKER = Path(__file__).resolve().parents[3] / "docker"
BASIC = {"PATH": os.environ["PATH"]}


def environment_after(given: dict[str, str]) -> dict[str, str]:
    script = f". {DOCKER}/environment.sh && env -0"
    done = subprocess.run(["sh", "-euc", script], env=BASIC | given, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return dict(item.split("=", 1) for item in done.stdout.split("\0") if "=" in item)


def start_python(code: str, **given: str) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.append({str(DOCKER)!r}); import dlcctr_startup; {code}"]
    done = subprocess.run(command, env=BASIC | given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_host_variables_that_choose_code_are_dropped():
    left = environment_after(
        {
            "PYTHONPATH": "/host/lib",
            "PYTHONHOME": "/host",
            "PYTHONSTARTUP": "/host/start.py\nPYTHONHOME=x",
            "PYTHONUNBUFFERED": "1",
            "LD_PRELOAD": "",
            "VIRTUAL_ENV": "/host/venv",
        }
    )
    assert {name for name in left if name.startswith("PYTHON")} == {"PYTHONUNBUFFERED", "PYTHONNOUSERSITE"}
    assert not {"LD_PRELOAD", "VIRTUAL_ENV", "LD_LIBRARY_PATH"} & set(left)


def test_library_path_keeps_the_gpu_libraries_only():
    given = "/host/lib:/.singularity.d/libs::/usr/local/nvidia/lib64:/opt/intel"
    assert environment_after({"LD_LIBRARY_PATH": given})["LD_LIBRARY_PATH"] == (
        "/.singularity.d/libs:/usr/local/nvidia/lib64"
    )
    assert "LD_LIBRARY_PATH" not in environment_after({"LD_LIBRARY_PATH": "/host/lib"})
    assert "LD_LIBRARY_PATH" not in environment_after({"LD_LIBRARY_PATH": ""})


def test_module_path_of_the_host_is_forgotten(tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the host came in')")
    found = "[entry for entry in sys.path if 'host' in entry or entry == os.environ['X']]"
    code = f"import os; print({found}, 'PYTHONPATH' in os.environ)"
    assert start_python(code, PYTHONPATH=f"{tmp_path}:/host/b", X=str(tmp_path), TMPDIR=str(tmp_path)) == "[] False"


def test_caches_and_home_are_private_and_writable(tmp_path):
    code = "import os; print(os.environ['NUMBA_CACHE_DIR'], os.environ['HOME'])"
    numba, home = start_python(code, TMPDIR=str(tmp_path), HOME="/nonexistent").split()
    base = tmp_path / f"dlcctr-cache-{os.getuid()}"
    assert (numba, home) == (str(base / "numba"), str(base))
    assert stat.S_IMODE(base.stat().st_mode) == 0o700


def test_a_usable_home_and_cache_are_left_alone(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    code = "import os; print(os.environ['HF_HOME'], os.environ['HOME'])"
    assert start_python(code, TMPDIR=str(tmp_path), HOME=str(own), HF_HOME=str(own)) == f"{own} {own}"


def test_a_cache_folder_that_others_may_write_is_not_trusted(tmp_path):
    (tmp_path / f"dlcctr-cache-{os.getuid()}").mkdir()
    (tmp_path / f"dlcctr-cache-{os.getuid()}").chmod(0o777)
    code = "import os; print(os.environ['NUMBA_CACHE_DIR'])"
    assert not start_python(code, TMPDIR=str(tmp_path)).startswith(str(tmp_path))


def test_start_up_loads_nothing_heavy(tmp_path):
    code = "print(sorted({'tempfile', 'torch', 'pathlib', 'importlib.util'} & set(sys.modules)))"
    code = f"import sys; sys.path.append({str(DOCKER)!r}); import dlcctr_startup; {code}"
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env=BASIC | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
