import type { Command } from 'commander';
import { Option } from 'commander';
import { changes } from '../../lib/archive/log/changes.ts';
import { nothingSeen, undoLines } from '../../lib/archive/undo/lines.ts';
import { undoScope } from '../../lib/archive/undo/scope.ts';
import type { BadChanges } from '../../lib/archive/undo/select.ts';
import { isoSeconds } from '../../lib/core/calendar.ts';
import type { LogRecord } from '../../lib/core/formats/log-record.ts';
import type { AdoptIo } from '../adopt-io.ts';
import { adoptIo } from '../adopt-io.ts';
import { boundOf, quietFields, quietLines } from '../archive-bound.ts';
import { CliError } from '../errors.ts';
import { readFilter } from '../log-filter.ts';
import { count } from '../output.ts';
import type { Run } from '../program.ts';
import { refusedAs } from '../restore-refused.ts';
import type { RewriteAt, RewriteIo } from '../rewrite-carry.ts';
import { primaryAt } from '../rewrite-carry.ts';
import type { EarlierOptions, RewriteOptions } from '../rewrite-options.ts';
import { earlierJob, rewriteOptions } from '../rewrite-options.ts';
import { resumeRewrite } from '../rewrite-resume.ts';
import { runRewrite, takeBackRewrite } from '../rewrite-run.ts';
import type { Session } from '../session.ts';
import { readTime, TIME_HELP, wholeSecond } from '../times.ts';
import { undoNotes } from '../undo-notes.ts';

interface UndoOptions extends RewriteOptions, EarlierOptions {
  readonly from?: string;
  readonly to?: string;
  readonly where?: string;
  readonly origin?: 'local' | 'expiry';
}

/** syncline undo */
export function registerUndo(program: Command, run: Run, io: () => AdoptIo = adoptIo): void {
  rewriteOptions(
    program
      .command('undo')
      .summary('take back the changes of a window of time')
      .description(
        'Takes back the changes of a window (a bad deployment) by the log of the primary, and keeps every later write to the same keys: each key becomes what it would be without the bad changes, attribute by attribute. It shows first what it would do and what it leaves as it is, and asks. What it writes is replicated as any other write; whatever changes meanwhile is never overwritten. A job is taken back with --undo.',
      )
      .option('--from <time>', `begin of the window: ${TIME_HELP}`)
      .option('--to <time>', 'end of the window, as --from; both ends are included')
      .option('--where <json>', 'only changes whose new item (of a removal: old item) this condition holds for')
      .addOption(
        new Option('--origin <origin>', 'changes that somebody wrote at the primary, or removals by DynamoDB’s own expiry (default: local)').choices([
          'local',
          'expiry',
        ]),
      ),
  )
    .addHelpText(
      'after',
      `
Changes that came by replication, before the primary was one, are not taken back: they were made elsewhere. For those,
restore the keys to a time before: "syncline restore --at TIME --in-place --key …".

Examples:
  syncline undo --from 2026-11-24T10:15:00Z --to 2026-11-24T10:40:00Z --dry-run
  syncline undo --from -2h --to -90m --where '{"path":"deployment","op":"=","value":"v17"}'
  syncline undo --undo undo-20261124T104503Z-ab12cd`,
    )
    .action((own: UndoOptions, command: Command) => run(command, (session) => undo(session, own, io()), { time: 'open' }));
}

/** Changes between two looks at how far the log is read. */
const SAY_EVERY = 5_000;
const NEW_ONES = ['from', 'to', 'where', 'origin'] as const;

async function undo(session: Session, own: UndoOptions, io: RewriteIo): Promise<number> {
  const { runtime } = session;
  const earlier = earlierJob(
    own,
    NEW_ONES.filter((name) => own[name] !== undefined).map((name) => `--${name}`),
  );
  const bad = earlier === undefined ? badChanges(own, runtime.clock.now()) : undefined;
  const at = await primaryAt(session);
  if (earlier !== undefined) return (earlier.what === 'undo' ? takeBackRewrite : resumeRewrite)(session, at, earlier.job, 'undo', own, io);
  return undoWindow(session, at, bad as BadChanges, own, io);
}

async function undoWindow(session: Session, at: RewriteAt, bad: BadChanges, own: UndoOptions, io: RewriteIo): Promise<number> {
  const { runtime } = session;
  const { archive, seat } = at;
  const { shards, bound } = await boundOf(session, archive, seat);
  const known = { stream: seat.stream, shards, surely: bound };
  const scope = await archive.at(() => undoScope(archive.place, runtime, bad, known).catch(refusedAs('undo-refused', session.out)));
  const seen = nothingSeen();
  const table = { table: archive.table, name: archive.context.tables.items, key: archive.context.key };
  let say = (_: string): void => undefined;
  const read = async function* (): AsyncGenerator<LogRecord> {
    let n = 0;
    for await (const change of changes(archive.place, runtime, { fromMs: bad.fromMs, segments: scope.segments })) {
      n += 1;
      if (n % SAY_EVERY === 0)
        say(`reading the log: ${count(n)} of about ${count(scope.records)} changes${seen.passes === 0 ? '' : `, pass ${seen.passes + 1}`}`);
      yield change;
    }
  };
  const asked = {
    kind: 'undo',
    command: 'undo',
    args: argsOf(own, bad),
    lines: undoLines(table, runtime, bad, read, seen),
    facts: quietFields(bound),
    notes: () => [...undoNotes(bad, scope, seen, seat.since), ...quietLines(bound)],
    reading: (to: (words: string) => void) => {
      say = to;
    },
  } as const;
  return runRewrite(session, at, asked, own, io);
}

/** Which changes are bad. @throws CliError (usage) */
function badChanges({ from, to, where, origin }: UndoOptions, nowMs: number): BadChanges {
  if (from === undefined || to === undefined)
    throw new CliError('usage', 'no-window', '--from and --to say which changes are bad; or name an earlier job with --undo or --resume.');
  const bad = { fromMs: wholeSecond(readTime(from, '--from', nowMs)), toMs: readTime(to, '--to', nowMs), origin: origin ?? 'local' } as const;
  return where === undefined ? bad : { ...bad, where: readFilter(where, '--where') };
}

const argsOf = ({ where }: UndoOptions, { fromMs, toMs, origin }: BadChanges): Readonly<Record<string, string>> => ({
  from: isoSeconds(fromMs),
  to: isoSeconds(toMs),
  origin,
  ...(where !== undefined && { where }),
});
