import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { SEGMENTS_DEFAULT, SEGMENTS_MAX } from '../../lib/archive/snapshot/limits.ts';
import { adoptIo } from '../adopt-io.ts';
import { archiveMember, archiveOf } from '../archive-place.ts';
import { CliError } from '../errors.ts';
import { exportsPort } from '../exports-aws.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { memberOption } from '../session.ts';
import type { ImportOptions } from '../snapshot-import.ts';
import { importByCommand } from '../snapshot-import.ts';
import { listByCommand } from '../snapshot-list.ts';
import type { SnapshotIo, TakeOptions } from '../snapshot-run.ts';
import { takeByCommand } from '../snapshot-run.ts';

/** Most items a second that may be asked for. */
const RATE_MAX = 1_000_000;
const MEMBER = ['--member <member>', 'of this member (default: the primary)'] as const;

const realIo = (): SnapshotIo => ({ ...adoptIo(), exports: exportsPort });

/** syncline snapshot [take|list|import] */
export function registerSnapshot(program: Command, run: Run, io: () => SnapshotIo = realIo): void {
  const snapshot: Command = program
    .command('snapshot')
    .summary('take, list and load snapshots of a member’s table')
    .description(
      'A snapshot is a copy of all items in the member’s bucket, with checksums, in DynamoDB’s own import format. Together with the log it serves every second from its end on. Without a further word, "snapshot" takes one.',
    )
    .addHelpText(
      'after',
      () => `
Options of "snapshot", which are those of "snapshot take":
${optionLines(take)}

Examples:
  syncline snapshot
  syncline snapshot --member us-east-1 --rate 2000 --yes
  syncline snapshot list
  syncline snapshot import 20261124T101503Z-ab12cd --to orders-copy`,
    );

  const take: Command = snapshot
    .command('take', { isDefault: true })
    .summary('take one')
    .description(
      'Reads the table once and stores its items in the member’s bucket. It says first what that reads, writes and costs, and asks. It writes nothing to the table. Stopped or killed, the same command goes on where it was; so does the minute run, where snapshots are taken on a schedule. Ends with 3 when it was stopped.',
    )
    .option(...MEMBER)
    .addOption(new Option('--rate <items>', 'read at most so many items a second').argParser(number('items a second', RATE_MAX)).conflicts('share'))
    .addOption(
      new Option('--share <share>', 'read with at most this share of the table’s provisioned units (default: 0.25, where it has them)').argParser(
        number('share', 1),
      ),
    )
    .addOption(new Option('--segments <number>', `parts that are read at the same time (default: ${SEGMENTS_DEFAULT})`).argParser(segments))
    .addOption(
      new Option('--via <way>', 'scan: reads the table; export: DynamoDB exports it from its backup, which takes point-in-time recovery and no capacity')
        .choices(['scan', 'export'])
        .default('scan'),
    )
    .addOption(new Option('--compression <kind>', 'how files are packed (default: zstd); gzip for tools that know no zstd').choices(['zstd', 'gzip']))
    .option('--restart', 'begin anew, whatever was read before')
    .option('--yes', 'begin without asking')
    .addHelpText(
      'after',
      `
Examples:
  syncline snapshot take --member eu-central-1
  syncline snapshot take --share 0.1 --segments 2 --yes
  syncline snapshot take --via export --yes --json`,
    )
    // "snapshot foo" comes here, too: "too many arguments" would name a command that was not called.
    .allowExcessArguments()
    .action((own: TakeOptions, command: Command) =>
      // It takes as long as the table is large.
      run(command, async (session) => takeByCommand(session, await archiveFor(session, own.member), checked(own, command, snapshot), io()), { time: 'open' }),
    );

  snapshot
    .command('list')
    .summary('list the snapshots there are')
    .description(
      'Lists the snapshots in the members’ buckets, oldest first: which time on each serves, and whether it is whole, by its manifest and the last "archive verify". Ends with 3 when one is damaged, and with 4 when a member did not answer: those of the others are shown.',
    )
    .option('--member <member>', 'of this member only (default: all)')
    .addHelpText(
      'after',
      `
Examples:
  syncline snapshot list
  syncline snapshot list --member us-east-1 --json | jq '.snapshots[-1]'`,
    )
    .action((own: { readonly member?: string }, command: Command) =>
      run(command, (session) => {
        const { config } = session;
        const members = own.member === undefined ? config.members : [memberOption(config, own.member, '--member')];
        return listByCommand(
          session,
          members.map((member) => archiveOf(session, member)),
        );
      }),
    );

  snapshot
    .command('import')
    .summary('load one into a new table, by DynamoDB itself')
    .description(
      'Has DynamoDB load a finished snapshot into a table that it makes (ImportTable): no write capacity is used. The table is that of the snapshot, not of a later second: "syncline restore" gives that, and needs nothing of the service.',
    )
    .argument('<id>', 'the snapshot; see "syncline snapshot list"')
    .requiredOption('--to <table>', 'name of the new table')
    .option(...MEMBER)
    .option('--yes', 'begin without asking')
    .addHelpText(
      'after',
      `
Examples:
  syncline snapshot import 20261124T101503Z-ab12cd --to orders-copy
  syncline snapshot import 20261124T101503Z-ab12cd --to orders-copy --member us-east-1 --yes`,
    )
    .action((id: string, own: ImportOptions & { readonly member?: string }, command: Command) =>
      run(command, async (session) => importByCommand(session, await archiveFor(session, own.member), id, own, io()), { time: 'open' }),
    );
}

const archiveFor = async (session: Session, member: string | undefined) => archiveOf(session, await archiveMember(session, member));

/** The options of a command as its own help shows them. */
function optionLines(command: Command): string {
  const help = command.createHelp();
  const lines = help.visibleOptions(command).map((option) => [help.optionTerm(option), help.optionDescription(option)] as const);
  const width = Math.max(...lines.map(([term]) => term.length));
  return lines.map(([term, about]) => `  ${term.padEnd(width)}  ${about}`).join('\n');
}

/** @throws CliError (usage) for a word that is no command, and for options of a scan with --via export */
function checked(own: TakeOptions, command: Command, snapshot: Command): TakeOptions {
  const [word] = command.args;
  if (word !== undefined)
    throw new CliError(
      'usage',
      'unknown-command',
      `"snapshot" has no command ${JSON.stringify(word)}. It has ${snapshot.commands.map((c) => c.name()).join(', ')}; without any it takes a snapshot. See "syncline snapshot --help".`,
    );
  const names = (['rate', 'share', 'segments', 'compression'] as const).filter((name) => own[name] !== undefined);
  if (own.via === 'export' && names.length > 0)
    throw new CliError(
      'usage',
      'bad-options',
      `${names.map((name) => `--${name}`).join(', ')}: with --via export DynamoDB reads, in its own way. Leave it out.`,
    );
  return own;
}

const number =
  (what: string, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > max)
      throw new InvalidArgumentError(`It must be a number (${what}), more than 0 and at most ${max}.`);
    return value;
  };

function segments(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > SEGMENTS_MAX) throw new InvalidArgumentError(`It must be a whole number from 1 to ${SEGMENTS_MAX}.`);
  return value;
}
