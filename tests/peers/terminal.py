#!/usr/bin/env python3
"""A person's terminal for the tests: a pseudo-terminal of 80 columns, and what pyte says is on its screen.

    terminal.py [VERB ARGUMENT]... -- COMMAND...

COMMAND has the terminal as its input, its output and its error, unless `out` or `err` name a file for one. The steps
are done in order:

    out FILE        standard output goes there
    err FILE        standard error goes there
    wait TEXT       reads until the program has written TEXT
    type TEXT       types it; \\x03 is Ctrl-C
    kill NAME       sends the program the signal of this name
    hidden yes|no   waits until what is typed is hidden, or shown
    open FIFO       opens it for writing, which waits until the program reads it
    feed FILE       writes the file to that FIFO, and closes it
    second LINE     waits for more than a second, without a clock: until COMMAND's program, run with these arguments, has
                    shown its progress, as it does after a second; then ends that run
    screen NAME     reads what has been written, and puts what is on the screen into the report

Then it reads until the program ends. One JSON document on standard output:

    status   the exit code, or minus the signal
    written  all that the program wrote to the terminal
    screens  {NAME: [lines]}; `end` is the last: lines without the spaces at their end, none of the empty ones below
    cursor   whether it is shown at the end
    echo     whether what is typed is shown at the end

Exit code 0 when every step worked, 1 with the reason on standard error when one did not.
"""

import json
import os
import pty
import select
import signal
import sys
import termios

import pyte

# A step that never comes about ends the test. No step takes longer because of it.
PATIENCE_S = 60
STREAMS = {"out": 1, "err": 2}


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command, files=()):
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.fifo = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (24, 80))
            for stream, file in files:
                os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), stream)
            os.execv(command[0], command)

    def read(self):
        try:
            said = os.read(self.fd, 4096)
        except OSError:  # EIO: nobody has the terminal any more
            said = b""
        self.written += said
        self.stream.feed(said)
        return said

    def wait(self, text):
        while text.encode() not in self.written:
            if not self.read():
                raise SystemExit(f"terminal.py: ended before {text!r}: {self.written!r}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def lines(self):
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def end(self):
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main():
    at = sys.argv.index("--")
    steps, command = list(zip(sys.argv[1:at:2], sys.argv[2:at:2])), sys.argv[at + 1 :]
    signal.alarm(PATIENCE_S)
    terminal = Terminal(command, [(STREAMS[verb], argument) for verb, argument in steps if verb in STREAMS])
    screens = {}
    for verb, argument in steps:
        if verb == "wait":
            terminal.wait(argument)
        elif verb == "type":
            terminal.type(argument)
        elif verb == "kill":
            os.kill(terminal.pid, getattr(signal, f"SIG{argument}"))
        elif verb == "hidden":
            while terminal.echo() != (argument == "no"):
                os.sched_yield()
        elif verb == "open":
            terminal.fifo = os.open(argument, os.O_WRONLY)
        elif verb == "feed":
            with open(argument, "rb") as file, os.fdopen(terminal.fifo, "wb") as fifo:
                fifo.write(file.read())
        elif verb == "second":
            other = Terminal([command[0], *argument.split()])
            other.wait("verifying")
            os.kill(other.pid, signal.SIGKILL)
            other.end()
        elif verb == "screen":
            while select.select([terminal.fd], [], [], 0)[0] and terminal.read():
                pass
            screens[argument] = terminal.lines()
        elif verb not in STREAMS:
            raise SystemExit(f"terminal.py: no step {verb!r}")
    status = terminal.end()
    report = {
        "status": status,
        "written": terminal.written.decode(errors="replace"),
        "screens": {**screens, "end": terminal.lines()},
        "cursor": not terminal.screen.cursor.hidden,
        "echo": terminal.echo(),
    }
    json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
