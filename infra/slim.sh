#!/bin/sh -e
# slim.sh VENV: remove from installed packages the files that no request needs: tests, headers, type stubs, and
# the developer tools inside onnxruntime (quantisation, graph changes), which need packages that are not installed.
packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cd "$packages"
find . -type d \( -name tests -o -name include \) -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) -delete
rm -rf onnxruntime/quantization onnxruntime/tools onnxruntime/transformers onnxruntime/datasets onnxruntime/backend
