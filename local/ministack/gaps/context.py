"""MiniStack keeps the account and region of the request at hand in context variables; background threads must set them."""

from contextlib import contextmanager
from typing import Iterator

from ministack.core import responses


@contextmanager
def scope(account: str, region: str) -> Iterator[None]:
    """Runs its block as if a request of this account and region were being served."""
    account_token = responses._request_account_id.set(account)
    region_token = responses._request_region.set(region)
    try:
        yield
    finally:
        responses._request_account_id.reset(account_token)
        responses._request_region.reset(region_token)
