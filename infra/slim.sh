#!/bin/sh -e
# slim.sh VENV: remove what no request needs from installed packages: their tests, headers and type stubs,
# and the developer's tools inside onnxruntime (quantisation, graph surgery) that need packages we don't have.
packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cd "$packages"
find . -type d \( -name tests -o -name include \) -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) -delete
rm -rf onnxruntime/quantization onnxruntime/tools onnxruntime/transformers onnxruntime/datasets onnxruntime/backend
