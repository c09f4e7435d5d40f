#!/usr/bin/env bash
# The command: exit codes, and stdout that holds only the result. Usage: cli_test.sh DUNLIN SOURCE
set -uo pipefail
dunlin=$1
cd "$2"
model=tests/data/models/fairy-4m-q4_k_m.gguf
failures=0

expect_exit() {  # code, command...
  local expected=$1
  shift
  "$dunlin" "$@" >/dev/null 2>/tmp/cli_test_err.$$ </dev/null
  local actual=$?
  [ "$actual" -eq "$expected" ] || { echo "exit $actual, expected $expected: $*"; failures=$((failures + 1)); }
  [ "$expected" -eq 0 ] || [ -s /tmp/cli_test_err.$$ ] || { echo "no message: $*"; failures=$((failures + 1)); }
}
expect_error() {  # pattern, command...
  local pattern=$1
  shift
  local said
  said=$("$dunlin" "$@" 2>&1 >/dev/null </dev/null)
  grep -qE -- "$pattern" <<<"$said" ||
    { echo "stderr lacks '$pattern': $*"; failures=$((failures + 1)); }
}
expect_output() {  # pattern, command...
  local pattern=$1
  shift
  local output
  output=$("$dunlin" "$@" 2>/dev/null </dev/null)
  grep -qE -- "$pattern" <<<"$output" ||
    { echo "stdout lacks '$pattern': $*"; failures=$((failures + 1)); }
}

expect_exit 0 version
expect_exit 0 devices
expect_exit 2 no-such-command
expect_exit 2 run --no-such-flag
expect_exit 2 run --top-p 7
expect_exit 2 run -n -5
expect_exit 4 run -m no-such-file.gguf -p x
expect_exit 4 run -m README.md -p x
expect_exit 3 run -c 4 -p "a prompt of more than four tokens, surely"
expect_error 'raise the context \(-c\)' run -c 4 -p "a prompt of more than four tokens, surely"
expect_error '^dunlin: -c is -7, expected' run -c -7 -p x
expect_error 'a GPU \(-ngl\), and --require-gpu wants' run --require-gpu -ngl 2 -p x
expect_exit 1 run --device cuda:9
expect_exit 2 run -ngl some -p x
expect_exit 2 run -ngl -1 -p x
expect_exit 2 run -ngl 2 --device cpu -p x
expect_exit 2 run --require-gpu --device cpu -p x
expect_exit 2 run --require-gpu -ngl 2 -p x
expect_exit 2 verify -ngl 2 -p x
expect_exit 2 verify --require-gpu -p x
expect_exit 0 run -ngl 0 -n 4 -p x
expect_exit 0 bench -ngl auto -p 0 -n 2 -r 1
if "$dunlin" devices -o json | grep -q '"kind": "gpu"'; then
  expect_exit 0 run --require-gpu -n 4 -p x
  expect_exit 0 run -ngl 2 -n 4 -p x
  expect_output 'part on cuda:0' inspect --graph -ngl 2
  expect_output '"device": "cpu:[a-z0-9_]*[+]cuda:0"' bench -ngl 2 -p 16 -n 4 -r 1 -o json
else
  echo "no GPU here: only that --require-gpu fails is tested"
  expect_exit 3 run --require-gpu -p x
fi
expect_exit 2 run --kv-type fp16 -p x
expect_exit 0 run --kv-type q8_0 -n 4 -p x
expect_exit 2 ppl -f no-such-text
expect_output '^Once upon a time there was' run -n 8 --temp 0
expect_output '^Once upon a time there was' run --kv-type q8 -n 8 --temp 0
expect_output '^Once upon a time there was' run --kv-type fp8 -n 8 --temp 0
expect_output '"id": "cpu:generic"' devices -o json
expect_output '^\[3054,585,261\]' tokenize -p "Once upon a" -o json
expect_output 'linear_glu' inspect --graph
expect_output '"architecture": "qwen2"' inspect -o json
expect_output 'first divergence: none' verify -p "Once upon a time"
expect_output '"n_windows": 2' ppl -f tests/data/text/tales-valid.txt --windows 2 -o json
expect_output '"sequences_equal_alone": 2' bench -p 16 -n 4 -b 2 -r 1 -o json
expect_output '"same_as_decode": true' bench -p 16 -n 0 -r 1 -o json
expect_output '"same_tokens": true' profile -p 16 -n 4 -r 1 -d 10 -o json
expect_output '"right": true' bench --ops add,0.5b -r 1 -o json
expect_output 'linear qwen2.5-0.5b output Q8_0 \| 8 .* yes \|' bench --ops 0.5b,output,Q8_0 -r 1
expect_exit 1 bench --ops no-such-op
expect_exit 2 bench --ops add -o csv
expect_output 'sum of phases .* sum against step' profile -p 16 -n 0 -r 1
[ "$("$dunlin" run -n 8 --temp 0 -q 2>&1 >/dev/null | wc -c)" -eq 0 ] || { echo "-q is not quiet"; failures=$((failures + 1)); }
a=$("$dunlin" run -m $model -p "The king" -n 16 --seed 7 -q --device cpu)
b=$("$dunlin" run -m $model -p "The king" -n 16 --seed 7 -q --device cpu)
[ "$a" = "$b" ] || { echo "the same seed gave two texts"; failures=$((failures + 1)); }
folder=$(mktemp -d)
cp $model "$folder/model.gguf"
cached() { "$dunlin" run -m "$folder/model.gguf" -p "The king" -n 16 --seed 7 --device cpu --pack-cache 2>"$folder/said"; }
for round in first second; do
  [ "$(cached)" = "$a" ] || { echo "another text with a pack cache, $round start"; failures=$((failures + 1)); }
  [ "$(ls "$folder")" = "$(printf 'model.gguf\nmodel.gguf.dunlin-p16\nsaid')" ] ||
    { echo "unexpected files on the $round start: $(ls "$folder")"; failures=$((failures + 1)); }
done
grep -q "^pack cache: $folder/model.gguf.dunlin-p16" "$folder/said" ||
  { echo "the second start did not take the pack cache"; failures=$((failures + 1)); }
rm -rf "$folder" /tmp/cli_test_err.$$
echo "cli: $failures failures"
[ "$failures" -eq 0 ]
