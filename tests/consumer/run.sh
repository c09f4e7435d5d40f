#!/usr/bin/env bash
# Installs the build into a folder of its own, then builds and runs the consumers against it: find_package shared and
# static, C99, pkg-config. subdirectory.sh is about add_subdirectory.
# Usage: run.sh SOURCE BUILD MODEL
set -euo pipefail
source=$1 build=$2 model=$3
work=$build/consumer
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$work/install" >/dev/null
cmake -S "$source/tests/consumer/find_package" -B "$work/find_package" -G Ninja -DCMAKE_PREFIX_PATH="$work/install" >/dev/null
cmake --build "$work/find_package" >/dev/null
for app in app_shared app_static app_c; do "$work/find_package/$app" "$model"; done
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/install" -name dunlin.pc)")
read -ra flags <<<"$(pkg-config --define-variable=prefix="$work/install" --cflags --libs dunlin)"
cc -std=c99 -pedantic-errors -Wall -Werror "$source/tests/consumer/c99/main.c" "${flags[@]}" -o "$work/app_pc"
LD_LIBRARY_PATH=$(dirname "$(find "$work/install" -name libdunlin.so)") "$work/app_pc" "$model"
# That it configures is seen here; subdirectory.sh builds and runs it.
cmake -S "$source/tests/consumer/subdirectory" -B "$work/subdirectory" -G Ninja -DDUNLIN_SOURCE="$source" \
  -DDUNLIN_CUDA=OFF >/dev/null
echo "consumers built and run: find_package shared, static and C99, pkg-config; add_subdirectory configures"
