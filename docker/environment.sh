# Sourced by the wrappers: drop the host's variables that change which code is loaded.
for name in $(env | sed -n 's/^\(PYTHON[A-Z0-9_]*\)=.*/\1/p'); do
    case $name in
        PYTHONUNBUFFERED | PYTHONHASHSEED | PYTHONFAULTHANDLER | PYTHONWARNINGS) ;;
        *) unset "$name" ;;
    esac
done
unset LD_PRELOAD LD_AUDIT VIRTUAL_ENV CONDA_PREFIX name
export PYTHONNOUSERSITE=1

# Of the library path only what the GPU runtime mounts is kept: Apptainer's --nv, and Docker's older NVIDIA runtime.
kept=
rest=${LD_LIBRARY_PATH-}:
while [ -n "$rest" ]; do
    case ${rest%%:*} in
        /.singularity.d/libs | /usr/local/nvidia/*) kept=$kept${kept:+:}${rest%%:*} ;;
    esac
    rest=${rest#*:}
done
if [ -n "$kept" ]; then export LD_LIBRARY_PATH="$kept"; else unset LD_LIBRARY_PATH; fi
unset kept rest
