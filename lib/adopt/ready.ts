import type { Item } from '../core/attribute.ts';
import { mapOf, RESERVED, text } from '../core/attribute.ts';
import { InputError } from '../core/errors.ts';
import type { Link, Seat } from '../core/formats/rows.ts';
import { decodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import { metaOf, verifySeal } from '../core/formats/seal.ts';
import type { KeySchema } from '../core/key.ts';
import { keyAttributes, keyText } from '../core/key.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import type { LinkContext, MemberContext } from '../replicate/context.ts';
import { retried } from '../replicate/retry.ts';
import { NotInitialisedError, readSelf } from '../replicate/self.ts';
import { REQUEST_MAX_MS, SAMPLE_ITEMS } from './limits.ts';

/** Whether a set is ready for a backfill from one member. */

/**
 * The seat of the source, once it is sure that what is sent now arrives: it is primary, its table is the registered one,
 * and every link is open.
 *
 * @param epoch when given, the epoch that the seat must still have: appliers drop messages of an older one.
 * @throws InputError "not-primary", "primary-moved", "link-not-open" · NotInitialisedError · RemoteError, FormatError.
 */
export async function readySeat(member: MemberContext, table: TablePort, runtime: Runtime, epoch?: number): Promise<Seat> {
  const { seat, links } = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => readSelf(table, member.tables.control));
  if (seat === undefined) throw new NotInitialisedError(member.set, member.member);
  if (!isPrimary(seat)) {
    throw new InputError(
      'not-primary',
      `"${member.member}" is not the primary${seat.primary === undefined ? '' : `; "${seat.primary}" is`}. A table is adopted at the primary: what the others hold is made equal to it.`,
    );
  }
  if (epoch !== undefined && seat.own !== epoch) {
    throw new InputError('primary-moved', `The primary was changed meanwhile (epoch ${epoch} → ${seat.own}): this run ends. Begin anew with --restart.`);
  }
  for (const link of member.links) refuseClosed(link, links.get(link.target));
  return seat;
}

function refuseClosed(link: LinkContext, row: Link | undefined): void {
  if (row?.state === 'open') return;
  const why = row?.why === undefined ? '' : `: ${row.why}`;
  throw new InputError(
    'link-not-open',
    `The link ${link.source} → ${link.target} is ${row === undefined ? 'not there' : `${row.state}${why}`}. Live changes must travel beside the backfill, so it must be open. See "syncline status".`,
  );
}

/** Paths that a scan asks for: the key, and the reserved attribute. */
export const keyPaths = (schema: KeySchema): readonly (readonly string[])[] => [...keyAttributes(schema).map((a) => [a.name]), [RESERVED]];

/**
 * Whether an item has a reserved attribute of the user's own making: Syncline would overwrite it at the replicas.
 * What our own writers leave is a map with one-letter binary members, `r` and `p` of them. Pure.
 */
export function hasForeignMeta(item: Item): boolean {
  const value = item[RESERVED];
  if (value === undefined) return false;
  const map = mapOf(value);
  if (map === undefined) return true;
  return Object.entries(map).some(([name, member]) => (name !== 'r' && name !== 'p') || text(member, 'B') === undefined);
}

/** Whether an applier of this member wrote the item. Pure. */
export function isCopy(item: Item, tableId: string, schema: KeySchema): boolean {
  return verifySeal(metaOf(item).seal, tableId, keyText(item, schema)) !== undefined;
}

/** What a replica holds, by a look at some of its items. */
export interface ReplicaSample {
  readonly target: string;
  /** Items that were looked at. */
  readonly looked: number;
  /** Those of them that no applier wrote. */
  readonly old: number;
}

/** Looks at some items of each replica. Those that appliers wrote since the set was started are none of our business. @throws RemoteError, FormatError */
export async function sampleReplicas(member: MemberContext, target: (link: LinkContext) => TablePort, runtime: Runtime): Promise<ReplicaSample[]> {
  return Promise.all(
    member.links.map(async (link) => {
      const table = target(link);
      const until = runtime.clock.elapsed() + REQUEST_MAX_MS;
      const row = await retried(runtime, until, () => table.get(link.targetTables.control, SEAT_KEY));
      // Without a seat no applier has ever written there.
      const tableId = row === undefined ? '' : decodeSeat(row).tableId;
      const page = await retried(runtime, until, () => table.scan({ table: link.targetTables.items, project: keyPaths(link.key), limit: SAMPLE_ITEMS }));
      return { target: link.target, looked: page.items.length, old: page.items.filter((item) => !isCopy(item, tableId, link.key)).length };
    }),
  );
}

/** What a look at some items of the source has shown. */
export interface SourceSample {
  readonly looked: number;
  /** Items whose reserved attribute is the user's. */
  readonly foreign: number;
  /** How long the page took (ms). */
  readonly tookMs: number;
}

/** Looks at some items of the source. @throws RemoteError */
export async function sampleSource(table: TablePort, name: string, schema: KeySchema, runtime: Runtime): Promise<SourceSample> {
  const began = runtime.clock.elapsed();
  const page = await retried(runtime, began + REQUEST_MAX_MS, () => table.scan({ table: name, project: keyPaths(schema), limit: SAMPLE_ITEMS }));
  return { looked: page.items.length, foreign: page.items.filter(hasForeignMeta).length, tookMs: runtime.clock.elapsed() - began };
}
