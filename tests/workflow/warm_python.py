"""Programs of a run without their start-up: most of a tiny job's seconds are imports.

A server has imported what the programs import; each job is a fork of it. Snakemake, its rules,
their commands and their files are those of any run: only the shell's word `python` means this
client, which imports next to nothing.

    python warm_python.py serve SOCKET    until killed
    python warm_python.py SOCKET ARGUMENTS...    as `python ARGUMENTS...`
"""

from __future__ import annotations

import os
import socket
import sys


def ask(path: str, arguments: list[str]) -> int:
    """The client: the job gets this process's files, folder and variables. Its exit status."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        variables = [f"{name}={value}" for name, value in os.environ.items()]
        words = [os.getcwd(), str(len(arguments)), *arguments, *variables]
        message = "\0".join(words).encode()
        socket.send_fds(connection, [len(message).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(message)
        return int(connection.makefile().readline() or 1)


def work(connection: socket.socket) -> None:
    """A job, in a process of its own: `-m MODULE ARGUMENTS...`."""
    import runpy

    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as stream:
        text = stream.read(int.from_bytes(size, "big")).decode()
    folder, count, *words = text.split("\0")
    arguments, variables = words[: int(count)], words[int(count) :]
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    for variable in variables:
        name, _, value = variable.partition("=")
        os.environ[name] = value
    sys.argv = arguments[1:]
    status = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(f"{status}\n".encode())


def serve(path: str) -> None:
    """Fork for every job; nothing of one is seen by another."""
    import importlib
    import pkgutil
    import signal

    from numba import njit

    from pipeline import bin as programs

    njit(lambda x: x + 1)(1)  # makes numba's compiler, which half a second goes into
    for found in pkgutil.iter_modules(programs.__path__, f"{programs.__name__}."):
        importlib.import_module(found.name)
        del sys.modules[found.name]  # run_module warns of a program that is imported already
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                work(connection)
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
