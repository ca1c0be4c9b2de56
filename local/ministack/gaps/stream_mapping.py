"""MiniStack's mapping of a DynamoDB stream to a function knows neither partial failures (`batchItemFailures`), nor
MaximumRetryAttempts, nor bisecting, nor a batching window, and one slow handler stalls the mappings of the whole process.
This one does them as AWS describes: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

Still different from AWS: one shard for each stream, and no cap of 6 MB on a batch."""

import json
import logging
import threading
import time
from dataclasses import dataclass

from ministack.services import dynamodb
from ministack.services import lambda_svc as lambdas

from .context import scope

BACK_OFF_BASE_S = 0.1
BACK_OFF_MAX_S = 5.0
BACK_OFF_DOUBLINGS_MAX = 6

logger = logging.getLogger("syncline.stream-mapping")


@dataclass
class Retry:
    """The batch that a mapping tries again: where it begins, how many records it has, how often it failed."""

    position: int
    length: int
    tries: int


@dataclass
class Batch:
    """What one call of the function is about."""

    mapping: dict
    function: dict
    stream: str
    position: int
    records: list

    @property
    def id(self) -> str:
        return self.mapping["UUID"]

    def age_s(self) -> float:
        return time.time() - self.records[0]["dynamodb"]["ApproximateCreationDateTime"]

    def after(self, n: int) -> "Batch":
        return Batch(self.mapping, self.function, self.stream, self.position + n, self.records[n:])


_retries: dict = {}
_waiting: dict = {}
"""mapping → (position, since): the batching window is counted from when the mapping first saw its oldest record."""


def install() -> None:
    lambdas._poll_dynamodb_streams = poll


def poll() -> bool:
    """One pass over all mappings of all streams. Says whether any function was called."""
    called = False
    for account, region, mapping in lambdas._iter_all_esms():
        if ":dynamodb:" in mapping.get("EventSourceArn", "") and mapping.get("Enabled", True):
            with scope(account, region):
                batch = _next_batch(mapping)
                if batch is not None:
                    lambdas._dispatch_esm_batch(batch.id, _run, batch)
                    called = True
    return called


def _next_batch(mapping: dict):
    """The mapping's next batch, or None while one is running, backing off, or being gathered."""
    id, stream = mapping["UUID"], mapping["EventSourceArn"]
    table = stream.split("/stream/")[0].split("/")[-1]
    function, _ = lambdas._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None or (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != stream:
        return None
    if lambdas._esm_inflight.get(id, 0) or lambdas._esm_backoff_until.get(id, 0) > time.time():
        return None
    position = _position(mapping, table)
    retry = _retries.get(id)
    limit = retry.length if retry is not None and retry.position == position else mapping.get("BatchSize", 100)
    records = dynamodb.stream_records_since(table, position, limit)
    if not records or _gathers(mapping, position, len(records) >= limit):
        return None
    return Batch(mapping, function, stream, position, records)


def _position(mapping: dict, table: str) -> int:
    horizon = dynamodb.stream_start_position(table)
    first = horizon if mapping.get("StartingPosition") == "TRIM_HORIZON" else dynamodb.stream_end_position(table)
    with lambdas._dynamodb_stream_positions_lock:
        return max(lambdas._dynamodb_stream_positions.setdefault(mapping["UUID"], first), horizon)


def _gathers(mapping: dict, position: int, full: bool) -> bool:
    """Whether the batching window is still open for a batch that is not full."""
    window = mapping.get("MaximumBatchingWindowInSeconds") or 0
    if full or window == 0:
        return False
    at, since = _waiting.get(mapping["UUID"], (None, 0.0))
    if at != position:
        _waiting[mapping["UUID"]] = (position, time.monotonic())
        _wake_in(window)
        return True
    return time.monotonic() < since + window


def _run(batch: Batch) -> None:
    """Calls the function once and decides what is next. Runs in a thread of its own, one at a time for a mapping."""
    wanted = lambdas._apply_filter_criteria(batch.records, batch.mapping)
    if not wanted:
        return _advance(batch.id, batch.position + len(batch.records))
    result = lambdas._execute_function(batch.function, {"Records": wanted})
    failed_at = 0 if result.get("error") else _first_failure(batch, result.get("body"))
    if failed_at is None:
        batch.mapping["LastProcessingResult"] = "OK"
        return _advance(batch.id, batch.position + len(batch.records))
    if failed_at > 0:
        batch = batch.after(failed_at)
        _advance(batch.id, batch.position)
    batch.mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
    if result.get("error"):
        logger.warning("%s failed on %d records: %s", batch.mapping["FunctionName"], len(batch.records), result.get("body"))
    _try_again(batch, result)


def _first_failure(batch: Batch, body):
    """Index of the first record that the function reports as failed, or None. An unknown id means the whole batch, as on AWS."""
    if "ReportBatchItemFailures" not in (batch.mapping.get("FunctionResponseTypes") or []):
        return None
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    if not failures:
        return None
    index = {r["dynamodb"]["SequenceNumber"]: i for i, r in enumerate(batch.records)}
    return min(index.get(f.get("itemIdentifier"), 0) for f in failures)


def _try_again(batch: Batch, result: dict) -> None:
    """Discards the batch when it is too old or was tried often enough; else cuts it in two, or takes it again later."""
    last = _retries.get(batch.id)
    tries = last.tries + 1 if last is not None and last.position == batch.position and last.length == len(batch.records) else 1
    max_age, max_tries = batch.mapping.get("MaximumRecordAgeInSeconds") or -1, batch.mapping.get("MaximumRetryAttempts", -1)
    too_old = 0 < max_age < batch.age_s()
    if batch.mapping.get("BisectBatchOnFunctionError") and len(batch.records) > 1 and not too_old:
        _retries[batch.id] = Retry(batch.position, (len(batch.records) + 1) // 2, 0)
    elif too_old or (max_tries is not None and 0 <= max_tries < tries):
        condition = "MaxRecordAgeExceeded" if too_old else "RetryAttemptsExhausted"
        lambdas._send_ddb_stream_failure_record(batch.mapping, batch.function, batch.records, batch.stream, result, condition)
        return _advance(batch.id, batch.position + len(batch.records))
    else:
        _retries[batch.id] = Retry(batch.position, len(batch.records), tries)
    wait = min(BACK_OFF_BASE_S * 2 ** min(_retries[batch.id].tries, BACK_OFF_DOUBLINGS_MAX), BACK_OFF_MAX_S)
    lambdas._esm_backoff_until[batch.id] = time.time() + wait
    _wake_in(wait)


def _advance(id: str, position: int) -> None:
    with lambdas._dynamodb_stream_positions_lock:
        lambdas._dynamodb_stream_positions[id] = position
    _retries.pop(id, None)
    _waiting.pop(id, None)


def _wake_in(seconds: float) -> None:
    """Wakes MiniStack's poller after this time; it sleeps for up to a second otherwise."""
    timer = threading.Timer(seconds + 0.01, lambdas._esm_wake.set)
    timer.daemon = True
    timer.start()
