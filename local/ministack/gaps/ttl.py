"""DynamoDB's TTL deletions write no stream record in MiniStack. On AWS they do, as a REMOVE by the service itself:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""

import os
import threading
import time

from ministack.services import dynamodb

from .context import scope

REAPER = "dynamodb-ttl-reaper"
"""Name of MiniStack's own thread that deletes expired items; a deletion from there is one by TTL."""
REAPER_PERIOD_S = 60
PERIOD_VARIABLE = "SYNCLINE_LOCAL_TTL_SECONDS"
"""Environment variable that shortens the reaper's period (seconds), for tests."""

_PRINCIPAL = "dynamodb.amazonaws.com"
# One record serves both readers: functions are given `type`, GetRecords answers `Type`; each ignores the other's spelling.
_SERVICE = {"type": "Service", "principalId": _PRINCIPAL, "Type": "Service", "PrincipalId": _PRINCIPAL}


def install() -> None:
    remove_silently = dynamodb._remove_item

    def remove(table: dict, pk, sk):
        old = remove_silently(table, pk, sk)
        if old is not None and threading.current_thread().name == REAPER:
            _emit(table, old)
        return old

    dynamodb._remove_item = remove
    period = os.environ.get(PERIOD_VARIABLE)
    if period:
        _start_fast_reaper(float(period))


def _emit(table: dict, old: dict) -> None:
    _, _, _, region, account, _ = table["TableArn"].split(":", 5)
    with scope(account, region):
        name = table["TableName"]
        before = len(dynamodb._stream_records.get(name) or [])
        dynamodb._emit_stream_event(name, "REMOVE", old, None)
        records = dynamodb._stream_records.get(name) or []
        if len(records) > before:
            records[-1]["userIdentity"] = dict(_SERVICE)


def _start_fast_reaper(period_s: float) -> None:
    """A second reaper beside MiniStack's own, which sleeps for a minute with no setting to change that."""

    class Clock:
        def __getattr__(self, name: str):
            return getattr(time, name)

        def sleep(self, seconds: float) -> None:
            time.sleep(period_s if seconds == REAPER_PERIOD_S else seconds)

    dynamodb.time = Clock()
    threading.Thread(target=dynamodb._ttl_reaper, daemon=True, name=REAPER).start()
