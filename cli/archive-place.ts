import type { ArchivePlace } from '../lib/archive/place.ts';
import { archivePlace } from '../lib/archive/place.ts';
import type { MemberConfig } from '../lib/core/config.ts';
import { FormatError } from '../lib/core/errors.ts';
import type { Seat, Shard } from '../lib/core/formats/rows.ts';
import type { ShardDescription, StreamPort } from '../lib/ports/stream.ts';
import type { TablePort } from '../lib/ports/table.ts';
import type { MemberContext } from '../lib/replicate/context.ts';
import { memberContext } from '../lib/replicate/context.ts';
import { retried } from '../lib/replicate/retry.ts';
import { readSelf } from '../lib/replicate/self.ts';
import { ROWS_MAX, readShards } from '../lib/status/gather.ts';
import { CliError } from './errors.ts';
import type { Session } from './session.ts';
import { findPrimary, located, memberOption } from './session.ts';

/**
 * What the commands of the archive need to know of one member.
 *
 * ⚠ The ports are bare, so that flows see failures as they are and try again: run a whole flow in `at`, which says which
 * region failed.
 */
export interface MemberArchive {
  readonly member: MemberConfig;
  readonly context: MemberContext;
  readonly place: ArchivePlace;
  readonly table: TablePort;
  readonly stream: StreamPort;
  /** Runs something that concerns this member, so that its errors say where. @throws CliError */
  at<T>(run: () => Promise<T>): Promise<T>;
  /** The seat, and how far the readers of the stream are: consistent reads, with retries. @throws CliError */
  control(): Promise<{ readonly seat: Seat; readonly shards: readonly Shard[] }>;
  /** The shards of the seat's stream, as DynamoDB describes them. @throws CliError */
  description(seat: Seat): Promise<readonly ShardDescription[]>;
}

/** The archive of a member. Asks nobody yet. */
export function archiveOf(session: Session, member: MemberConfig): MemberArchive {
  const { config, runtime, until } = session;
  const context = memberContext(config, member);
  const { control } = context.tables;
  const { table, stream, objects } = session.ports(member);
  const at = <T>(run: () => Promise<T>): Promise<T> =>
    located(session, member, () =>
      run().catch((error: unknown) => {
        throw error instanceof FormatError ? damaged(error) : error;
      }),
    );
  const asked = <T>(read: () => Promise<T>): Promise<T> => at(() => retried(runtime, until, read));
  return {
    member,
    context,
    place: archivePlace(context, objects),
    table,
    stream,
    at,
    control: async () => {
      const { seat } = await asked(() => readSelf(table, control));
      if (seat === undefined)
        throw new CliError(
          'failed',
          'not-initialised',
          `The member "${member.name}" of the set "${config.set}" has no seat: nothing is archived there yet. Run "syncline init --primary MEMBER" first.`,
        );
      const { shards, more } = await asked(() => readShards(table, control));
      if (more) throw new CliError('failed', 'too-many-shards', `The table ${control} has more than ${ROWS_MAX} rows of shards; this version reads no more.`);
      return { seat, shards };
    },
    description: (seat) => asked(() => stream.shards(seat.stream)),
  };
}

/** Stored bytes that cannot be read. The message names the object. */
const damaged = (error: FormatError): CliError =>
  new CliError(
    'failed',
    'archive-damaged',
    `${error.message} What else is damaged, and what can be done, "syncline archive verify" says.`,
    {},
    { cause: error },
  );

/** The member that --member names; without it the primary. @throws CliError (usage) for an unknown one; as `findPrimary` */
export async function archiveMember(session: Session, name: string | undefined): Promise<MemberConfig> {
  return name === undefined ? (await findPrimary(session)).member : memberOption(session.config, name, '--member');
}
