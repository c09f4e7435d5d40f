#!/usr/bin/env python3
"""A chat on a terminal: Ctrl-C ends an answer and not the chat, two at the prompt end it. Usage: cli_terminal_test.py DUNLIN"""
import os
import pty
import select
import signal
import sys
import time

CTRL_C, CTRL_D = b"\x03", b"\x04"
LIMIT_S = 30
ENDLESS = ["chat", "-q", "--device", "cpu", "-t", "1", "-c", "4096", "-n", "-1", "--ignore-eos"]


class Chat:
    """The command with a terminal of its own, which sends SIGINT for Ctrl-C."""

    def __init__(self, dunlin):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execv(dunlin, [dunlin, *ENDLESS])
        self.seen = b""
        self.wait_for(b"> ")

    def send(self, what):
        self.seen = b""
        os.write(self.terminal, what)

    def read(self, seconds):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            self.seen += os.read(self.terminal, 4096)
            return True
        except OSError:  # the other side is closed
            return False

    def wait_for(self, what, n_bytes=0):
        end = time.monotonic() + LIMIT_S
        while what not in self.seen or len(self.seen) < n_bytes:
            assert time.monotonic() < end and self.read(LIMIT_S), f"{what!r} does not come, only {self.seen[-200:]!r}"

    def ask(self, message):
        self.send(message + b"\r")
        self.wait_for(message + b"\r\n", n_bytes=len(message) + 40)  # the echo, and some of the answer

    def status(self):
        """As waitpid gives it, None while the chat lives half a second longer."""
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            self.read(0.05)
        return None

    def end(self):
        while self.read(LIMIT_S):  # until it has closed the terminal
            pass
        return os.waitpid(self.pid, 0)[1]


def test_ctrl_c_ends_an_answer(dunlin):
    chat = Chat(dunlin)
    for message in (b"Tell a tale.", b"Go on."):
        chat.ask(message)
        chat.send(CTRL_C)
        chat.wait_for(b"\n> ")
    assert chat.status() is None, "Ctrl-C during an answer ended the chat"
    chat.send(b"/bye\r")
    assert chat.end() == 0


def test_one_ctrl_c_at_the_prompt_ends_nothing(dunlin):
    chat = Chat(dunlin)
    chat.ask(b"Tell a tale.")
    chat.send(CTRL_C)  # the answer
    chat.wait_for(b"\n> ")
    chat.send(CTRL_C)  # nothing
    assert chat.status() is None, "one Ctrl-C at the prompt ended the chat"
    chat.ask(b"Go on.")  # and the next answer is not ended by it
    chat.send(CTRL_C)
    chat.wait_for(b"\n> ")
    chat.send(CTRL_D)
    assert chat.end() == 0


def test_two_at_the_prompt_end_the_chat(dunlin):
    chat = Chat(dunlin)
    chat.send(CTRL_C)
    assert chat.status() is None, "one Ctrl-C at the prompt ended the chat"
    chat.send(CTRL_C)
    status = chat.status()
    assert status is not None, "two Ctrl-C at the prompt did not end the chat"
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT


if __name__ == "__main__":
    for test in (test_ctrl_c_ends_an_answer, test_one_ctrl_c_at_the_prompt_ends_nothing,
                 test_two_at_the_prompt_end_the_chat):
        test(sys.argv[1])
