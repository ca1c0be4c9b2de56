"""Starts MiniStack with the gaps closed that Syncline's tests would fall into.

Usage: python launch.py            (settings come from the environment, see local/region.ts)

Each module in `gaps/` replaces one private function of MiniStack by one that behaves as AWS does, and says what differs.
Private functions change without notice, so exactly one version is accepted.
"""

import sys
from importlib.metadata import PackageNotFoundError, version

MINISTACK_VERSION = "1.5.33"


def check_version() -> None:
    """Ends the process with a clear message unless the installed MiniStack is the one the gaps were written for."""
    try:
        found = version("ministack")
    except PackageNotFoundError:
        sys.exit("MiniStack is not installed in this Python environment. `npm start` installs it under .local/venv.")
    if found != MINISTACK_VERSION:
        sys.exit(
            f"MiniStack {found} is installed; the changes in local/ministack/gaps were checked with {MINISTACK_VERSION} only. "
            "Remove .local/venv and run `npm start` again."
        )


def main() -> None:
    check_version()
    # Imported only now: the gaps reach into MiniStack's modules while they are imported.
    from gaps import fifo, identity, owner, stream_mapping, stream_state, thaw, ttl

    for gap in (fifo, ttl, stream_state, stream_mapping, thaw, identity):
        gap.install()
    owner.watch()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
