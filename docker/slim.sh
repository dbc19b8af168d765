#!/bin/sh
# Remove what the image never loads from the virtual environment $1, and compile the rest. Runs at build time only.
set -eu
venv=$1 site=$1/lib/python3.11/site-packages

# Test suites. PyTables imports its own at start; torch and TensorFlow keep code that they load under other names.
find "$site" -depth -type d -name tests ! -path "$site/tables/*" -exec rm -rf {} +
# Headers, static libraries, CMake files and C++ test programs: there is no compiler in the image.
rm -rf "$site"/torch/include "$site"/torch/share "$site"/torch/test "$site"/torch/bin/*test* "$site"/torch/bin/protoc*
rm -rf "$site"/tensorflow/include "$site"/numpy/core/include "$site"/numpy/_core/include
find "$site" -path '*/nvidia/*' -depth -type d -name include -exec rm -rf {} +
find "$site" -type f \( -name '*.a' -o -name '*.lib' -o -name '*.pxd' -o -name '*.c' -o -name '*.cpp' \) -delete
# OpenVINO's plugins for other devices and readers of other formats.
(
    cd "$site/dlcctr_openvino/openvino" 2>/dev/null || exit 0
    rm -rf libs/libopenvino_intel_[gn]pu_plugin.so libs/cache.json libs/libopenvino_auto*_plugin.so \
        libs/libopenvino_hetero_plugin.so libs/libopenvino_onnx_frontend.so* libs/libopenvino_paddle_frontend.so* \
        libs/libopenvino_gguf_frontend.so* libs/libopenvino_tensorflow_lite_frontend.so* libs/libopenvino_jax_frontend.so*
)

# The root is read-only in use, so Python could never keep what it compiles: ship it. unchecked-hash: valid whatever
# happens to time stamps on the way through layers and a SIF; -f: starting Python compiled some already. One file of
# torch is written for a later Python and does not compile.
find "$site" -depth -type d -name __pycache__ -exec rm -rf {} +
"$venv/bin/python" -I -m compileall -qq -f -j 0 --invalidation-mode unchecked-hash "$site" || true
find "$venv" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
