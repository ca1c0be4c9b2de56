import { readArchiveState } from '../archive/log/state.ts';
import { archivedBound } from '../archive/log/until.ts';
import { readArchiveSettings } from '../archive/settings-row.ts';
import { snapshotJobPlace } from '../archive/snapshot/savepoint.ts';
import type { Item } from '../core/attribute.ts';
import type { MemberConfig, SetConfig } from '../core/config.ts';
import { FormatError } from '../core/errors.ts';
import type { Refused } from '../core/formats/refused-row.ts';
import { decodeRefused, REFUSED } from '../core/formats/refused-row.ts';
import type { Link, Seat, Shard } from '../core/formats/rows.ts';
import { decodeShard, isPrimary, SHARD } from '../core/formats/rows.ts';
import { memberNames, queueUrl } from '../core/names.ts';
import { readJob } from '../job/lease.ts';
import type { RemoteErrorKind } from '../ports/errors.ts';
import { RemoteError } from '../ports/errors.ts';
import type { QueueDepth, QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { StreamPort } from '../ports/stream.ts';
import type { TableDescription, TablePort } from '../ports/table.ts';
import { memberContext } from '../replicate/context.ts';
import { retried } from '../replicate/retry.ts';
import { readSelf } from '../replicate/self.ts';
import type { ArchiveFacts } from './archive.ts';
import type { CheckFacts, OpenTaskFacts, OrphanCount } from './gather-checks.ts';
import { countOrphans, gatherChecks, readOpenTasks } from './gather-checks.ts';

/**
 * Reads what there is to know about a set, from all members at once. One member that does not answer takes nothing
 * from the others: what could not be read is said, not guessed. Only reads; judging is in judge.ts.
 */

/** The ports of one member's region. */
export interface RegionPorts {
  readonly table: TablePort;
  readonly queue: QueuePort;
  readonly stream: StreamPort;
}

/** Gives the ports of a member. */
export type PortsOf = (member: MemberConfig) => RegionPorts;

/** Rows of one kind that are read from one member: pages of ROWS_PAGE, at most ROWS_MAX. */
const ROWS_PAGE = 500;
export const ROWS_MAX = 5_000;

/** Why something could not be read. */
export interface Unread {
  readonly what: string;
  /** `unreadable`: it is there, but this version does not understand it. */
  readonly kind: RemoteErrorKind | 'unreadable';
  readonly code: string;
  readonly message: string;
}

/** One link, as its source shows it. */
export interface LinkFacts {
  readonly source: string;
  readonly target: string;
  readonly link?: Link;
  readonly queue?: QueueDepth;
  readonly dead?: QueueDepth;
}

/** One member. Absent fields could not be read (see `unread`) or are not there. */
export interface MemberFacts {
  readonly member: string;
  readonly region: string;
  /** Whether its `control` table answered. */
  readonly reached: boolean;
  readonly seat?: Seat;
  readonly table?: TableDescription;
  readonly shards: readonly Shard[];
  readonly refused: readonly Refused[];
  /** There are more refused keys than were read. */
  readonly refusedMore: boolean;
  readonly streamFailures?: QueueDepth;
  readonly links: readonly LinkFacts[];
  /** Absent before the member has a seat. */
  readonly archive?: ArchiveFacts;
  /** What its checks have left; only of a primary. */
  readonly checks?: CheckFacts;
  readonly orphans?: OrphanCount;
  readonly tasks?: readonly OpenTaskFacts[];
  readonly unread: readonly Unread[];
}

/** Everything that was read of a set. */
export interface SetFacts {
  readonly set: string;
  readonly members: readonly MemberFacts[];
}

/**
 * Reads the set.
 *
 * @param until elapsed time (ms) after which no retry is begun.
 */
export async function gatherSet(config: SetConfig, portsOf: PortsOf, runtime: Runtime, until: number): Promise<SetFacts> {
  const members = await Promise.all(config.members.map((member) => gatherMember(config, member, portsOf(member), runtime, until)));
  return { set: config.set, members };
}

async function gatherMember(config: SetConfig, member: MemberConfig, ports: RegionPorts, runtime: Runtime, until: number): Promise<MemberFacts> {
  const context = memberContext(config, member);
  const names = memberNames(config.set, member);
  const unread: Unread[] = [];
  /** Runs a read; what fails for the region's or the format's sake becomes an entry of `unread`. */
  const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await retried(runtime, until, read);
    } catch (error) {
      unread.push(unreadOf(what, error));
      return undefined;
    }
  };

  // The seat first: where the control table does not answer, nothing else of the region is worth waiting for.
  const self = await attempt(`table ${names.control}`, () => readSelf(ports.table, names.control));
  if (self === undefined) {
    const reached = unread.some((u) => u.kind === 'unreadable');
    return { member: member.name, region: member.region, reached, shards: [], refused: [], refusedMore: false, links: [], unread };
  }
  // Before the rows of the shards are read: what was marked later cannot make an earlier bound wrong.
  const nowMs = runtime.clock.now();
  const { control } = names;
  const [table, shards, refused, streamFailures, checks, orphans, tasks, ...links] = await Promise.all([
    attempt(`table ${member.items}`, () => ports.table.describe(member.items)),
    attempt(`shards in ${names.control}`, async () => (await readShards(ports.table, names.control)).shards),
    attempt(`refused keys in ${names.control}`, () => readRefused(ports.table, names.control)),
    attempt(`queue ${names.streamFailures}`, () => ports.queue.depth(queueUrl(member, names.streamFailures))),
    self.seat !== undefined && isPrimary(self.seat) ? gatherChecks(ports.table, control, runtime, until, attempt) : undefined,
    attempt(`orphans in ${control}`, () => countOrphans(ports.table, control)),
    attempt(`tasks in ${control}`, () => readOpenTasks(ports.table, control)),
    ...context.links.map(async (link): Promise<LinkFacts> => {
      const [queue, dead] = await Promise.all([
        attempt(`queue ${link.queueUrl.split('/').at(-1) ?? ''}`, () => ports.queue.depth(link.queueUrl)),
        attempt(`queue ${link.dlqUrl.split('/').at(-1) ?? ''}`, () => ports.queue.depth(link.dlqUrl)),
      ]);
      const row = self.links.get(link.target);
      return { source: link.source, target: link.target, ...(row && { link: row }), ...(queue && { queue }), ...(dead && { dead }) };
    }),
  ]);
  const archive = self.seat && shards && (await gatherArchive(self.seat, shards, table));
  return {
    member: member.name,
    region: member.region,
    reached: true,
    ...(self.seat && { seat: self.seat }),
    ...(table && { table }),
    shards: shards ?? [],
    refused: refused?.refused ?? [],
    refusedMore: refused?.more ?? false,
    ...(streamFailures && { streamFailures }),
    links,
    ...(archive && { archive }),
    ...(checks && { checks }),
    ...(orphans && { orphans }),
    ...(tasks && { tasks }),
    unread,
  };

  async function gatherArchive({ stream }: Seat, rows: readonly Shard[], found: TableDescription | undefined): Promise<ArchiveFacts> {
    const [described, state, settings, ...jobs] = await Promise.all([
      // Of a stream that was replaced the attention says enough.
      found?.streamArn === stream ? attempt(`stream ${stream}`, () => ports.stream.shards(stream)) : undefined,
      attempt(`archive job in ${names.control}`, () => readArchiveState({ table: ports.table, control: names.control }, runtime, until)),
      attempt(`archive settings in ${names.control}`, () => readArchiveSettings(ports.table, names.control, runtime, until)),
      ...(['scan', 'export'] as const).map((via) =>
        attempt(`${via} job in ${names.control}`, () => readJob(snapshotJobPlace(ports.table, names.control, via), runtime)),
      ),
    ]);
    return {
      ...(described && { bound: archivedBound(rows, described, nowMs, settings?.windowMs) }),
      ...(state && { state }),
      snapshots: jobs.filter((job) => job !== undefined),
    };
  }
}

