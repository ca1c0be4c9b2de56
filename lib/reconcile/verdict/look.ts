import type { Link, Seat, Shard } from '../../core/formats/rows.ts';
import { isPrimary } from '../../core/formats/rows.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ShardDescription } from '../../ports/stream.ts';
import type { LinkContext } from '../../replicate/context.ts';
import { retried } from '../../replicate/retry.ts';
import { readSelf } from '../../replicate/self.ts';
import { readShards } from '../../status/gather.ts';
import type { CheckPorts } from '../ports.ts';
import type { VerdictBatch } from './batch.ts';
import { givenUp } from './batch.ts';

/** What every step looks at first. */
export interface Look {
  readonly ports: CheckPorts;
  readonly runtime: Runtime;
  /** Elapsed time (ms) after which nothing is begun. */
  readonly untilMs: number;
  readonly seat: Seat;
  readonly links: ReadonlyMap<string, Link>;
}

/** What one step came to. `waitMs` 0: the batch is done. */
export interface Stepped {
  readonly batch: VerdictBatch;
  readonly waitMs: number;
}

/** The batch goes on at once: its state is to be kept first. */
export const AT_ONCE_MS = 1;

/** The member's own seat and links, or why it cannot judge anything. @throws RemoteError, FormatError */
export async function lookAround(ports: CheckPorts, runtime: Runtime, untilMs: number): Promise<Look | string> {
  const { table, member } = ports.own;
  const { seat, links } = await retried(runtime, untilMs, () => readSelf(table, member.tables.control));
  if (seat === undefined || !isPrimary(seat)) return `${member.member} is not the primary: only the primary's own table can be compared with its copies.`;
  return { ports, runtime, untilMs, seat, links };
}

/** The link to a target; undefined where there is none, whose keys were given up before. */
export const linkTo = ({ ports }: Look, target: string): LinkContext | undefined => ports.own.member.links.find((link) => link.target === target);

/** Gives up the keys of links by which nothing comes. */
export function withoutClosed(batch: VerdictBatch, look: Look): VerdictBatch {
  const targets = new Set(batch.keys.flatMap(({ target, outcome }) => (outcome === undefined ? [target] : [])));
  let left = batch;
  for (const target of targets) {
    const why = closedWhy(target, linkTo(look, target), look.links.get(target));
    if (why !== undefined) left = givenUp(left, why, new Set([target]));
  }
  return left;
}

function closedWhy(target: string, link: LinkContext | undefined, row: Link | undefined): string | undefined {
  if (link === undefined || row === undefined) return `There is no link to "${target}".`;
  if (row.state === 'open') return undefined;
  return `The link to ${target} is ${row.state}${row.why === undefined ? '' : ` (${row.why})`}: its copies are not kept up to date now.`;
}

/** How far both readers of the source's stream are. */
export interface Readers {
  /** Before the rows were read (ms, wall clock). */
  readonly now: number;
  readonly rows: readonly Shard[];
  readonly shards: readonly ShardDescription[];
}

/** Reads it; a sentence when it cannot be told. @throws RemoteError, FormatError */
export async function readReaders({ ports, runtime, untilMs, seat }: Look): Promise<Readers | string> {
  const { table, member } = ports.own;
  const now = runtime.clock.now();
  const { shards: rows, more } = await retried(runtime, untilMs, () => readShards(table, member.tables.control));
  if (more) return 'The stream of the source has more shards than can be looked at.';
  const shards = await retried(runtime, untilMs, () => ports.stream.shards(seat.stream));
  return { now, rows, shards };
}
