"""With PERSIST_STATE=1 MiniStack saves how far each stream mapping has read, but not the stream's records: after a restart
the unread records are gone and as many new ones are skipped. DynamoDB keeps records for 24 hours, so both are saved."""

import copy

from ministack.services import dynamodb

RECORDS = "syncline_stream_records"
TRIMMED = "syncline_stream_trimmed"


def install() -> None:
    get_state, restore_state = dynamodb.get_state, dynamodb._restore_state

    def get_with_records() -> dict:
        state = get_state()
        state[RECORDS] = copy.deepcopy(dynamodb._stream_records)
        state[TRIMMED] = copy.deepcopy(dynamodb._stream_trimmed)
        return state

    def restore_with_records(state) -> None:
        restore_state(state)
        if state and state.get(RECORDS):
            dynamodb._stream_records.update(state[RECORDS])
        if state and state.get(TRIMMED):
            dynamodb._stream_trimmed.update(state[TRIMMED])

    dynamodb.get_state, dynamodb._restore_state = get_with_records, restore_with_records