/** All rows of one partition of a control table, at most ROWS_MAX. @throws RemoteError */
async function readRows(table: TablePort, control: string, partition: string): Promise<{ rows: Item[]; more: boolean }> {
  const rows: Item[] = [];
  let after: Item | undefined;
  do {
    const page = await table.query({ table: control, partition: { name: 'pk', value: { S: partition } }, limit: ROWS_PAGE, ...(after && { after }) });
    rows.push(...page.items);
    after = page.next;
  } while (after !== undefined && rows.length < ROWS_MAX);
  return { rows, more: after !== undefined };
}

/** How far both readers of the stream are, by shard: those of about the last two days, at most ROWS_MAX. @throws RemoteError, FormatError */
export async function readShards(table: TablePort, control: string): Promise<{ shards: Shard[]; more: boolean }> {
  const { rows, more } = await readRows(table, control, SHARD);
  return { shards: rows.map(decodeShard), more };
}

/** The refused keys that a member's control table lists, at most ROWS_MAX. @throws RemoteError, FormatError */
export async function readRefused(table: TablePort, control: string): Promise<{ refused: Refused[]; more: boolean }> {
  const { rows, more } = await readRows(table, control, REFUSED);
  return { refused: rows.map(decodeRefused), more };
}

/** Sorts an error into `Unread`. @throws whatever is neither a remote failure nor an unknown format: that is a bug. */
export function unreadOf(what: string, error: unknown): Unread {
  if (error instanceof RemoteError) return { what, kind: error.kind, code: error.code, message: error.message };
  if (error instanceof FormatError) return { what, kind: 'unreadable', code: error.name, message: error.message };
  throw error;
}
