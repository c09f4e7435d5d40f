#!/usr/bin/env bash
# The command: exit codes, and stdout that holds only the result. Usage: cli_test.sh DUNLIN SOURCE
set -uo pipefail
dunlin=$1
cd "$2"
model=tests/data/models/fairy-4m-q4_k_m.gguf
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "$1"; failures=$((failures + 1)); }
expect_exit() {  # code, command...
  local expected=$1
  shift
  "$dunlin" "$@" >"${stdout:-/dev/null}" 2>"$work/said" <"${stdin:-/dev/null}"
  local actual=$?
  [ "$actual" -eq "$expected" ] || fail "exit $actual, expected $expected: $*"
  [ "$expected" -eq 0 ] || [ -s "$work/said" ] || fail "no message: $*"
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
  grep -qE -- "$pattern" <<<"$output" || fail "stdout lacks '$pattern': $*"
}
within_seconds() {  # n, condition...: tries it twenty times a second
  local tries=$(($1 * 20))
  shift
  for ((; tries > 0; tries--)); do
    "$@" && return
    sleep 0.05
  done
  return 1
}
start() {  # command...: its stdin stays open; returns when Ctrl-C would reach it
  "$dunlin" "$@" <&3 >"$work/out" 2>"$work/said" &
  pid=$!
  within_seconds 20 catches_interrupt || fail "never catches SIGINT: $*"
}
catches_interrupt() {
  [ "/proc/$pid/exe" -ef "$dunlin" ] || return  # still the shell
  local caught
  caught=$(sed -n 's/^SigCgt:[[:space:]]*/0x/p' "/proc/$pid/status")
  [ $((${caught:-0} & 2)) -ne 0 ]
}
has_ended() { ! kill -0 $pid 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; }
expect_interrupted() {  # what: the command that was started ends, with 130
  within_seconds 20 has_ended || { fail "$1: still runs"; kill -KILL $pid; }
  wait $pid
  local actual=$?
  [ $actual -eq 130 ] || fail "$1: exit $actual, expected 130"
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
said=$("$dunlin" run --device cpu -t 1000 -n 4 -p x 2>&1)
grep -q 'warning: -t is 1000' <<<"$said" || fail "-t 1000: no warning"
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
[ "$("$dunlin" run -n 8 --temp 0 -q 2>&1 >/dev/null | wc -c)" -eq 0 ] || fail "-q is not quiet"
a=$("$dunlin" run -m $model -p "The king" -n 16 --seed 7 -q --device cpu)
b=$("$dunlin" run -m $model -p "The king" -n 16 --seed 7 -q --device cpu)
[ "$a" = "$b" ] || fail "the same seed gave two texts"
folder=$work/cached
mkdir "$folder"
cp $model "$folder/model.gguf"
cached() { "$dunlin" run -m "$folder/model.gguf" -p "The king" -n 16 --seed 7 --device cpu --pack-cache 2>"$work/said"; }
for round in first second; do
  [ "$(cached)" = "$a" ] || fail "another text with a pack cache, $round start"
  [ "$(ls "$folder")" = "$(printf 'model.gguf\nmodel.gguf.dunlin-p16')" ] ||
    fail "unexpected files on the $round start: $(ls "$folder")"
done
grep -q "^pack cache: $folder/model.gguf.dunlin-p16" "$work/said" || fail "the second start did not take the pack cache"

# The device alone is verified: what would change the engine is refused, not ignored.
expect_exit 2 verify --kv-type fp8 -p x
expect_exit 2 verify --no-fuse -p x
expect_exit 2 verify -t 1 -p x
expect_exit 2 verify -c 64 -p x
expect_exit 2 verify --batch-size 8 -p x
expect_exit 2 verify --pack-cache -p x

# What cannot be read or written is an error. /dev/full refuses every byte, /proc/self/mem has none to read at its begin.
stdout=/dev/full expect_exit 1 version
stdout=/dev/full expect_exit 1 tokenize -p x
stdout=/dev/full expect_exit 1 run -n 4 -p x
stdout=/dev/full expect_exit 1 inspect -o json
stdout=/dev/full expect_exit 1 ppl -f tests/data/text/tales-valid.txt --windows 1
stdout=/dev/full expect_exit 1 --help
for unreadable in docs /proc/self/mem; do
  expect_exit 2 ppl -f $unreadable
  expect_exit 2 run -n 4 -f $unreadable
  grep -q "cannot read .*$unreadable" "$work/said" || fail "run -f $unreadable: the message is $(cat "$work/said")"
done
stdin=docs expect_exit 1 tokenize
stdin=docs expect_exit 1 run -m $model -n 4
printf 'Once upon\0 a' >"$work/text"
[ "$("$dunlin" run -q -n 0 -f "$work/text" | tr '\0' '.')" = "Once upon. a" ] || fail "-f FILE lost a part of the file"

# Chat: a line of stdin is a message, a line of stdout its answer.
printf 'Tell a tale.\n\nGo on.\n/bye\nnever read\n' >"$work/messages"
chat() { "$dunlin" chat -q --device cpu -n 12 --temp 0 "$@" <"$work/messages"; }
answers=$(chat) || fail "chat: exit $?"
[ "$(wc -l <<<"$answers")" -eq 2 ] && ! grep -q '^$' <<<"$answers" || fail "chat: two answers are expected: $answers"
[ "$(chat)" = "$answers" ] || fail "chat: the same messages gave other answers"
[ "$(chat --system 'A wolf and seven kids.')" != "$answers" ] || fail "chat: the system message changes nothing"
stdin=$work/messages expect_exit 3 chat -c 4
stdin=docs expect_exit 1 chat
stdin=$work/messages stdout=/dev/full expect_exit 1 chat -n 2

# A model that ends texts with EOS: prompts must not, or the model would go on behind the end.
golden=tests/data/golden/tiny-qwen2
cp -r $golden "$work/ends"
sed -i 's/"add_bos_token": false/&, "add_eos_token": true/' "$work/ends/tokenizer_config.json"
printf 'the king and the wolf\nthe wolf\n' >"$work/messages"
for _ in {1..40}; do cat "$work/messages"; done >"$work/text"
with() { "$dunlin" "$2" -m "$1" "${@:3}" 2>/dev/null <"$work/messages"; }
[ "$(with $golden tokenize -p 'the king' -o json)" != "$(with "$work/ends" tokenize -p 'the king' -o json)" ] ||
  fail "the model of this test adds no EOS"
for command in "run -q --device cpu -n 16 --temp 0 -p the_king" "chat -q --device cpu -n 16 --temp 0" "ppl --device cpu -c 64 --windows 2 -f $work/text"; do
  [ "$(with $golden $command)" = "$(with "$work/ends" $command)" ] || fail "EOS is in the prompt: $command"
done

# Synth: the shape that was asked for, and the same bytes for the same seed.
synth=(synth --shape llama3.2-1b --layers 1 --type q4_0 --tokenizer $model)
expect_exit 0 "${synth[@]}" -o "$work/synth.gguf"
expect_exit 0 "${synth[@]}" -o "$work/again.gguf"
cmp "$work/synth.gguf" "$work/again.gguf" || fail "synth: the same seed gave two files"
expect_exit 0 "${synth[@]}" --seed 2 -o "$work/again.gguf"
cmp -s "$work/synth.gguf" "$work/again.gguf" && fail "synth: another seed gave the same file"
expect_output '"n_layer": 1,' inspect -m "$work/synth.gguf" -o json
expect_output '\| blk.0.ffn_down.weight \| Q4_0 \| \[2048,8192\] \|' inspect -m "$work/synth.gguf" --tensors
[ "$("$dunlin" tokenize -m "$work/synth.gguf" -p 'Once upon a' -o json)" = \
  "$("$dunlin" tokenize -m $model -p 'Once upon a' -o json)" ] || fail "synth: not the tokenizer of --tokenizer"
expect_exit 0 run -m "$work/synth.gguf" --device cpu -c 64 -n 4 -p x
expect_exit 2 synth --shape no-such-shape -o "$work/no.gguf"
expect_exit 2 synth --shape llama3.2-1b --type q9 -o "$work/no.gguf"
expect_exit 2 synth --shape llama3.2-1b --layers 17 -o "$work/no.gguf"
expect_exit 1 "${synth[@]}" -o "$work/no-such-folder/no.gguf"
expect_exit 1 synth --shape llama3.2-1b --layers 1 --tokenizer no-such-file.gguf -o "$work/no.gguf"
head -c 100 $model >"$work/cut.gguf"
expect_exit 4 synth --shape llama3.2-1b --layers 1 --tokenizer "$work/cut.gguf" -o "$work/no.gguf"
[ ! -e "$work/no.gguf" ] || fail "synth: a file is left where it failed"

# Ctrl-C: the first ends the work, with what was generated; the second ends the process.
mkfifo "$work/stdin"
exec 3<>"$work/stdin"
long=(-q --device cpu -t 1 -c 4096 -n -1 --ignore-eos)
start run "${long[@]}" -p "Once upon a time"
within_seconds 20 test -s "$work/out" || fail "run: no text"
kill -INT $pid
expect_interrupted "run and one Ctrl-C"
grep -q '^Once upon a time' "$work/out" || fail "run and Ctrl-C: the text is lost"
start chat "${long[@]}"
echo "Tell a tale." >&3
within_seconds 20 test -s "$work/out" || fail "chat: no answer"
kill -INT $pid
expect_interrupted "chat without a terminal, and one Ctrl-C"
for command in tokenize "chat -q --device cpu"; do
  start $command  # waits for stdin, which one Ctrl-C does not end
  kill -INT $pid
  sleep 0.3
  has_ended && fail "$command: one Ctrl-C ended it"
  kill -INT $pid
  expect_interrupted "$command and two Ctrl-C"
done
exec 3>&-

echo "cli: $failures failures"
[ "$failures" -eq 0 ]
