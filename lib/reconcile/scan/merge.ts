import { KEY_HASH_BYTES } from '../../core/key.ts';
import { RUN_ENTRY_BYTES } from './run.ts';

/** Entries that are sorted by key hash, as they stand in a run. */
interface Cursor {
  readonly entries: Buffer;
  /** Bytes up to the next one. */
  at: number;
  /** The first 48 bits of its key hash: most comparisons need no more. */
  head: number;
}

const headOf = (entries: Buffer, at: number): number => entries.readUIntBE(at, 6);

/** Whether the next entry of the one comes before that of the other. Those of one key come in any order. */
function isBefore(a: Cursor, b: Cursor): boolean {
  if (a.head !== b.head) return a.head < b.head;
  return a.entries.compare(b.entries, b.at, b.at + KEY_HASH_BYTES, a.at, a.at + KEY_HASH_BYTES) < 0;
}

/**
 * Merges sorted entries: all of them, in the order of their key hashes. Pure. Gives views of their bytes: a buffer, and where in it the
 * entry is. The pair is the same object each time.
 */
export function* merged(pieces: readonly Buffer[]): Generator<{ readonly entries: Buffer; readonly at: number }> {
  const heap: Cursor[] = [];
  for (const entries of pieces) {
    if (entries.length === 0) continue;
    heap.push({ entries, at: 0, head: headOf(entries, 0) });
  }
  for (let i = (heap.length >> 1) - 1; i >= 0; i -= 1) sink(heap, i);
  const out: { entries: Buffer; at: number } = { entries: Buffer.alloc(0), at: 0 };
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    out.entries = top.entries;
    out.at = top.at;
    yield out;
    top.at += RUN_ENTRY_BYTES;
    if (top.at < top.entries.length) top.head = headOf(top.entries, top.at);
    else {
      const last = heap.pop() as Cursor;
      if (heap.length === 0) return;
      if (last !== top) heap[0] = last;
    }
    sink(heap, 0);
  }
}

function sink(heap: Cursor[], from: number): void {
  const moved = heap[from] as Cursor;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Cursor, heap[child] as Cursor)) child += 1;
    if (!isBefore(heap[child] as Cursor, moved)) break;
    heap[at] = heap[child] as Cursor;
    at = child;
  }
  heap[at] = moved;
}
