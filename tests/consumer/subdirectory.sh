#!/usr/bin/env bash
# Builds a program that has the project as a subdirectory, all of it from the sources, and runs it. The library is compiled
# a second time: without CUDA and unoptimized, since speed is not the question (the kernels are optimized in every build).
# Usage: subdirectory.sh SOURCE BUILD MODEL [COMPILER_LAUNCHER]
set -euo pipefail
source=$1 build=$2 model=$3 launcher=${4:-}
work=$build/consumer-subdirectory
rm -rf "$work"
cmake -S "$source/tests/consumer/subdirectory" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DDUNLIN_SOURCE="$source" -DDUNLIN_CUDA=OFF >/dev/null
cmake --build "$work" --target app >/dev/null
"$work/app" "$model"
rm -rf "$work"
echo "consumer built and run: add_subdirectory"
