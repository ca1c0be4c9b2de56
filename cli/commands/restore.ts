import type { Command } from 'commander';
import type { MemberConfig } from '../../lib/core/config.ts';
import { adoptIo } from '../adopt-io.ts';
import { archiveMember, archiveOf } from '../archive-place.ts';
import { CliError } from '../errors.ts';
import type { Run } from '../program.ts';
import { newTablePort } from '../restore-aws.ts';
import type { RestoreWhat } from '../restore-gather.ts';
import { restoreInPlace } from '../restore-in-place.ts';
import type { RestoreIo } from '../restore-table.ts';
import { restoreTable } from '../restore-table.ts';
import { primaryAt } from '../rewrite-carry.ts';
import type { EarlierOptions, RewriteOptions } from '../rewrite-options.ts';
import { earlierJob, rewriteOptions } from '../rewrite-options.ts';
import { resumeRewrite } from '../rewrite-resume.ts';
import { takeBackRewrite } from '../rewrite-run.ts';
import type { Session } from '../session.ts';
import { memberOption } from '../session.ts';
import { TIME_HELP } from '../times.ts';

interface RestoreOptions extends RestoreWhat, RewriteOptions, EarlierOptions {
  readonly to?: string;
  readonly inPlace?: true;
  readonly member?: string;
  readonly into?: string;
  readonly keepMeta?: true;
}

const realIo = (): RestoreIo => ({ ...adoptIo(), newTables: newTablePort, zone: Intl.DateTimeFormat().resolvedOptions().timeZone });

/** syncline restore */
export function registerRestore(program: Command, run: Run, io: () => RestoreIo = realIo): void {
  const command = program
    .command('restore')
    .summary('restore the table as it was at a time')
    .description(
      'Restores the table as it was at a second, from a snapshot and the log, into a table of its own or over the one that is there. It reads and checks every object first, and refuses, naming what is wrong, where the archive does not surely hold that time: nothing is written then. It says what it found, what it will write and cost, and asks.',
    )
    .option('--at <time>', `the time: ${TIME_HELP}, in whole seconds; or "latest", all that the archive holds`)
    .option('--to <table>', 'into this table: one that is not there is made like the set’s; or an empty one')
    .option('--in-place', 'over the primary’s table: what differs is written as any other write, so it replicates')
    .option('--key <key...>', 'only these keys, each as attr=value,attr=value or in DynamoDB JSON')
    .option('--prefix <text>', 'only keys whose partition key begins with this; NAME=TEXT for the key attribute NAME')
    .option('--member <member>', 'from the archive of this member (default: the primary)')
    .option('--into <member>', 'with --to: the table is in this member’s region (default: where the archive is)')
    .option('--keep-meta', 'with --to: keep each item’s revision, in the attribute "_s"');
  rewriteOptions(command)
    .addHelpText(
      'after',
      `
With --to, a restore that was stopped or killed is taken up by the same command (the time said in full). With --in-place it
is --resume JOB, and --undo JOB takes it back.

Examples:
  syncline restore --at 2026-11-24T10:15:03Z --to orders-before --dry-run
  syncline restore --at latest --to orders-rescued --member us-east-1
  syncline restore --at -15m --in-place --prefix customer-17
  syncline restore --undo restore-20261124T104503Z-ab12cd`,
    )
    .action((own: RestoreOptions, self: Command) => run(self, (session) => restore(session, own, io()), { time: 'open' }));
}

const NEW_ONES = ['at', 'to', 'inPlace', 'key', 'prefix', 'member', 'into', 'keepMeta'] as const;
const option = (name: string): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

async function restore(session: Session, own: RestoreOptions, io: RestoreIo): Promise<number> {
  const earlier = earlierJob(own, NEW_ONES.filter((name) => own[name] !== undefined).map(option));
  if (earlier !== undefined) {
    const at = await primaryAt(session);
    return (earlier.what === 'undo' ? takeBackRewrite : resumeRewrite)(session, at, earlier.job, 'restore', own, io);
  }
  if (own.to !== undefined && own.inPlace !== undefined) {
    throw new CliError('usage', 'bad-options', '--to and --in-place exclude each other: into a table of its own, or over the primary’s table.');
  }
  if (own.to === undefined && own.inPlace === undefined) {
    throw new CliError('usage', 'no-target', 'Say where to: --to TABLE (a table of its own), or --in-place (over the primary’s table).');
  }
  const member = await archiveMember(session, own.member);
  if (own.to !== undefined) {
    if (own.allowDeletes !== undefined)
      throw new CliError('usage', 'bad-options', '--allow-deletes goes with --in-place: a table of its own has nothing to delete.');
    const into: MemberConfig = own.into === undefined ? member : memberOption(session.config, own.into, '--into');
    return restoreTable(session, archiveOf(session, member), into, { ...own, to: own.to }, io);
  }
  const wrong = (['into', 'keepMeta'] as const).filter((name) => own[name] !== undefined).map(option);
  if (wrong.length > 0) throw new CliError('usage', 'bad-options', `${wrong.join(', ')} goes with --to.`);
  return restoreInPlace(session, archiveOf(session, member), await primaryAt(session), own, io);
}
