import type { Item, Key } from '../../core/attribute.ts';
import { FormatError, InputError } from '../../core/errors.ts';
import type { Orphan, OrphanCause, OrphanState } from '../../core/formats/orphan-row.ts';
import { decodeOrphan, encodeOrphan, ORPHAN, orphanKey } from '../../core/formats/orphan-row.ts';
import { stringValue } from '../../core/formats/rows.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { NOTE_MAX, ORPHAN_REQUEST_MAX_MS, ORPHANS_MAX, ORPHANS_PAGE } from './limits.ts';

/** Where a member's orphans are: its own `control` table. */
export interface OrphanTable {
  readonly table: TablePort;
  readonly control: string;
}

/** Which ones. */
export interface OrphanFilter {
  readonly state?: OrphanState;
  readonly cause?: OrphanCause;
  readonly key?: Key;
}

/**
 * A member's orphans that a filter lets through, by key hash and, of one key, as they came. A row that this version cannot read is left out, and
 * logged.
 *
 * @param limit at most so many.
 * @returns `more`: there are others, or may be.
 * @throws RemoteError
 */
export async function listOrphans(
  at: OrphanTable,
  runtime: Runtime,
  schema: KeySchema,
  filter: OrphanFilter,
  limit: number,
): Promise<{ readonly orphans: readonly Orphan[]; readonly more: boolean }> {
  const wanted = filter.key === undefined ? undefined : keyText(filter.key, schema);
  const fits = (orphan: Orphan): boolean =>
    (filter.state === undefined || orphan.state === filter.state) &&
    (filter.cause === undefined || orphan.cause === filter.cause) &&
    (wanted === undefined || keyText(orphan.key, schema) === wanted);
  const orphans: Orphan[] = [];
  let after: Item | undefined;
  for (let seen = 0; seen < ORPHANS_MAX; ) {
    const from = after;
    const page = await retried(runtime, runtime.clock.elapsed() + ORPHAN_REQUEST_MAX_MS, () =>
      at.table.query({ table: at.control, partition: { name: 'pk', value: stringValue(ORPHAN) }, limit: ORPHANS_PAGE, ...(from && { after: from }) }),
    );
    for (const row of page.items) {
      const orphan = readableOrphan(row, runtime);
      if (orphan === undefined || !fits(orphan)) continue;
      if (orphans.length === limit) return { orphans, more: true };
      orphans.push(orphan);
    }
    seen += Math.max(1, page.items.length);
    after = page.next;
    if (after === undefined) return { orphans, more: false };
  }
  return { orphans, more: true };
}

/** An orphan of a list; undefined for a row that this version cannot read, which is logged. */
export function readableOrphan(row: Item, runtime: Runtime): Orphan | undefined {
  try {
    return decodeOrphan(row);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    runtime.log.warn('An orphan’s row cannot be read.', { why: error.message });
    return undefined;
  }
}

/** One orphan; undefined when there is none of that id. @throws RemoteError, FormatError */
export async function readOrphan(at: OrphanTable, runtime: Runtime, id: string): Promise<Orphan | undefined> {
  const row = await retried(runtime, runtime.clock.elapsed() + ORPHAN_REQUEST_MAX_MS, () => at.table.get(at.control, orphanKey(id)));
  return row === undefined ? undefined : decodeOrphan(row);
}

/** A member's orphans whose ids begin so: people need not write all of an id. @param limit at most so many @throws RemoteError */
export async function orphansBeginning(at: OrphanTable, runtime: Runtime, prefix: string, limit: number): Promise<readonly Orphan[]> {
  const page = await retried(runtime, runtime.clock.elapsed() + ORPHAN_REQUEST_MAX_MS, () =>
    at.table.query({ table: at.control, partition: { name: 'pk', value: stringValue(ORPHAN) }, sort: { name: 'sk', prefix }, limit }),
  );
  return page.items.flatMap((row) => readableOrphan(row, runtime) ?? []);
}

/**
 * Notes what was decided of an orphan. It never opens again.
 *
 * @throws InputError "orphan-decided" when somebody has decided meanwhile · RemoteError
 */
export async function decide(
  at: OrphanTable,
  runtime: Runtime,
  orphan: Orphan,
  state: Exclude<OrphanState, 'open'>,
  note: string | undefined,
): Promise<Orphan> {
  const next: Orphan = { ...orphan, state, since: runtime.clock.now(), ...(note !== undefined && { note: note.slice(0, NOTE_MAX) }) };
  const answer = await retried(runtime, runtime.clock.elapsed() + ORPHAN_REQUEST_MAX_MS, () =>
    at.table.put(at.control, encodeOrphan(next), { op: '=', path: ['state'], value: stringValue('open') }),
  );
  if (answer.ok) return next;
  const found = answer.old === undefined ? undefined : decodeOrphan(answer.old);
  // An attempt that got no answer may have been stored.
  if (found?.state === state && found.since === next.since) return next;
  throw decided(orphan.id, found?.state);
}

/** What a decision that comes too late is told. */
export const decided = (id: string, state: OrphanState | undefined): InputError =>
  new InputError('orphan-decided', state === undefined ? `The orphan ${id} is not there any more.` : `The orphan ${id} is ${state} already. Nothing was done.`);
