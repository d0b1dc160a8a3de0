"""The command `newsletter` on a day that the simulation names, from a process that has loaded it once.

`serve SOCKET` loads it and waits; `call SOCKET ARGUMENTS` has the command run in a fork of that process, with the
caller's folder, environment and output. The environment says SIM_DAY, SIM_MAILING, and SIM_KILL, with which the calling
script dies after the mail went out, as a machine that goes away.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path


def call(path: str, arguments: list[str]) -> int:
    """The exit code of the command."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        asked = {"arguments": arguments, "cwd": str(Path.cwd()), "environ": dict(os.environ), "parent": os.getppid()}
        socket.send_fds(connection, [json.dumps(asked).encode()], [1, 2])
        connection.shutdown(socket.SHUT_WR)
        return int(connection.recv(8))


def serve(path: str) -> None:
    """Forks a command a connection, one after the other."""
    from newsletter import app  # noqa: PLC0415 - loaded once, here
    from newsletter.delivery.backends import sections  # noqa: PLC0415

    list(app.sections())
    list(sections())
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            content, descriptors, _, _ = socket.recv_fds(connection, 1 << 18, 2)
            child = os.fork()
            if child == 0:
                for target, descriptor in zip((1, 2), descriptors, strict=True):
                    os.dup2(descriptor, target)
                os._exit(_run(json.loads(content)))
            for descriptor in descriptors:
                os.close(descriptor)
            _, status = os.waitpid(child, 0)
            connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            connection.close()


def _run(asked: dict[str, object]) -> int:
    from datetime import UTC, date, datetime, time  # noqa: PLC0415

    from newsletter import app, cli  # noqa: PLC0415

    arguments, environ = list(map(str, asked["arguments"])), dict(asked["environ"])  # type: ignore[call-overload]
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(environ)
    now = datetime.combine(date.fromisoformat(environ["SIM_DAY"]), time(12), UTC)
    app.now = lambda: now
    code = 0
    try:
        cli.main([*arguments, "--listing", environ["SIM_MAILING"]] if arguments[0] == "run" else arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    sys.stdout.flush()
    if environ.get("SIM_KILL") and arguments[0] == "run" and "--no-send" not in arguments:
        os.kill(int(str(asked["parent"])), signal.SIGKILL)
    return code


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(call(sys.argv[2], sys.argv[3:]))
