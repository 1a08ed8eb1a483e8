"""`python -m pipeline.cli`: the same as `hybrid`."""

from pipeline.cli import app

if __name__ == "__main__":
    app(prog_name="hybrid")
