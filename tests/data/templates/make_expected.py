#!/usr/bin/env python3
"""Writes expected_*.json with Jinja itself, in the environment that chat templates are written for.

Needs the package jinja2 (3.1). Run in this folder after a change to the templates, conversations.json,
expressions.json or layout.json.
"""

import datetime
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 6, 15, 4, 9)
TEXT_ARGUMENTS = {"deepseek.jinja"}
PARTS = {"gemma.jinja", "parts_only.jinja"}
PARTS_ONLY = {"parts_only.jinja"}


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what the model wrote; it prints its body in a scope of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


class Raised(Exception):
    pass


def raise_exception(message):
    raise Raised(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def outcome(source, variables):
    try:
        return {"text": environment().from_string(source).render(**variables)}
    except Raised as raised:
        return {"raised": str(raised)}
    except Exception as error:  # whatever Python says: there must be an error
        return {"error": type(error).__name__}


def prepared(message, template):
    """The message as Dunlin shows it to the template."""
    message = dict(message)
    if message.get("content") is None:
        message["content"] = None if message["role"] == "assistant" and "tool_calls" in message else ""
    if isinstance(message["content"], list) and template not in PARTS:
        message["content"] = "\n".join(part["text"] for part in message["content"])
    if isinstance(message["content"], str) and template in PARTS_ONLY:
        message["content"] = [{"type": "text", "text": message["content"]}]
    if template not in TEXT_ARGUMENTS and "tool_calls" in message:
        message["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
            for call in message["tool_calls"]
        ]
    return message


def chats():
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    expected = {}
    for path in sorted(HERE.glob("*.jinja")):
        expected[path.name] = {}
        for name, conversation in conversations.items():
            variables = {
                "messages": [prepared(message, path.name) for message in conversation["messages"]],
                "tools": conversation.get("tools"),
                "documents": None,
                "add_generation_prompt": conversation.get("add_generation_prompt", True),
                "bos_token": "<s>",
                "eos_token": "</s>",
                **conversation.get("extra", {}),
            }
            expected[path.name][name] = outcome(path.read_text(encoding="utf-8"), variables)
    return expected


def sources(name):
    data = json.loads((HERE / name).read_text(encoding="utf-8"))
    variables = {**data["variables"], "messages": []}
    return [{"source": source, **outcome(source, variables)} for source in data["sources"]]


def main():
    for name, content in {
        "expected_chats.json": chats(),
        "expected_expressions.json": sources("expressions.json"),
        "expected_layout.json": sources("layout.json"),
    }.items():
        text = json.dumps(content, indent=1, ensure_ascii=True)
        (HERE / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
