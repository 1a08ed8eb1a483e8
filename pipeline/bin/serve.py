"""Program: a model folder -> an HTTP and WebSocket endpoint with a page, until interrupted."""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

import torch
import uvicorn

from pipeline.decode.recogniser import Recogniser
from pipeline.io.errors import UserError, run
from pipeline.serve.app import MAX_MESSAGE, ServeOptions, make_app

SECONDS_TO_FINISH = 3  # for requests that are running when the server is told to stop


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections; port 0 takes any that is free.

    Raises:
        UserError: the address cannot be used.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{host} port {port}: {reason}; give another --host or --port") from None


def server(recogniser: Recogniser, options: ServeOptions | None = None) -> uvicorn.Server:
    """Made ready; it runs with the socket that ``listen`` gives."""
    return uvicorn.Server(
        uvicorn.Config(
            make_app(recogniser, options),
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=2 * MAX_MESSAGE,
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
            server_header=False,
        )
    )


def main(arguments: list[str] | None = None) -> None:
    """Load the model, say where the page is, serve."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.serve", description=__doc__)
    parser.add_argument("model", type=Path, help="folder of hybrid pack")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    parser.add_argument("--beam", type=float, help="default: the model's")
    parser.add_argument("--max-megabytes", type=float, default=100.0, help="of a file")
    parser.add_argument("--max-streams", type=int, default=8, help="at once")
    parser.add_argument("--threads", type=int, default=2, help="recognitions at once")
    args = parser.parse_args(arguments)
    if args.max_megabytes <= 0 or args.max_streams < 1 or args.threads < 1:
        raise UserError("--max-megabytes, --max-streams and --threads must be above 0")
    torch.set_num_threads(1)  # clients run side by side, each in a thread
    with listen(args.host, args.port) as accepting:
        recogniser = Recogniser.open(args.model, args.beam)
        options = ServeOptions(
            max_bytes=round(args.max_megabytes * 1e6),
            max_streams=args.max_streams,
            threads=args.threads,
        )
        ready = server(recogniser, options)
        host = f"[{args.host}]" if ":" in args.host else args.host
        print(f"http://{host}:{accepting.getsockname()[1]}/", file=sys.stderr, flush=True)
        ready.run(sockets=[accepting])


if __name__ == "__main__":
    run(main)
