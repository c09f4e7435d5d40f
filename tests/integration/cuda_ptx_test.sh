#!/usr/bin/env bash
# The PTX of the oldest architecture, compiled by the driver for this machine's GPU, as on a card that the build has no
# machine code for: launches must follow the code that runs, not the card. Usage: cuda_ptx_test.sh DUNLIN SOURCE
set -uo pipefail
dunlin=$1
cd "$2"
if ! "$dunlin" devices -o json | grep -q '"cuda:0"'; then
  echo "skipped: this machine has no cuda:0"
  exit 77
fi
export CUDA_FORCE_PTX_JIT=1
output=$("$dunlin" run --device cuda:0 -n 8 --temp 0)
grep -q '^Once upon a time there was' <<<"$output" || { echo "another tale: $output"; exit 1; }
verified=$("$dunlin" verify --device cuda:0 -p "Once upon a time")
grep -q 'first divergence: none' <<<"$verified" || { echo "$verified"; exit 1; }
