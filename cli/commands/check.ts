import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { AdoptIo } from '../adopt-io.ts';
import { adoptIo } from '../adopt-io.ts';
import { cancelByCommand, listByCommand, showByCommand } from '../check-list.ts';
import { itemsPerSecond, repeated } from '../check-options.ts';
import type { CheckOptions } from '../check-plan.ts';
import { checkByCommand, resumeByCommand } from '../check-run.ts';
import { CliError } from '../errors.ts';
import type { Run } from '../program.ts';

interface Options extends CheckOptions {
  readonly resume?: string;
  readonly list?: true;
  readonly show?: string;
  readonly cancel?: string;
}

/** syncline check */
export function registerCheck(program: Command, run: Run, io: () => Pick<AdoptIo, 'confirm' | 'owner' | 'stream'> = adoptIo): void {
  program
    .command('check')
    .summary('compare the members with the primary, and repair what differs')
    .description(
      'Compares the members with the primary while everybody writes. What only lags is never called a difference: each suspicion is asked about in the key’s own lane, and explained by the log. By default the comparison is by the logs alone, and no table is read; a sweep reads every table whole. What differs is shown, and repaired when you agree; a repair never undoes a newer write. Ends with 3 when a difference was found, also when it was repaired, and when something could not be verified.',
    )
    .optionsGroup('What is compared (default: --proof):')
    .option('--proof', 'what both logs say of all items; needs one finished sweep, which begins it')
    .option('--sweep', 'every item, by reading the tables')
    .option('--key <key>', 'one key, as NAME=VALUE,… or DynamoDB JSON; may be repeated', repeated)
    .option('--keys-file <file>', 'keys, one a line; "-" for standard input')
    .option('--sample <share>', 'a share of the items, from above 0 to 1', share)
    .option('--member <name>', 'only this member; may be repeated (default: all but the primary)', repeated)
    .optionsGroup('What is done:')
    .option('--report-only', 'only tell what differs')
    .option('--repair', 'repair what differs without asking again')
    .option('--allow-deletes', 'let a repair delete any number of items that only a member has')
    .option('--items-per-s <number>', 'read at most so many items a second of each table', itemsPerSecond)
    .option('--yes', 'begin without asking; with --resume, approve the repair, too')
    .option('--detach', 'leave it to the functions: the minute run carries it out')
    .optionsGroup('Earlier checks:')
    .option('--resume <id>', 'go on with a check that was stopped; with --repair, approve the repair that it waits with')
    .option('--list', 'list the newest checks')
    .option('--show <id>', 'show a check and what it found')
    .option('--cancel <id>', 'end a check that is under way; what it has sent to be repaired is repaired')
    .addHelpText(
      'after',
      `
Examples:
  syncline check
  syncline check --sweep --report-only
  syncline check --sweep --repair --member us-east-1
  syncline check --key country=DE,cityId=2950159
  syncline check --sample 0.1 --json | jq '.links[] | {target, keys, divergent}'
  syncline check --resume 20261127T101503Z-ab12cd --repair`,
    )
    .action((own: Options, command: Command) =>
      run(
        command,
        (session) => {
          refuseTogether(own);
          if (own.list === true) return listByCommand(session);
          if (own.show !== undefined) return showByCommand(session, own.show);
          if (own.cancel !== undefined) return cancelByCommand(session, own.cancel, io());
          return own.resume === undefined ? checkByCommand(session, own, io()) : resumeByCommand(session, own.resume, own, io());
        },
        { time: 'open' },
      ),
    );
}

/** Options that name an earlier check, those that say what a new one is, and those that say what becomes of what it finds. */
const EARLIER = ['resume', 'list', 'show', 'cancel'] as const;
const DECISIONS = ['reportOnly', 'repair', 'allowDeletes'] as const;
const NEW_ONES = ['proof', 'sweep', 'key', 'keysFile', 'sample', 'member', 'itemsPerS', 'detach'] as const;
const flag = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** @throws CliError (usage) for options that cannot go together */
function refuseTogether(own: Options): void {
  const given = (names: readonly (keyof Options)[]): string[] => names.filter((name) => own[name] !== undefined).map(flag);
  const wrong = (names: readonly string[], why: string): CliError => new CliError('usage', 'bad-options', `${names.join(' and ')}: ${why}`);
  const kinds = given(['proof', 'sweep', 'key', 'keysFile', 'sample']).filter((name, i, all) => !(name === '--keys-file' && all.includes('--key') && i > 0));
  if (kinds.length > 1) throw wrong(kinds, 'a check compares one thing. Choose one of them.');
  const actions = given(['reportOnly', 'repair']);
  if (actions.length > 1) throw wrong(actions, 'either what differs is repaired, or it is only told.');
  const earlier = EARLIER.filter((name) => own[name] !== undefined);
  if (earlier.length > 1) throw wrong(earlier.map(flag), 'choose one of them.');
  const [one] = earlier;
  if (one !== undefined) {
    const others = given([...NEW_ONES, ...(one === 'resume' ? (['reportOnly'] as const) : DECISIONS)]);
    if (others.length > 0) throw wrong([flag(one), ...others], 'an earlier check is what it was asked for. Leave the others out.');
  }
  if (own.allowDeletes === true && own.reportOnly === true) throw wrong(['--allow-deletes', '--report-only'], 'a check that only tells deletes nothing.');
}

function share(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || !(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be a share, more than 0 and at most 1, like 0.1.');
  return value;
}
