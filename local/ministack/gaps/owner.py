"""A region must not outlive the process that it was started for, however that process ended (SIGKILL included)."""

import os
import signal
import threading
import time

OWNER_VARIABLE = "SYNCLINE_LOCAL_OWNER"
"""Environment variable with the owner's process id. Without it the region runs until it is stopped."""
CHECK_EVERY_S = 1.0


def watch() -> None:
    owner = os.environ.get(OWNER_VARIABLE)
    if owner and os.getpgrp() == os.getpid():
        threading.Thread(target=_watch, args=(int(owner),), daemon=True, name="syncline-owner").start()


def _watch(owner: int) -> None:
    while _alive(owner):
        time.sleep(CHECK_EVERY_S)
    # The group is this process and its functions' processes. Nobody is left to read the state, so nothing is saved.
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
