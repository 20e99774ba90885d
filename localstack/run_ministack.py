"""Runs MiniStack on a socket of its own for as long as the program that started it lives.

Usage: run_ministack.py SCRATCH PORT, as the leader of a process group, with
  stdin   a pipe that the starter holds open and never writes to: its end is the starter's end, however that came;
  stdout  where the port is written, one line, once the socket listens;
  stderr  the log.

PORT 0 takes a free one. The socket is bound here and handed to the server, so no other process can get the port in
between and a caller never talks to another run's emulator. It listens before MiniStack is imported: a request sent at
once waits for its answer instead of being refused.
"""

import os
import shutil
import signal
import socket
import sys
import threading


def end_with_starter(pipe: int, scratch: str) -> None:
    """Kills this process and every function that it runs (its process group) when the pipe closes."""
    try:
        while os.read(pipe, 4096):
            pass
        shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os.killpg(os.getpgrp(), signal.SIGKILL)


def main(scratch: str, port: str) -> None:
    # Copies that no child inherits; what MiniStack starts gets /dev/null and the log instead.
    pipe, answer = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    threading.Thread(target=end_with_starter, args=(pipe, scratch), daemon=True).start()

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen(128)
    bound = listener.getsockname()[1]
    os.write(answer, f"{bound}\n".encode())
    os.close(answer)

    # MiniStack reads these when it is imported. The functions that it runs inherit its environment, and get
    # AWS_ENDPOINT_URL only because it is set here: MiniStack adds the region and the credentials, not the endpoint. The
    # starter may have named another, a proxy before this one.
    os.environ["GATEWAY_PORT"] = str(bound)
    os.environ.setdefault("AWS_ENDPOINT_URL", f"http://127.0.0.1:{bound}")

    import uvicorn
    from ministack.app import app

    # Python is isolated, so that its own directory is not among those that it imports from.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import ministack_mends

    ministack_mends.apply()

    # Seconds of an idle connection are MiniStack's own, longer than an SDK keeps one.
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=75)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
